"""A widget: a card that a tool shows. ChatKit Studio designs cards and exports .widget files."""

from __future__ import annotations

from agents import function_tool
from chatkit.widgets import DynamicWidgetRoot

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


def order_card(number: int, state: str) -> DynamicWidgetRoot:
    """Return the card of an order."""
    title = {"type": "Title", "value": f"Order {number}", "size": "sm"}
    return DynamicWidgetRoot.model_validate({"type": "Card", "children": [title, {"type": "Text", "value": state}]})


@function_tool
async def show_order(run: Run, number: int) -> str:
    """Show an order of the user as a card."""
    await run.context.stream_widget(order_card(number, "sent on Monday"), f"Order {number}: sent on Monday")
    return "The card is shown."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[show_order])
