"""A running turn for another reader: a refreshed page, a second tab or device, a response whose connection broke.

    readers = TurnReaders(store, limits)
    body = await readers.read(turn_id, after, context)       # NotFoundRequestError
    await readers.win(turn_id, call_id, context)             # ConflictError: another reader runs this client tool call

A response is finite, because a function that waits costs as much as the turn itself: it has what there is, and says
what to do next. Besides events, it has comments:

    : at 7         the next event has the number 7
    : more 1000    ask again with `after` in so many milliseconds
    : end          the turn is over
    : dead         the turn's process has died; `threads.get_by_id` stores what there is of its answer

With `after`, the response has the events from that number on, one by one. Without it, it has a snapshot: stored items
as they are now, unfinished ones with all words so far. Effects are in no snapshot: they have acted. Stored items come
from the store, which signs their URLs. An item that was deleted meanwhile is left out, but counted.

A reader judges nothing and changes nothing. A reader may be ahead of the journal, because it read the turn's own
response: then there is nothing for it yet.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile

from chatkit.store import NotFoundError
from chatkit.types import (
    ClientToolCallItem,
    ErrorEvent,
    HiddenContextItem,
    Page,
    SDKHiddenContextItem,
    Thread,
    ThreadItem,
    ThreadMetadata,
    ThreadUpdatedEvent,
)

from chat_api.attach.entries import ADDED, STORED, Event, events_of, load
from chat_api.attach.fold import Folded, fold, wire
from chat_api.context import RequestContext
from chat_api.error_responses import error_event, reported
from chat_api.errors import ConflictError, NotFoundRequestError
from chat_api.limits import REQUEST, Limits
from chat_api.store_answers import PAGE_SIZE
from languages import say, translate
from store_dynamo import DynamoStore
from store_dynamo.errors import InvalidIdError
from store_dynamo.expressions import Clock, utc_now
from store_dynamo.journal import TAKEN, Segment
from store_dynamo.turns import TurnRecord

POLL_MS = 1_000
"""The time after which to ask again: the journal has a new segment about once a second."""
EARLY_MS = 100
"""The same for a turn whose first segment is not written yet, so that the first words do not wait for a second poll."""
ADMISSION_SECONDS, ADMISSION_POLL_SECONDS = 2.0, 0.2
"""The wait for a turn that is being admitted: its reader may overtake it."""
MAX_BODY_BYTES = 1024 * 1024
"""The size after which the events of a response end; the next response continues at once."""
LOADED_AT_ONCE = 10
LOST = "lost"
"""The outcome of a turn that is over, and whose journal has no end."""
NO_CALL = say("this tool call does not exist (any more): reload the conversation")
NO_TURN = say("this answer does not exist, or has ended too long ago: reload the conversation")
INTERRUPTED = say("The answer was interrupted. Please try again.")
RUNS_ELSEWHERE = say("this tool runs in another tab or on another device")


class State(Enum):
    """The turn's state, and the comment that ends a response with it."""

    RUNNING = f": more {POLL_MS}\n"
    EARLY = f": more {EARLY_MS}\n"
    LONG = ": more 0\n"
    ENDED = ": end\n"
    DEAD = ": dead\n"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a turn."""

    turn: TurnRecord
    thread: ThreadMetadata | None
    segments: Sequence[Segment]
    state: State

    @property
    def next(self) -> int:
        return self.segments[-1].next if self.segments else 0

    @property
    def outcome(self) -> str | None:
        """The `end` of the journal; LOST if the turn is over and its journal has none; None while the turn runs."""
        if self.state is not State.ENDED:
            return None
        return (self.segments[-1].end if self.segments else None) or LOST


class Body:
    """A response under construction. Writes the number of the next event wherever it is not the expected one."""

    def __init__(self, number: int | None) -> None:
        self._chunks: list[bytes] = []
        self._number = number
        self.size = 0

    def add(self, event: bytes | Event, number: int | None = None) -> None:
        """Add an event; `number` is its own."""
        if number is not None and number != self._number:
            self.at(number)
        data = event if isinstance(event, bytes) else _sse(event)
        self._chunks.append(data)
        self.size += len(data)
        self._number = None if number is None else number + 1

    def at(self, number: int) -> None:
        """State the number of the next event."""
        if number != self._number:
            self._chunks.append(f": at {number}\n".encode())
            self._number = number

    def ended(self, number: int, state: State) -> bytes:
        """Return the complete response."""
        state = State.EARLY if state is State.RUNNING and number == 0 else state
        self._number = None
        self.at(number)
        return b"".join([*self._chunks, state.value.encode()])


class TurnReaders:
    """Serves the readers of all users' turns."""

    def __init__(self, store: DynamoStore[RequestContext], limits: Limits, clock: Clock = utc_now) -> None:
        self._store, self._limits, self._clock = store, limits, clock

    async def read(self, turn_id: str, after: int | None, context: RequestContext) -> bytes:
        """Return the events of a turn from number `after` on, or a snapshot. Raises NotFoundRequestError.

        Waits a moment for a turn whose message may still be on its way; a request for an unknown turn counts.
        """
        reader = _Reader(self._store, turn_id, context, self._clock)
        last = asyncio.get_running_loop().time() + ADMISSION_SECONDS
        look = await reader.look(after)
        if look is None and after is not None:
            await self._limits.count(REQUEST, context)
        while look is None and after == 0 and asyncio.get_running_loop().time() < last:
            await asyncio.sleep(ADMISSION_POLL_SECONDS)
            look = await reader.look(after)
        if look is None:
            raise NotFoundRequestError(NO_TURN)
        return await (reader.snapshot(look) if after is None else reader.continued(look, after))

    async def win(self, turn_id: str, call_id: str, context: RequestContext) -> None:
        """Let this reader, and no other, run a client tool call, named by its item's id.

        Raises ConflictError if another reader runs it or has run it, NotFoundRequestError, or InvalidIdError.
        """
        turn = await self._store.turns.find(turn_id, context)
        if turn is None:
            raise NotFoundRequestError(NO_TURN)
        try:
            item = await self._store.load_item(turn.thread_id, call_id, context)
        except NotFoundError as error:
            raise NotFoundRequestError(NO_CALL) from error
        if not isinstance(item, ClientToolCallItem):
            raise NotFoundRequestError(NO_CALL)
        if item.status != "pending" or not await self._store.turns.win(turn_id, call_id, context):
            raise ConflictError(RUNS_ELSEWHERE)


