"""Client tools: tools of the page around the chat, called by tools of the agent.

    class ShopContext(ClientToolContext): …                               # instead of ChatKit's AgentContext
    run.context.client_tool_call = ClientToolCall(name="open_page", arguments={"page": page})       # inside a tool

`AgentContext` has room for one call. When a model calls two such tools in parallel, the second call overwrites the
first, which is lost without a word. Here the first call stays, and `run_events` shows the others too: the backend
stores them with a result that tells the model to call again.
"""

from __future__ import annotations

from typing import Any

from chatkit.agents import AgentContext, ClientToolCall
from chatkit.types import ClientToolCallItem
from pydantic import PrivateAttr

from assistant_kit.items import item_fields
from chat_api.context import RequestContext


class ClientToolContext(AgentContext[RequestContext]):
    """ChatKit's agent context, which keeps every call of a client tool."""

    _more_calls: list[ClientToolCall] = PrivateAttr(default_factory=list[ClientToolCall])

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "client_tool_call" and value is not None and self.client_tool_call is not None:
            self._more_calls.append(value)
        else:
            super().__setattr__(name, value)


def more_calls(context: AgentContext[RequestContext]) -> list[ClientToolCallItem]:
    """Return the calls after the first one as items, each once."""
    if not isinstance(context, ClientToolContext):
        return []
    calls, context._more_calls = context._more_calls, []  # pyright: ignore[reportPrivateUsage]
    return [
        ClientToolCallItem(
            **item_fields("tool_call", context.thread, context.store, context.request_context),
            call_id=context.generate_id("tool_call"),
            name=call.name,
            arguments=call.arguments,
        )
        for call in calls
    ]
