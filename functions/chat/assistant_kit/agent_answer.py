"""An agent's answer: its run on the thread's newest items as ChatKit events, with what belongs around every run.

    async def start(items: list[ThreadItem]) -> tuple[Context, RunResultStreaming]:
        context = AgentContext(thread=thread, store=turn.store, request_context=turn.context)
        model_input = await ItemConverter(turn, items).to_agent_input(items)
        return context, Runner.run_streamed(agent, model_input, context=context, hooks=ConfirmedTools(turn))

    return agent_answer(thread, turn, start, settings.openai_model)

A stopped turn stops the run, content that the model rejects is left out (`rejections`), tokens are reported, and a
failure becomes a message for the user (`failures`). With `ConfirmedTools`, a process that was paused and replaced calls
no tool when it wakes up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import openai
from agents import (
    Agent,
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    RunContextWrapper,
    RunHooks,
    RunResultStreaming,
    Tool,
)
from agents.exceptions import AgentsException, ModelRefusalError
from chatkit.agents import AgentContext
from chatkit.types import ThreadItem, ThreadMetadata, ThreadStreamEvent

from assistant_kit.approvals import Approvals
from assistant_kit.failures import describe, explain
from assistant_kit.history import newest_items
from assistant_kit.items import ImageConverter
from assistant_kit.rejections import without_rejected
from assistant_kit.responses_model import is_missing_model
from assistant_kit.run_events import run_events
from chat_api.assistant import Turn

logger = logging.getLogger(__name__)

Start = Callable[[list[ThreadItem]], Awaitable[tuple[AgentContext[Any], RunResultStreaming]]]
"""Starts a run on these items and returns its context and result. Called again if the model rejects the items."""


class ConfirmedTools(RunHooks[Any]):
    """Hooks of a run that let no tool start unless the turn is still this process's own (`turn.confirm`)."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    async def on_tool_start(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool) -> None:
        await self._turn.confirm()


async def agent_answer(
    thread: ThreadMetadata, turn: Turn, start: Start, model: str, approvals: Approvals | None = None
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield the events of the answer. `model` names the default model, for the report that it no longer exists.

    With `approvals`, calls of tools that need the user's approval are recorded and shown. Those that the user always
    allows are carried out, and if they are all calls of a response, the model continues with their outcomes.

    Raises CustomStreamError with a message for the user, or the exception of a guardrail's tripwire unchanged.
    """
    goes_on = True
    while goes_on:
        async with aclosing(_answer(thread, turn, start, model, approvals)) as events:
            async for event in events:
                yield event
        goes_on = turn.approvals is not None and turn.approvals.take_goes_on()


async def _answer(
    thread: ThreadMetadata, turn: Turn, start: Start, model: str, approvals: Approvals | None
) -> AsyncGenerator[ThreadStreamEvent, None]:
    if approvals is None:
        items = await newest_items(turn.store, thread.id, turn.context)
    else:
        reading = newest_items(turn.store, thread.id, turn.context)
        items, changed = await asyncio.gather(reading, approvals.settle(thread, turn))
        for event in changed:
            yield event
        if changed:
            items = await newest_items(turn.store, thread.id, turn.context)
        items = await approvals.with_open(items, thread, turn)
    try:
        async with aclosing(without_rejected(thread, turn, items, partial(_run, turn, start, approvals))) as events:
            async for event in events:
                yield event
    except ModelRefusalError:
        logger.info("the model refused")  # the refusal is the answer: it is already streamed and stored
    except (InputGuardrailTripwireTriggered, OutputGuardrailTripwireTriggered):
        raise
    except (openai.OpenAIError, AgentsException) as error:
        if is_missing_model(error):
            turn.report_missing_model(model)
        logger.warning("model failed: %s", describe(error))
        raise explain(error) from error


async def _run(
    turn: Turn, start: Start, approvals: Approvals | None, items: list[ThreadItem]
) -> AsyncGenerator[ThreadStreamEvent, None]:
    context, result = await start(items)
    turn.on_stop(result.cancel)
    try:
        async with aclosing(run_events(context, result, ImageConverter(turn.save_image))) as events:
            async for event in events:
                yield event
        if result.interruptions:
            if approvals is None:
                raise RuntimeError("a tool needs an approval: give agent_answer an Approvals")
            async for event in approvals.ask(context, result, turn):
                yield event
    finally:
        used = result.context_wrapper.usage
        turn.usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens)
