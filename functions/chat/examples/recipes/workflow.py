"""A workflow: the steps of a tool, one by one, in one item that stays in the conversation."""

from __future__ import annotations

from agents import function_tool

from assistant_kit.steps import Steps
from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


@function_tool
async def plan_delivery(run: Run) -> str:
    """Plan the delivery of the user's orders."""
    steps = Steps(run.context)
    await steps.begin("Weigh the parcels")
    await steps.finish("Two parcels, 3.1 kg")
    await steps.begin("Choose a route")
    await steps.finish("By train, on Friday")
    await steps.end("Planned the delivery")
    return "Two parcels arrive by train on Friday."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(settings, tools=[plan_delivery])