@dataclass(frozen=True, slots=True)
class _Reader:
    store: DynamoStore[RequestContext]
    turn_id: str
    context: RequestContext
    clock: Clock

    async def look(self, after: int | None) -> Look | None:
        """Return the turn as it is now; None if there is nothing of it, or if it or its thread is gone."""
        turn = await self.store.turns.find(self.turn_id, self.context)
        if turn is None or turn.unsent:
            return None
        thread, segments = await asyncio.gather(self._thread(turn), self._segments(turn, after))
        state: State | None = State.RUNNING
        if segments and segments[-1].is_own_end:
            state = State.ENDED
        elif after is None or not segments or segments[-1].next <= after or segments[-1].end:
            state, segments = await self._without_news(turn, segments, after)
        if state is None or (thread is None and (segments or after or state is not State.RUNNING)):
            return None
        return Look(turn, thread, segments, state)

    async def _without_news(
        self, turn: TurnRecord, segments: Sequence[Segment], after: int | None
    ) -> tuple[State | None, Sequence[Segment]]:
        """Return the state of a turn whose journal does not show it; None if there is nothing of it."""
        lock = await self.store.running.find(turn.thread_id, self.context)
        if lock is not None and lock.turn_id == turn.turn_id:
            return (State.RUNNING if lock.is_alive(self.clock()) else State.DEAD), segments
        segments = await self._segments(turn, after)  # it may have ended between the two reads
        exists = segments or (after and await self._segments(turn, 0))
        return (State.ENDED if exists else None), segments

    async def _thread(self, turn: TurnRecord) -> ThreadMetadata | None:
        """Return the turn's thread; None if it is deleted, or not created yet."""
        try:
            return await self.store.load_thread(turn.thread_id, self.context)
        except NotFoundError:
            return None

    async def _segments(self, turn: TurnRecord, after: int | None) -> Sequence[Segment]:
        return await self.store.journal.read(turn.thread_id, turn.turn_id, self.context, after or 0)

    async def snapshot(self, look: Look) -> bytes:
        """Return a response with what there is so far."""
        folded, body = _folded(look.segments), Body(None)
        if folded.stream_options:
            body.add(folded.stream_options)
        if folded.renamed and look.thread is not None:
            body.add(_renamed(look.thread))
        await self._add_stored(body, look.turn, folded.finished)
        if look.outcome is not None:
            await self._add_unfinished(body, look, folded)
        else:
            for item in folded.open:
                body.add({"type": ADDED, "item": item})
        for event in folded.notices:
            body.add(event)
        if folded.progress and look.outcome is None:
            body.add(folded.progress)
        if folded.error and look.outcome != TAKEN:
            body.add(folded.error)
        return body.ended(look.next, look.state)

    async def continued(self, look: Look, after: int) -> bytes:
        """Return a response with the events from number `after` on."""
        body, number = Body(after), look.segments[0].first if look.segments else after
        for entry in (entry for segment in look.segments for entry in load(segment.body)):
            for event in events_of(entry):
                if number >= after and body.size > MAX_BODY_BYTES:
                    return body.ended(number, State.LONG)
                if number >= after and entry[0] == "s" and (item := await self._item(look.turn, entry[2])):
                    body.add({"type": entry[1], "item": wire(item)}, number)
                elif number >= after and event is not None:
                    body.add(event, number)
                number += 1
        if look.outcome in (TAKEN, LOST):
            await self._add_unfinished(body, look, _folded(await self._segments(look.turn, 0)))
        return body.ended(max(number, after), look.state)

    async def _add_unfinished(self, body: Body, look: Look, folded: Folded) -> None:
        """Add what the store has of the items that a turn left unfinished, and an error if the turn was taken over."""
        unfinished = [str(item["id"]) for item in folded.open]
        if look.outcome == LOST:
            unfinished += await self._later_items(look.turn, {*unfinished, *folded.finished})
        await self._add_stored(body, look.turn, unfinished)
        if look.outcome == TAKEN and not look.turn.cancelled:
            error = ErrorEvent(code="custom", message=translate(INTERRUPTED, self.context.locale), allow_retry=True)
            body.add(reported(error_event(error), self.context.request_id))

    async def _later_items(self, turn: TurnRecord, known: set[str]) -> list[str]:
        """Return the thread's items behind the last known one: of a turn that could not write its last segment."""
        page = await self.store.load_thread_items(turn.thread_id, None, PAGE_SIZE, "desc", self.context)
        later = list(takewhile(lambda item: item.id not in known, page.data))
        return [] if len(later) == len(page.data) else [item.id for item in reversed(later)]

    async def _add_stored(self, body: Body, turn: TurnRecord, item_ids: Sequence[str]) -> None:
        for start in range(0, len(item_ids), LOADED_AT_ONCE):
            some = item_ids[start : start + LOADED_AT_ONCE]
            for item in await asyncio.gather(*(self._item(turn, each) for each in some)):
                if item is not None:
                    body.add({"type": STORED[0], "item": wire(item)})

    async def _item(self, turn: TurnRecord, item_id: str) -> ThreadItem | None:
        """Return a stored item; None if it is deleted or hidden, or a client tool call that another reader runs."""
        try:
            item = await self.store.load_item(turn.thread_id, item_id, self.context)
        except (NotFoundError, InvalidIdError):
            return None
        match item:
            case HiddenContextItem() | SDKHiddenContextItem():
                return None
            case ClientToolCallItem(status="pending") if item.id in turn.ran:
                return None
            case _:
                return item


def _folded(segments: Iterable[Segment]) -> Folded:
    return fold(entry for segment in segments for entry in load(segment.body))


def _renamed(thread: ThreadMetadata) -> Event:
    fields = thread.model_dump(exclude={"metadata", "items"})
    return wire(ThreadUpdatedEvent(thread=Thread(**fields, items=Page())))


def _sse(event: Event) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + text.encode(errors="replace") + b"\n\n"
