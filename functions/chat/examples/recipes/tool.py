"""A tool: a function of yours that the model calls."""

from __future__ import annotations

import json

from agents import function_tool

from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run

ORDERS = {17: "sent on Monday", 18: "in preparation"}


@function_tool
async def look_up_order(run: Run, number: int) -> str:
    """Return the state of an order of the user by its number."""
    return json.dumps({"number": number, "state": ORDERS.get(number, "unknown")})


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[look_up_order])
