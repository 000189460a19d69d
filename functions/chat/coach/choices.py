"""Composer options: the models and tools that a user can select for one message.

models(settings)                         # entries of the composer's menu, the default first
choice = Choice.of(items, ("gpt-6.1-terra", "gpt-6-luna"))
choice.model, choice.tool
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chatkit.types import ThreadItem, UserMessageItem

from chat_api.assistant import AssistantSettings, ModelOption, ToolOption
from languages import say

TOOLS = (
    ToolOption(
        id="spending_by_category",
        label=say("Spending"),
        icon="chart",
        placeholder=say("Which spending do you want to see?"),
    ),
    ToolOption(id="balances", label=say("Balances"), icon="suitcase"),
    ToolOption(
        id="analyze_spending", label=say("Analysis"), icon="analytics", placeholder=say("What should I analyze?")
    ),
    ToolOption(
        id="image_generation", label=say("Draw a picture"), icon="images", placeholder=say("Describe the picture")
    ),
    ToolOption(
        id="web_search", label=say("Search the web"), icon="globe", placeholder=say("What should I search for?")
    ),
)
TOOL_IDS = frozenset(tool["id"] for tool in TOOLS)


def models(settings: AssistantSettings) -> tuple[ModelOption, ...]:
    """Return the models to choose from: the operator's default, then the others of the operator's menu."""
    named = {model["id"]: model for model in settings.models}
    default = settings.openai_model
    first = named.pop(default, ModelOption(id=default, label=default))
    return (first, *named.values())


@dataclass(frozen=True, slots=True)
class Choice:
    """The user's selection. None leaves the decision to the coach."""

    model: str | None = None
    tool: str | None = None

    @classmethod
    def of(cls, items: Sequence[ThreadItem], models: Collection[str]) -> Choice:
        """Return the selection of the newest message, without models and tools that are not offered.

        The tool applies to the first answer to that message only. The model also applies to the answers that follow
        from it: after a client tool's result or a form's answers.
        """
        for item in reversed(items):
            if isinstance(item, UserMessageItem):
                options, newest = item.inference_options, item is items[-1]
                tool = options.tool_choice.id if options.tool_choice and newest else None
                return cls(options.model if options.model in models else None, tool if tool in TOOL_IDS else None)
        return cls()
