"""The contract on a store's `journal`: segments in order, one writer at each place, and none after an hour."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from store_dynamo.errors import InvalidIdError
from store_dynamo.journal import COMPRESS_OVER_BYTES, KEPT, LAST, Segment
from store_dynamo.testing.setting import Caller, Clock, StoreSetting

SECOND = timedelta(seconds=1)


def segment(first: int, count: int = 1, claim: str = "a", end: str | None = None, body: str | None = None) -> Segment:
    """Return a segment; its body names its place unless one is given."""
    return Segment(first, count, f"[{first}]" if body is None else body, claim, end)


def from_number(segments: list[Segment], after: int) -> list[Segment]:
    """Return what `read` must return of a whole log."""
    return [each for each in segments if each.next > after or each.end]


class JournalContract(StoreSetting):
    """`append` writes a segment where none is, `read` returns those from an event on, for an hour."""

    SEEDS = 12
    """Random histories."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def journal(self, make_store: Callable[..., Any], clock: Clock) -> Any:
        return make_store(clock=clock).journal

    async def test_segments_come_back_in_order(self, journal: Any, alice: Caller) -> None:
        bodies = ["", "[]", "ü" * 300, "x" * COMPRESS_OVER_BYTES, "x" * (COMPRESS_OVER_BYTES + 1), "naïve 😀 " * 4_000]
        written = [segment(10 * n, 10, body=body) for n, body in enumerate(bodies)]
        written.append(segment(60, 0, end="answered", body=""))
        for each in written:
            assert await journal.append("thr_1", "turn-1", each, alice)

        assert await journal.read("thr_1", "turn-1", alice) == written

    async def test_a_journal_begins_empty(self, journal: Any, alice: Caller) -> None:
        assert await journal.read("thr_1", "turn-1", alice) == []
        assert await journal.read("thr_1", "turn-1", alice, 7) == []
        await journal.append("thr_1", "turn-1", segment(0, 3), alice)
        assert await journal.read("thr_1", "turn-1", alice, 3) == []

    async def test_a_reader_continues_at_any_event(self, journal: Any, alice: Caller) -> None:
        counts = [1, 4, 1, 90, 2]
        written = [segment(sum(counts[:n]), count) for n, count in enumerate(counts)]
        for each in written:
            await journal.append("thr_1", "turn-1", each, alice)
        total = sum(counts)

        for after in range(total + 3):
            assert await journal.read("thr_1", "turn-1", alice, after) == from_number(written, after)
        for end in (segment(total, 0, end="stopped"), segment(total, 5, "b", end="taken")):
            turn = f"turn-{end.end}"
            for each in [*written, end]:
                await journal.append("thr_1", turn, each, alice)
            for after in (0, 1, total - 1, total, total + 4, total + 5, total + 99, LAST, LAST + 1):
                assert await journal.read("thr_1", turn, alice, after) == from_number([*written, end], after)

    async def test_turns_of_similar_ids_threads_and_users_stay_apart(
        self, journal: Any, alice: Caller, bob: Caller
    ) -> None:
        places = [
            ("thr_1", "turn-1", alice),
            ("thr_1", "turn-1", bob),
            ("thr_2", "turn-1", alice),
            ("thr_1", "turn-10", alice),
            ("thr_1", "turn", alice),
            ("thr_1", "turn-1#000000000", alice),
            ("thr_1#THREAD#x", "turn-1", alice),
        ]
        for n, (thread_id, turn_id, caller) in enumerate(places):
            assert await journal.append(thread_id, turn_id, segment(0, n + 1, str(n)), caller)

        for n, (thread_id, turn_id, caller) in enumerate(places):
            for after in (0, n):
                assert await journal.read(thread_id, turn_id, caller, after) == [segment(0, n + 1, str(n))]

    async def test_another_claim_cannot_write_at_a_place(self, journal: Any, alice: Caller) -> None:
        assert await journal.append("thr_1", "turn-1", segment(0, 2), alice)
        assert not await journal.append("thr_1", "turn-1", segment(0, 5, "b"), alice)
        assert await journal.append("thr_1", "turn-1", segment(2, 0, "b", end="taken"), alice)
        assert not await journal.append("thr_1", "turn-1", segment(2, 3), alice)
        assert not await journal.append("thr_1", "turn-1", segment(2, 0, end="answered"), alice)

        assert await journal.read("thr_1", "turn-1", alice) == [segment(0, 2), segment(2, 0, "b", end="taken")]

    async def test_the_same_segment_again_is_a_retry(self, journal: Any, alice: Caller) -> None:
        for body in ("x", "x" * 2_000):
            written = segment(len(body), 5, body=body)
            for _ in range(3):
                assert await journal.append("thr_1", "turn-1", written, alice)

    async def test_a_different_segment_of_a_claim_at_a_place_is_refused(self, journal: Any, alice: Caller) -> None:
        """Otherwise the events behind the stored ones would be missing, and every later number wrong."""
        await journal.append("thr_1", "turn-1", segment(0, 5, body="x"), alice)

        for other in (segment(0, 12, body="x"), segment(0, 5, body="y"), segment(0, 5, end="failed", body="x")):
            with pytest.raises(ValueError, match="append the same segment again"):
                await journal.append("thr_1", "turn-1", other, alice)
        assert await journal.read("thr_1", "turn-1", alice) == [segment(0, 5, body="x")]

    @pytest.mark.parametrize(
        ("first", "count", "end"), [(0, 0, None), (-1, 1, None), (3, -1, "failed"), (LAST, 1, None)]
    )
    async def test_an_impossible_segment_is_refused(
        self, journal: Any, alice: Caller, first: int, count: int, end: str | None
    ) -> None:
        with pytest.raises(ValueError, match="not a segment"):
            await journal.append("thr_1", "turn-1", segment(first, count, end=end), alice)

    async def test_an_id_no_key_can_hold_is_refused(self, journal: Any, alice: Caller) -> None:
        for thread_id, turn_id in (("x" * 513, "turn-1"), ("thr_1", "x" * 513), ("", "turn-1"), ("thr_1", "")):
            with pytest.raises(InvalidIdError):
                await journal.append(thread_id, turn_id, segment(0), alice)
            with pytest.raises(InvalidIdError):
                await journal.read(thread_id, turn_id, alice)

    async def test_a_journal_is_unreadable_after_an_hour(self, journal: Any, clock: Clock, alice: Caller) -> None:
        for n in range(3):
            await journal.append("thr_1", "turn-1", segment(n), alice)
            clock.advance(SECOND)
        clock.advance(KEPT - 4 * SECOND)
        assert len(await journal.read("thr_1", "turn-1", alice)) == 3
        clock.advance(SECOND)

        assert await journal.read("thr_1", "turn-1", alice) == []
        assert await journal.read("thr_1", "turn-1", alice, 1) == [segment(1), segment(2)]
        clock.advance(2 * SECOND)
        for after in range(4):
            assert await journal.read("thr_1", "turn-1", alice, after) == []

    async def test_of_many_writers_at_one_place_one_writes(self, journal: Any, alice: Caller) -> None:
        writing = [journal.append("thr_1", "turn-1", segment(0, n + 1, str(n)), alice) for n in range(8)]
        outcomes = await asyncio.gather(*writing)

        assert outcomes.count(True) == 1
        winner = outcomes.index(True)
        assert await journal.read("thr_1", "turn-1", alice) == [segment(0, winner + 1, str(winner))]

    async def test_random_producers_takers_and_readers_agree(self, journal: Any, clock: Clock, alice: Caller) -> None:
        """A producer that never looks, takers that die anywhere, and readers: one log without holes or overlaps."""
        for seed in range(self.SEEDS):
            history = History(journal, alice, clock, random.Random(seed))
            await history.run()
            await history.check()


