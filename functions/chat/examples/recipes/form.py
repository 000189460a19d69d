"""A form: questions that the user answers by clicking. The answers start the next turn."""

from __future__ import annotations

from agents import StopAtTools, function_tool
from chatkit.types import (
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    ThreadItemDoneEvent,
)

from assistant_kit.items import item_fields
from chat_api.assistant import Assistant, AssistantSettings
from examples.recipes.agent import AgentAssistant, Run


@function_tool
async def ask_for_order(run: Run) -> str:
    """Ask the user for a coffee's size and name. Ends your turn."""
    sizes = [StructuredInputMultipleChoiceOption(value=size) for size in ("small", "large")]
    size = StructuredInputMultipleChoice(id="size", question="Which size?", options=sizes)
    name = StructuredInputFreeform(id="name", question="Which name shall we call?")
    fields = item_fields("message", run.context.thread, run.context.store, run.context.request_context)
    await run.context.stream(ThreadItemDoneEvent(item=StructuredInputItem(**fields, inputs=[size, name])))
    return "The form is shown."


def build(settings: AssistantSettings) -> Assistant:
    return AgentAssistant(
        settings, tools=[ask_for_order], tool_use_behavior=StopAtTools(stop_at_tool_names=["ask_for_order"])
    )
