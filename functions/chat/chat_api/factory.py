"""The factory of the assistant, which the setting `ASSISTANT=module:factory` names.

assistant = build_assistant("coach.assistant:build", settings)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from chat_api.answer.rules import fault_of
from chat_api.assistant import Assistant, AssistantSettings
from chat_api.errors import contained

AssistantFactory = Callable[[AssistantSettings], Assistant]

RENAMED = {"coach.agent:build": "coach.assistant:build"}
"""Default of version 0.1.0. An existing stack keeps the value of its parameter when it is upgraded."""


def package_of(name: str) -> str:
    """Return the top-level package of a factory `module:factory`: the name of the assistant's loggers."""
    return RENAMED.get(name, name).partition(":")[0].partition(".")[0]


def build_assistant(name: str, settings: AssistantSettings) -> Assistant:
    """Call the factory `module:factory` and check its result.

    Raises ValueError, which names the setting and the method at fault, and the factory's own exceptions.
    """
    with contained():
        assistant = load_factory(name)(settings)
    if fault := fault_of(assistant):
        raise ValueError(f"ASSISTANT={name}: {fault}")
    return assistant


def load_factory(name: str) -> AssistantFactory:
    """Return the factory `module:factory`.

    Raises ValueError, which names the setting, if the text is malformed or the module or attribute does not exist.
    """
    module_name, separator, attribute = RENAMED.get(name, name).partition(":")
    if not separator or not module_name or not attribute:
        raise ValueError(f"ASSISTANT must be module:factory, for example coach.assistant:build, not {name!r}")
    try:
        factory: AssistantFactory | None = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"ASSISTANT={name}: {error}") from error
    if not callable(factory):
        raise ValueError(f"ASSISTANT={name} is not callable")
    return factory
