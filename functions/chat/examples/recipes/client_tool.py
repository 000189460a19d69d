"""A client tool: the page carries it out, and its result starts the next turn."""

from __future__ import annotations

from agents import StopAtTools, function_tool
from chatkit.agents import ClientToolCall

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


@function_tool
async def read_basket(run: Run) -> str:
    """Read the basket of the page around the chat. Ends your turn; the result starts the next one."""
    run.context.client_tool_call = ClientToolCall(name="read_basket", arguments={})
    return "The page is reading its basket."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(
        settings, tools=[read_basket], tool_use_behavior=StopAtTools(stop_at_tool_names=["read_basket"])
    )
