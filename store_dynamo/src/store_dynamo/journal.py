"""The journal of running turns: the events of a turn so far, which other processes read and continue.

    segment = Segment(first=0, count=50, body=text, claim=claim)
    await store.journal.append("thr_1", "turn-1", segment, context)      # False: another claim has written this place
    await store.journal.read("thr_1", "turn-1", context, after=20)       # the segments from event 20 on

Theory. The events of a turn are numbered from 0, and a segment is keyed by the number of its first event. So the next
free place follows from the events so far, and a reader addresses event N by key. A segment is written only if its place
is free, and never changed: the log fences itself. A taker seals a dead turn's log with an end segment at the next free
place; the turn's own next append then finds another claim there and returns False. Of two writers at one place only one
succeeds, so no two segments overlap.

The body is opaque to the store. It is compressed above COMPRESS_OVER_BYTES: a write unit is 1 KB.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, CorruptRecordError
from store_dynamo.expressions import ABSENT, Clock, is_alive, number, seconds, text
from store_dynamo.keys import segment_key
from store_dynamo.serialization import check_schema, schema
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

KEPT = timedelta(hours=1)
"""The time for which a segment can be read."""
TAKEN = "taken"
"""The `end` of a journal that a taker has sealed, because the turn's process died."""
COMPRESS_OVER_BYTES = 900
LAST = 999_999_999
"""The highest number of an event that a key holds."""
MAX_SEGMENTS = 10_000


@dataclass(frozen=True, slots=True)
class Segment:
    """Events of a turn that were written at once."""

    first: int
    """The number of the first event; a turn's events are numbered from 0."""
    count: int
    """The number of events; only the end segment may have none."""
    body: str
    claim: str
    end: str | None = None
    """Of the last segment: "answered", "stopped", "failed" or TAKEN."""

    @property
    def is_own_end(self) -> bool:
        """Whether the turn itself has ended its journal, and so stored everything."""
        return self.end not in (None, TAKEN)

    @property
    def next(self) -> int:
        """The number of the event that follows."""
        return self.first + self.count


class Journal(Generic[TContext]):
    """Segments, `LIVE#{turn}#{first}` in the thread's partition. IAM: dynamodb:PutItem and Query.

    A segment costs one unit per kilobyte. It has no `ord`, so that no page of items contains it, and neither `body`,
    `kind` nor `overflow`, so that its removal gives the janitor nothing to do.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def append(self, thread_id: str, turn_id: str, segment: Segment, context: TContext) -> bool:
        """Write a segment at its place. Returns False if another claim has written there: the turn was taken over.

        After an error the segment may have been written. Append the same one again, which then returns True: a
        different segment of the same claim at the same place is a ValueError, because events would be lost.
        """
        check_segment(segment)
        now = self._clock()
        key = segment_key(self._user_of(context), thread_id, turn_id, segment.first)
        record: Record = {**key, **schema(), **_attributes(segment, now), "expires_at": seconds(now + KEPT)}
        try:
            await run_to_completion(self._table.put(record, ABSENT))
        except ConditionFailedError as error:
            stored = _segment(conflicting_record(error) or {**record, "by": text("")})
            if stored.claim != segment.claim:
                return False
            check_repetition(stored, segment)
        return True

    async def read(self, thread_id: str, turn_id: str, context: TContext, after: int = 0) -> list[Segment]:
        """Return the segments with events from number `after` on, and the end segment, in order.

        The first one may begin before `after`. The list is empty if nothing was written, or if the segment at `after`
        has expired.
        """
        user_id = self._user_of(context)
        after = min(max(after, 0), LAST)
        start, end = (segment_key(user_id, thread_id, turn_id, each) for each in (after, LAST))
        # What follows is read first: the second query then finds the segment that contains `after`, if there is one.
        found = await self._query(start, end, MAX_SEGMENTS)
        if after and not (found and found[0].first == after):
            first = segment_key(user_id, thread_id, turn_id, 0)
            before = await self._query(first, segment_key(user_id, thread_id, turn_id, after - 1), 1, forward=False)
            found = [each for each in before if each.next > after or each.end] + found
        return found if found and found[0].first <= after else []

    async def _query(self, start: Record, end: Record, limit: int, *, forward: bool = True) -> list[Segment]:
        values = {":pk": start["pk"], ":start": start["sk"], ":end": end["sk"]}
        condition = "pk = :pk AND sk BETWEEN :start AND :end"
        records = await self._table.query(condition, values, limit=limit, forward=forward)
        now = self._clock()
        return [_segment(each) for each in records if is_alive(each, now)]


def check_segment(segment: Segment) -> None:
    """Raise ValueError for a segment that cannot be in a journal."""
    if segment.count < (0 if segment.end else 1) or not 0 <= segment.first <= segment.next <= LAST:
        raise ValueError(f"{segment.count} events from number {segment.first} on are not a segment")


def check_repetition(stored: Segment, segment: Segment) -> None:
    """Raise ValueError if a claim writes other events to a place that it has already written."""
    if stored != segment:
        raise ValueError(
            f"The segment at {segment.first} has {stored.count} events and not {segment.count}: "
            "after an error append the same segment again"
        )


def body_of(record: Record) -> str:
    """Return the body of a segment's record. Raises CorruptRecordError."""
    packed = record["b"]
    if "S" in packed:
        return packed["S"]
    try:
        return zlib.decompress(packed["B"]).decode()
    except (zlib.error, UnicodeDecodeError) as exc:
        raise CorruptRecordError(record["pk"]["S"], record["sk"]["S"], str(exc)) from exc


def _attributes(segment: Segment, now: datetime) -> Record:
    raw = segment.body.encode()
    attributes: Record = {
        "by": text(segment.claim),
        "c": number(segment.count),
        "b": {"B": zlib.compress(raw)} if len(raw) > COMPRESS_OVER_BYTES else text(segment.body),
        "at": number(int(now.timestamp() * 1000)),
    }
    return attributes | ({"end": text(segment.end)} if segment.end else {})


def _segment(record: Record) -> Segment:
    check_schema(record)
    first = int(record["sk"]["S"].rpartition("#")[2])
    end = record.get("end", {}).get("S")
    return Segment(first, int(record["c"]["N"]), body_of(record), record["by"]["S"], end)
