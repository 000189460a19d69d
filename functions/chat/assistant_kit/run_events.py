"""Events of one run: the Agents SDK's run as ChatKit events.

    async with aclosing(run_events(context, result, ImageConverter(turn.save_image))) as events:
        async for event in events: …

Theory. This works around faults of chatkit 1.6.5.

`chatkit.agents.stream_agent_response` reads the run and the context's own queue in two tasks. When it is cancelled, or
when the run raises, it abandons them, and the reader of the queue waits forever. The streaming runtime ends an
invocation only when all tasks of its request have ended, so such an invocation would last until its deadline.

ChatKit ends the latest workflow again when the next item is shown; `run_events` drops that repetition. It also fails a
turn at its first source (`_with_plain_annotation`).

One part works around openai-agents: when the model refuses, the SDK raises ModelRefusalError and drops the events that
it has queued, sometimes the refusal itself. `run_events` then completes the item with the error's text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from agents import RunResultStreaming, StreamEvent
from agents.exceptions import ModelRefusalError
from chatkit.agents import (
    AgentContext,
    ResponseStreamConverter,
    stream_agent_response,  # pyright: ignore[reportUnknownVariableType]
)
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ProgressUpdateEvent,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadStreamEvent,
)
from pydantic import BaseModel

from assistant_kit.client_tools import more_calls
from assistant_kit.items import item_fields
from chat_api.context import RequestContext


async def run_events(
    context: AgentContext[RequestContext], result: RunResultStreaming, converter: ResponseStreamConverter
) -> AsyncGenerator[ThreadStreamEvent, None]:
    """Yield the run's events. However it ends, the model is stopped and both reading tasks have ended.

    Raises the run's errors; a ModelRefusalError after the refusal itself.
    """
    run = _WatchedRun(result)
    ended = set[str]()
    message: AssistantMessageItem | None = None
    try:
        # An async generator, though declared as an iterator; closed here rather than when it is garbage collected.
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
                if isinstance(event, ThreadItemAddedEvent | ThreadItemDoneEvent):
                    message = event.item if isinstance(event.item, AssistantMessageItem) else message
                yield event
        for call in more_calls(context):
            yield ThreadItemDoneEvent(item=call)
    except ModelRefusalError as error:
        if message is None or _text_of(message) != error.refusal:
            yield ThreadItemDoneEvent(item=_refusal(context, message, error.refusal))
        raise
    finally:
        result.cancel()
        await context.stream(ProgressUpdateEvent(text=""))  # wakes the queue's reader; no client gets it
        await run.settle()


def _text_of(message: AssistantMessageItem) -> str:
    return "".join(part.text for part in message.content)


def _refusal(
    context: AgentContext[RequestContext], started: AssistantMessageItem | None, refusal: str
) -> AssistantMessageItem:
    """Return the refusal as a completed item: the started one if its text was not complete yet."""
    fields = item_fields("message", context.thread, context.store, context.request_context)
    if started is not None and not _text_of(started):
        fields |= {"id": started.id, "created_at": started.created_at}
    return AssistantMessageItem(**fields, content=[AssistantMessageContent(text=refusal)])


class _WatchedRun:
    """Wraps a run and remembers the task that waits for its next event."""

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
        """End the waiting task and retrieve its outcome; otherwise asyncio reports it as never retrieved."""
        if self._reader is None:
            return
        self._reader.cancel()
        await asyncio.wait({self._reader})
        if not self._reader.cancelled():
            self._reader.exception()


def _with_plain_annotation(event: StreamEvent) -> StreamEvent:
    """Return the event with an added annotation as a dictionary.

    The annotation classes of this event in `openai` differ from those of a finished text. chatkit 1.6.5 accepts only
    the latter or a dictionary, and fails the turn at its first source.
    """
    if event.type == "raw_response_event" and event.data.type == "response.output_text.annotation.added":
        annotation = event.data.annotation
        if isinstance(annotation, BaseModel):
            event.data.annotation = annotation.model_dump()  # pyright: ignore[reportAttributeAccessIssue]
    return event
