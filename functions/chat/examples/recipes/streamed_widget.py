"""A streamed widget: a card that grows while a tool works. Each version only appends to the text of `findings`."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from agents import function_tool
from chatkit.widgets import DynamicWidgetRoot

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run

STEPS = ("- Roasted in Trieste\n", "- Two kilos\n", "- Arrives on Friday\n")


async def growing_card() -> AsyncGenerator[DynamicWidgetRoot, None]:
    """Yield the card with one more line each time. ChatKit sends the difference."""
    for count in range(len(STEPS) + 1):
        text = {"id": "findings", "type": "Markdown", "value": "".join(STEPS[:count]), "streaming": count < len(STEPS)}
        yield DynamicWidgetRoot.model_validate({"type": "Card", "children": [text]})


@function_tool
async def describe_coffee(run: Run) -> str:
    """Describe the coffee of the month on a card."""
    await run.context.stream_widget(growing_card(), "".join(STEPS))
    return "The card is shown."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[describe_coffee])
