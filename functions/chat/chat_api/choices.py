"""What the assistant offers the composer; a user's choice of model and tool for one message is among it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chatkit.types import InferenceOptions

from chat_api.assistant import Assistant, SupportsMentions, SupportsModels, SupportsTranscription
from chat_api.errors import InvalidRequestError


def offered(assistant: Assistant) -> dict[str, Any]:
    """Return what a frontend needs to show it: models, tools, and whether one can dictate and mention."""
    choosing = isinstance(assistant, SupportsModels)
    return {
        "models": list(assistant.models) if choosing else [],
        "tools": list(assistant.tools) if choosing else [],
        "dictation": isinstance(assistant, SupportsTranscription),
        "mentions": isinstance(assistant, SupportsMentions),
    }


def check_choices(options: InferenceOptions, assistant: Assistant) -> None:
    """Raise InvalidRequestError for a model or tool that `assistant` does not offer."""
    models: Collection[str] = [each["id"] for each in assistant.models] if isinstance(assistant, SupportsModels) else ()
    tools: Collection[str] = [each["id"] for each in assistant.tools] if isinstance(assistant, SupportsModels) else ()
    _check("model", options.model, models)
    _check("tool_choice.id", options.tool_choice and options.tool_choice.id, tools)


def _check(field: str, choice: str | None, offered: Collection[str]) -> None:
    if choice is not None and choice not in offered:
        names = ", ".join(sorted(offered)) or "none"
        raise InvalidRequestError(f"params.input.inference_options.{field}: not offered here; offered: {names}")
