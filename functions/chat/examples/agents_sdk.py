"""An assistant on the Agents SDK: a tool with a card, the card's button, and a tool of the page.

    ASSISTANT=examples.agents_sdk:build

`look_up_order` shows a card, whose button calls `action`. `open_page` is a client tool: the page carries it out, and
its result starts the next turn. The model may be any of the Responses API.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from agents import (
    Agent,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunResultStreaming,
    StopAtTools,
    function_tool,
)
from chatkit.actions import Action
from chatkit.agents import AgentContext, ClientToolCall
from chatkit.errors import CustomStreamError
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItem,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    WidgetItem,
)
from chatkit.widgets import DynamicWidgetRoot

from assistant_kit.agent_answer import ConfirmedTools, agent_answer
from assistant_kit.item_converter import ItemConverter
from assistant_kit.openai_client import OpenAIClient
from assistant_kit.responses_model import THOUGHTS, AdaptingModel
from chat_api.assistant import Assistant, AssistantSettings, Turn
from chat_api.context import RequestContext

Context = AgentContext[RequestContext]
INSTRUCTIONS = "You help the customers of a shop. Facts about orders come from tools only. Answer briefly."
ORDERS = {17: "two kilos of coffee, sent on Monday", 18: "a grinder, in preparation"}
CANCEL = "order.cancel"


def order_card(number: int, state: str) -> DynamicWidgetRoot:
    """Return a card with a button. ChatKit Studio writes such cards as .widget files, as in coach/widgets."""
    action = {"type": CANCEL, "payload": {"number": number}}
    text = {"type": "Text", "value": f"Order {number}: {state}"}
    button = {"type": "Button", "label": "Cancel it", "onClickAction": action}
    return DynamicWidgetRoot.model_validate({"type": "Card", "children": [text, button]})


@function_tool
async def look_up_order(run: RunContextWrapper[Context], number: int) -> str:
    """Return the state of an order by its number, and show it as a card."""
    state = ORDERS.get(number, "unknown")
    await run.context.stream_widget(order_card(number, state))
    return json.dumps({"number": number, "state": state})


@function_tool
async def open_page(run: RunContextWrapper[Context], page: str) -> str:
    """Open a page of the shop next to the chat: orders, basket or help."""
    run.context.client_tool_call = ClientToolCall(name="open_page", arguments={"page": page})
    return f"The page {page} is being opened."


class ShopAgent:
    def __init__(self, settings: AssistantSettings) -> None:
        self._client = OpenAIClient(api_key=settings.api_key, base_url=settings.openai_base_url)
        self._model = settings.openai_model
        self._agent = Agent[Context](
            name="Shop",
            tools=[look_up_order, open_page],
            tool_use_behavior=StopAtTools(stop_at_tool_names=["open_page"]),
            model=AdaptingModel(settings.openai_model, self._client),
            # Nothing is stored at OpenAI; with two calls of open_page at once, ChatKit would carry out only one.
            model_settings=ModelSettings(store=False, response_include=[THOUGHTS], parallel_tool_calls=False),
        )

    def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        async def start(items: list[ThreadItem]) -> tuple[Context, RunResultStreaming]:
            context = AgentContext(thread=thread, store=turn.store, request_context=turn.context)
            return context, Runner.run_streamed(
                self._agent.clone(instructions=f"{INSTRUCTIONS}\n- {turn.envelope.rule}"),
                await ItemConverter(turn, items).to_agent_input(items),
                context=context,
                hooks=ConfirmedTools(turn),
                run_config=RunConfig(tracing_disabled=True),  # tracing sends the conversation to OpenAI
            )

        return agent_answer(thread, turn, start, self._model)

    async def action(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Cancel an order. The payload comes from the client, so its number is checked like any other input."""
        payload: Any = action.payload
        number = payload.get("number") if isinstance(payload, dict) else None  # pyright: ignore
        if action.type != CANCEL or number not in list(ORDERS):  # a list takes any JSON
            raise CustomStreamError("This order cannot be cancelled.", allow_retry=False)
        yield ThreadItemDoneEvent(
            item=AssistantMessageItem(
                id=turn.store.generate_item_id("message", thread, turn.context),
                thread_id=thread.id,
                created_at=datetime.now(),
                content=[AssistantMessageContent(text=f"Order {number} is cancelled.")],
            )
        )

    async def close(self) -> None:
        await self._client.close()


def build(settings: AssistantSettings) -> Assistant:
    return ShopAgent(settings)
