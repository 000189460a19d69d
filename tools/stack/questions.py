"""Questions to the operator before a command changes or deletes something.

    confirm("Remove it and deploy again?")      # y or yes; `make … YES=1` answers for scripts
    confirm_name("chatkit-prod")                # its name; `make … CONFIRM=chatkit-prod` answers, and nothing else does

Without a terminal and without these variables, both raise DeploymentError.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from tools.stack.operator import DeploymentError

Ask = Callable[[str], str]
Agree = Callable[[str], bool]
"""Asks the operator a question with yes or no."""


def ask(question: str) -> str:
    """Return the line that the operator types. Raises EOFError if no terminal is connected."""
    if not sys.stdin.isatty():
        raise EOFError
    return input(question)


def confirm(question: str, ask: Ask = ask) -> bool:
    """Ask a question that `YES=1` answers in scripts. Everything except y and yes is a no."""
    if os.environ.get("YES") == "1":
        return True
    try:
        return ask(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        raise DeploymentError("this needs your consent, and there is no terminal to ask on: add YES=1") from None


def confirm_name(stack_name: str, ask: Ask = ask) -> bool:
    """Ask for the name of the stack that is about to be deleted. `YES=1` is not an answer."""
    try:
        typed = os.environ.get("CONFIRM") or ask(f"To delete it, type the stack's name ({stack_name}): ")
    except EOFError:
        raise DeploymentError(
            f"nothing was deleted, because there is no terminal to type the stack's name on: add CONFIRM={stack_name}"
        ) from None
    return typed.strip() == stack_name
