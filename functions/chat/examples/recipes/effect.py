"""An effect: something happens in the page, and nothing comes back."""

from __future__ import annotations

from agents import function_tool
from chatkit.types import ClientEffectEvent

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


@function_tool
async def highlight(run: Run, product: str) -> str:
    """Highlight a product in the page around the chat."""
    await run.context.stream(ClientEffectEvent(name="highlight", data={"product": product}))
    return f"{product} is highlighted."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[highlight])
