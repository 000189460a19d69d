"""An action: a card's button that the server carries out, and that replaces the card."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents import function_tool
from chatkit.actions import Action
from chatkit.errors import CustomStreamError
from chatkit.types import ThreadItemReplacedEvent, ThreadMetadata, ThreadStreamEvent, WidgetItem
from chatkit.widgets import DynamicWidgetRoot

from chat_api.assistant import Assistant, AssistantSettings, Turn
from examples.recipes.agent import AgentAssistant, Run

ORDERS = (17, 18)


def order_card(number: int, *, cancelled: bool = False) -> DynamicWidgetRoot:
    """Return the card of an order, with a button until it is cancelled."""
    text = {"type": "Text", "value": f"Order {number}: {'cancelled' if cancelled else 'in preparation'}"}
    press = {"type": "order.cancel", "payload": {"number": number}}
    button = {"type": "Button", "label": "Cancel it", "onClickAction": press}
    return DynamicWidgetRoot.model_validate({"type": "Card", "children": [text] if cancelled else [text, button]})


@function_tool
async def show_order(run: Run, number: int) -> str:
    """Show an order as a card with which the user can cancel it."""
    await run.context.stream_widget(order_card(number))
    return "The card is shown."


class Shop(AgentAssistant):
    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Cancel an order. The payload comes from the client, so it is checked like any other input."""
        payload: Any = action.payload
        number = payload.get("number") if isinstance(payload, dict) else None  # pyright: ignore
        if action.type != "order.cancel" or number not in list(ORDERS) or sender is None:  # a list takes any JSON
            raise CustomStreamError("This order cannot be cancelled.", allow_retry=False)
        card = order_card(int(number), cancelled=True)  # pyright: ignore
        yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card}))


def build(settings: AssistantSettings) -> Assistant:
    return Shop(settings, tools=[show_order])
