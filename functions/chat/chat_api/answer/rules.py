"""Rules for assistants, by their names in the log, and the checks of an assistant's type.

fault_of(assistant)                 # at start: None, or what keeps it from being an assistant
iterator_of(call)                   # in a turn
broken(ADDED_IS_DONE, "…")          # logs
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from typing import cast

logger = logging.getLogger("chat_api.answer")

IS_GENERATOR = "respond is an async generator"
YIELDS_EVENTS = "respond yields ThreadStreamEvents"
ADDED_IS_DONE = "an added item is done"
DONE_HAS_CONTENT = "a done item has its content"
ADDED_FIRST = "an item is added before it changes"
DONE_ONCE = "an item is done once"
DONE_IS_FINAL = "an item does not change after it is done"
ONE_CALL = "one client tool is called at a time"
NEVER_BLOCKED = "the event loop is never blocked"
ASYNC_METHODS = ("sync_action", "transcribe", "title", "entities", "moderate", "overview", "close")
"""Optional methods that are coroutines."""


class RuleBrokenError(Exception):
    """The assistant broke a rule in a way that cannot be repaired."""


def broken(rule: str, detail: str) -> None:
    """Log a broken rule by its name, for the author of the assistant."""
    logger.warning("the assistant broke the rule “%s”: %s", rule, detail)


def iterator_of(call: Callable[[], object]) -> AsyncIterator[object]:
    """Return the events of the assistant's method. Raises RuleBrokenError if it is not an async generator."""
    result = call()
    if isinstance(result, AsyncIterable):
        return aiter(cast("AsyncIterable[object]", result))
    if isinstance(result, Coroutine):
        result.close()
    broken(IS_GENERATOR, f"it returned {type(result).__name__}")  # pyright: ignore[reportUnknownArgumentType]
    raise RuleBrokenError(IS_GENERATOR)


def fault_of(assistant: object) -> str | None:
    """Return what keeps an object from being an assistant, or None."""
    kind = type(assistant).__name__
    if inspect.iscoroutine(assistant):
        assistant.close()
        return "the factory is async; it must be a plain function that returns the assistant"
    respond = getattr(assistant, "respond", None)
    if not callable(respond):
        return f"the factory returned {kind}, which has no method respond"
    for name in ("respond", "action", "decide"):
        method = getattr(assistant, name, None)
        if inspect.iscoroutinefunction(method):
            return f"{kind}.{name} must yield events: it is async but has no yield"
        if inspect.isgeneratorfunction(method):
            return f"{kind}.{name} must be async: write async def"
    for name in ASYNC_METHODS:
        method = getattr(assistant, name, None)
        if inspect.isroutine(method) and not inspect.iscoroutinefunction(method):
            return f"{kind}.{name} must be a coroutine: write async def, and return instead of yield"
    return None
