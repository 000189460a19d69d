"""Progress: a line in place of the answer while a tool works. It is not stored."""

from __future__ import annotations

import asyncio

from agents import function_tool
from chatkit.types import ProgressUpdateEvent

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


@function_tool
async def search_stock(run: Run) -> str:
    """Search all shops for coffee in stock. Takes a while."""
    for shop in ("Trieste", "Vienna"):
        await run.context.stream(ProgressUpdateEvent(icon="search", text=f"Asking the shop in {shop}"))
        await asyncio.sleep(0.1)
    return "Two kilos in Vienna."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[search_stock])
