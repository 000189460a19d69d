"""What a user may choose below the composer: a model, and a tool that must be used.

choice = Choice.of(items, allowed_models)
choice.model, choice.tool
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chatkit.types import ThreadItem, UserMessageItem

MODELS = ("gpt-5.1", "gpt-5-mini", "gpt-4.1")
TOOLS = ("spending_by_category", "balances", "analyze_spending", "image_generation", "web_search")


@dataclass(frozen=True, slots=True)
class Choice:
    """None leaves it to the coach."""

    model: str | None = None
    tool: str | None = None

    @classmethod
    def of(cls, items: Sequence[ThreadItem], models: Collection[str]) -> Choice:
        """Return what the newest message chose, as far as it is allowed.

        The tool holds for the first answer to the message, the model for all that follows of it (a client tool's
        result, a form's answers).
        """
        for item in reversed(items):
            if isinstance(item, UserMessageItem):
                options, newest = item.inference_options, item is items[-1]
                tool = options.tool_choice.id if options.tool_choice and newest else None
                return cls(options.model if options.model in models else None, tool if tool in TOOLS else None)
        return cls()
