"""Assistants for tests; the test determines their answers and the timing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from chat_api.assistant import Turn


def message_item(thread: ThreadMetadata, item_id: str, text: str = "") -> AssistantMessageItem:
    content = [AssistantMessageContent(text=text)] if text else []
    return AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=content)


def delta(item_id: str, text: str) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(
        item_id=item_id, update=AssistantMessageContentPartTextDelta(content_index=0, delta=text)
    )


def spoken(thread: ThreadMetadata, turn: Turn, words: Iterable[str], item_id: str = "") -> list[ThreadStreamEvent]:
    """Return a complete answer: added, a delta for each word, done."""
    item_id = item_id or turn.store.generate_item_id("message", thread, turn.context)
    texts = list(words)
    added = ThreadItemAddedEvent(item=message_item(thread, item_id))
    done = ThreadItemDoneEvent(item=message_item(thread, item_id, "".join(texts)))
    return [added, *(delta(item_id, text) for text in texts), done]


class Halting:
    """Yields two words of three, then awaits `wait`, where a test stops it; records whether it was stopped."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.reached = asyncio.Event()
        """Set at the start of `wait`."""
        self.go_on = asyncio.Event()
        self.stopped = asyncio.Event()
        self.closed = asyncio.Event()

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        self.turns.append(turn)
        turn.on_stop(self.stopped.set)
        *most, last, done = spoken(thread, turn, ["One ", "two ", "three."])
        try:
            for event in most:
                yield event
            self.reached.set()
            async for event in self.wait():
                yield event
            yield last
            yield done
        finally:
            self.closed.set()

    async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
        """Wait until the test sets `go_on`."""
        await self.go_on.wait()
        for event in list[ThreadStreamEvent]():
            yield event
