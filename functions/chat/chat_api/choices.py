"""A user's choice of model and tool for one message: only what the assistant offers."""

from __future__ import annotations

from collections.abc import Collection

from chatkit.types import InferenceOptions

from chat_api.assistant import Assistant, Choosing
from chat_api.errors import InvalidRequestError


def check_choices(options: InferenceOptions, assistant: Assistant) -> None:
    """Raise InvalidRequestError for a model or tool that `assistant` does not offer."""
    models: Collection[str] = assistant.allowed_models if isinstance(assistant, Choosing) else ()
    tools: Collection[str] = assistant.allowed_tools if isinstance(assistant, Choosing) else ()
    _check("model", options.model, models)
    _check("tool_choice.id", options.tool_choice and options.tool_choice.id, tools)


def _check(field: str, choice: str | None, offered: Collection[str]) -> None:
    if choice is not None and choice not in offered:
        names = ", ".join(sorted(offered)) or "none"
        raise InvalidRequestError(f"params.input.inference_options.{field}: not offered here; offered: {names}")