class History:
    """A random history of one turn. The producer knows only its own appends; a taker reads, then seals."""

    def __init__(self, journal: Any, caller: Caller, clock: Clock, chance: random.Random) -> None:
        self._journal, self._caller, self._clock, self._chance = journal, caller, clock, chance
        self._turn = f"turn-{uuid.uuid4()}"
        self._next = 0
        self._superseded = False
        self._written: dict[int, Segment] = {}

    async def run(self) -> None:
        for n in range(self._chance.randint(5, 25)):
            steps = [
                self._produce(),
                *(self._take(f"taker-{n}-{m}") for m in range(self._chance.choice([0, 0, 0, 1, 3]))),
            ]
            self._chance.shuffle(steps)
            await asyncio.gather(*steps)
            self._clock.advance(timedelta(milliseconds=self._chance.randint(0, 60_000)))

    async def _produce(self) -> None:
        if self._superseded:
            return
        end = "answered" if self._chance.random() < 0.05 else None
        made = segment(self._next, self._chance.randint(0 if end else 1, 40), "producer", end)
        for _ in range(self._chance.choice([1, 1, 1, 2])):  # a repetition after a lost answer
            if not await self._append(made):
                self._superseded = True
                return
        self._next, self._superseded = made.next, end is not None

    async def _take(self, claim: str) -> None:
        log = await self._journal.read("thr_1", self._turn, self._caller)
        if self._chance.random() < 0.5 or (log and log[-1].end):
            return
        await self._append(segment(log[-1].next if log else 0, 0, claim, "taken"))

    async def _append(self, made: Segment) -> bool:
        wrote = await self._journal.append("thr_1", self._turn, made, self._caller)
        if wrote:
            assert self._written.setdefault(made.first, made) == made, "two segments at one place"
        return wrote

    async def check(self) -> None:
        log = [self._written[first] for first in sorted(self._written)]
        places = [each.first for each in log]
        assert places == [0, *(each.next for each in log)][: len(log)], "a hole or an overlap"
        assert not [each for each in log[:-1] if each.end], "a segment behind the end"
        total = log[-1].next if log else 0
        for after in {0, *(self._chance.randint(0, total + 2) for _ in range(6)), total}:
            found = await self._journal.read("thr_1", self._turn, self._caller, after)
            assert found == from_number(log, after)
