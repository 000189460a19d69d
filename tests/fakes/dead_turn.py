"""A turn whose process has died, planted in any store: its thread, its message, its lock and its journal.

turn = await plant(store, context, [events_of_the_first_segment, events_of_the_second])
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.types import (
    CustomTask,
    InferenceOptions,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    UserMessageTextContent,
    Workflow,
    WorkflowItem,
)

from chat_api.attach.entries import count, dump, entry_of, joined
from chat_api.attach.takeover import new_claim
from store_dynamo.journal import Segment
from store_dynamo.running import DEAD_AFTER, RunningTurn
from tests.fakes.assistants import delta, message_item

TURN = "turn-dead-0001"
THREAD = "thr_dead"
THREAD_MODEL = ThreadMetadata(id=THREAD, created_at=datetime(2026, 1, 1))


@dataclass(frozen=True)
class Past:
    """A clock that shows a time long before the death of a turn is certain."""

    seconds: float = DEAD_AFTER.total_seconds() + 1

    def __call__(self) -> datetime:
        return datetime.now(UTC) - timedelta(seconds=self.seconds)


def user_message(text: str = "hi", number: int = 1) -> UserMessageItem:
    return UserMessageItem(
        id=f"msg_user_{number}",
        thread_id=THREAD,
        created_at=now(28) + timedelta(milliseconds=number),
        content=[UserMessageTextContent(text=text)],
        attachments=[],
        inference_options=InferenceOptions(),
    )


def half_an_answer(words: int = 4) -> list[list[ThreadStreamEvent]]:
    """Return the events of a workflow, an empty message and an unfinished one, in two segments."""
    workflow = Workflow(type="custom", tasks=[CustomTask(title="Look", status_indicator="loading")])
    running = WorkflowItem(id="wf_1", thread_id=THREAD, created_at=now(), workflow=workflow)
    begun: list[ThreadStreamEvent] = [
        ThreadItemAddedEvent(item=running),
        ThreadItemAddedEvent(item=message_item(THREAD_MODEL, "msg_empty")),
        ThreadItemAddedEvent(item=message_item(THREAD_MODEL, "msg_1").model_copy(update={"created_at": now()})),
    ]
    deltas: list[ThreadStreamEvent] = [delta("msg_1", f"w{number} ") for number in range(words)]
    return [begun + deltas[: words // 2], deltas[words // 2 :]]


def now(seconds_ago: float = 25) -> datetime:
    """Return a time while the turn ran, behind its message."""
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds_ago)


def claim_of(seconds_ago: float = 30) -> str:
    """Return a claim like `new_claim`, made when the turn began."""
    return f"{time.time_ns() - int(seconds_ago * 1e9):016x}{new_claim()[16:]}"


def segments(parts: Sequence[Sequence[ThreadStreamEvent]], claim: str, end: str | None = None) -> list[Segment]:
    """Return the segments of a journal, each with the events of one part; `end` is the mark of an end segment."""
    made, first = list[Segment](), 0
    for part in parts:
        entries = joined(entry_of(wire(event)) for event in part)
        made.append(Segment(first, count(entries), dump(entries), claim))
        first = made[-1].next
    return made if end is None else [*made, Segment(first, 0, "[]", claim, end)]


def wire(event: ThreadStreamEvent) -> bytes:
    return b"data: " + event.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n\n"


async def plant(
    store: Any,
    context: Any,
    parts: Sequence[Sequence[ThreadStreamEvent]] = (),
    *,
    running: Any = None,
    items: Sequence[ThreadItem] | None = None,
    has_thread: bool = True,
    files: Sequence[str] = (),
    end: str | None = None,
    turn_id: str = TURN,
) -> RunningTurn:
    """Plant a dead turn; `running` writes its lock with an old time. `items` are those that it has stored."""
    claim = claim_of()
    await store.turns.claim(turn_id, THREAD, context)
    await (running or store.running).begin(THREAD, turn_id, claim, context, files)
    if has_thread:
        await store.save_thread(THREAD_MODEL.model_copy(), context)
    for item in [user_message()] if items is None and has_thread else items or ():
        await store.add_thread_item(THREAD, item, context)
    for segment in segments(parts, claim, end):
        assert await store.journal.append(THREAD, turn_id, segment, context)
    turn = await store.running.find(THREAD, context)
    assert turn is not None
    return turn
