"""A run of the Agents SDK as ChatKit events, which leaves nothing behind when it is stopped or fails.

Theory. `chatkit.agents.stream_agent_response` reads the run and the context's own queue in two tasks of its own. When
it is cancelled, or the run raises, it abandons them: the reader of the queue then waits for ever, and the streaming
runtime, which ends an invocation only when the request's tasks have ended (promise L4), would wait until the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from agents import RunResultStreaming, StreamEvent
from chatkit.agents import (
    AgentContext,
    ResponseStreamConverter,
    stream_agent_response,  # pyright: ignore[reportUnknownVariableType]
)
from chatkit.types import ProgressUpdateEvent, ThreadStreamEvent
from pydantic import BaseModel

from chat_api.context import RequestContext


async def run_events(
    context: AgentContext[RequestContext], result: RunResultStreaming, converter: ResponseStreamConverter
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield the run's events; however this ends, the model is stopped and both readers have ended.

    A workflow's end is told once: ChatKit repeats it, with what it was when it began, when something else is shown.
    """
    run = _WatchedRun(result)
    ended = set[str]()
    try:
        # An async generator, though declared as an iterator; closed here, not whenever it is collected.
        stream = cast(
            AsyncGenerator[ThreadStreamEvent, None],
            stream_agent_response(context, cast(RunResultStreaming, run), converter=converter),
        )
        async with aclosing(stream) as events:
            async for event in events:
                if event.type == "thread.item.done" and event.item.type == "workflow":
                    if event.item.id in ended:
                        continue
                    ended.add(event.item.id)
                yield event
    finally:
        result.cancel()
        await context.stream(ProgressUpdateEvent(text=""))  # wakes the queue's reader; nobody sees it
        await run.settle()


class _WatchedRun:
    """Stands for the run, and knows the task that waits for its next event."""

    def __init__(self, result: RunResultStreaming) -> None:
        self._events = result.stream_events()
        self._reader: asyncio.Task[object] | None = None

    def stream_events(self) -> AsyncIterator[StreamEvent]:
        return self

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        self._reader = asyncio.current_task()
        return _with_plain_annotation(await self._events.__anext__())

    async def settle(self) -> None:
        """End the waiting task, and take its outcome, which asyncio would else report as never retrieved."""
        if self._reader is None:
            return
        self._reader.cancel()
        await asyncio.wait({self._reader})
        if not self._reader.cancelled():
            self._reader.exception()


def _with_plain_annotation(event: StreamEvent) -> StreamEvent:
    """Return the event with an added annotation as a dictionary.

    openai gives that event annotation classes of its own; chatkit 1.6.5 takes the classes of the finished text only, or
    a dictionary, and the turn would fail at its first source.
    """
    if event.type == "raw_response_event" and event.data.type == "response.output_text.annotation.added":
        annotation = event.data.annotation
        if isinstance(annotation, BaseModel):
            event.data.annotation = annotation.model_dump()  # pyright: ignore[reportAttributeAccessIssue]
    return event
