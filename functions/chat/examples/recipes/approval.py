"""An approval: a tool that waits until the user has approved exactly this call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents import function_tool
from agents.tool_context import ToolContext
from chatkit.actions import Action
from chatkit.types import ThreadMetadata, ThreadStreamEvent, WidgetItem

from assistant_kit.approvals import Approvals, Terms
from chat_api.assistant import Assistant, AssistantSettings, Turn
from examples.recipes.agent import AgentAssistant, Context

CANCELLED: dict[str, int] = {}


@function_tool(needs_approval=True)
async def cancel_order(run: ToolContext[Context], number: int) -> str:
    """Cancel an order of the user, who is asked first."""
    CANCELLED.setdefault(run.tool_call_id, number)  # the approval's id: the key of this one call
    return f"Order {number} is cancelled."


class Shop(AgentAssistant):
    def __init__(self, settings: AssistantSettings) -> None:
        super().__init__(settings, tools=[cancel_order])
        self.approvals = Approvals(self.open, Terms("cancel_order", lambda args, _: f"Cancel order {args['number']}?"))

    async def open(self, thread: ThreadMetadata, turn: Turn) -> tuple[Context, Any]:
        context = Context(thread=thread, store=turn.store, request_context=turn.context, envelope=turn.envelope)
        return context, self.agent

    def decide(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        assert self.approvals is not None
        return self.approvals.decide(thread, action, sender, turn, lambda: self.respond(thread, None, turn))


def build(settings: AssistantSettings) -> Assistant:
    return Shop(settings)
