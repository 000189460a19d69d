"""Turns, locks and journals in memory: attributes of the same names of a MemoryStore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from store_dynamo.errors import TurnClaimedError, turn_not_found
from store_dynamo.expressions import Clock
from store_dynamo.journal import KEPT, Segment, check_repetition, check_segment
from store_dynamo.keys import escape
from store_dynamo.running import RunningTurn, ThreadBusyError
from store_dynamo.turns import MAX_CALLS, TurnRecord

UserOf = Callable[[Any], str]


@dataclass
class MemoryTurns:
    """Claimed turns by user and id."""

    user_of: UserOf
    threads: dict[tuple[str, str], str | None] = field(default_factory=dict[tuple[str, str], "str | None"])
    cancelled: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    unsent: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    won: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
    looks: int = 0
    """Calls of `is_cancelled`."""

    async def claim(self, turn_id: str, thread_id: str, context: Any) -> None:
        key = (self.user_of(context), turn_id)
        if key in self.threads:
            raise TurnClaimedError(turn_id, self.threads[key])
        self.threads[key] = thread_id

    async def release(self, turn_id: str, context: Any) -> None:
        self.threads.pop((self.user_of(context), turn_id), None)

    async def cancel(self, turn_id: str, context: Any) -> None:
        self.cancelled.add((self.user_of(context), turn_id))

    async def is_cancelled(self, turn_id: str, context: Any) -> bool:
        self.looks += 1
        return (self.user_of(context), turn_id) in self.cancelled

    async def find(self, turn_id: str, context: Any) -> TurnRecord | None:
        key = (self.user_of(context), turn_id)
        thread_id = self.threads.get(key)
        if thread_id is None:
            return None
        ran = frozenset(call for user, turn, call in self.won if (user, turn) == key)
        return TurnRecord(turn_id, thread_id, key in self.cancelled, key in self.unsent, ran)

    async def mark_unsent(self, turn_id: str, context: Any) -> None:
        if (key := (self.user_of(context), turn_id)) in self.threads:
            self.unsent.add(key)

    async def win(self, turn_id: str, call_id: str, context: Any) -> bool:
        escape(call_id, "call")
        if await self.find(turn_id, context) is None:
            raise turn_not_found(turn_id)
        call = (self.user_of(context), turn_id, call_id)
        if call in self.won or sum(each[:2] == call[:2] for each in self.won) >= MAX_CALLS:
            return False
        self.won.add(call)
        return True


@dataclass
class MemoryRunning:
    """Locks by user and thread."""

    user_of: UserOf
    clock: Clock
    locks: dict[tuple[str, str], RunningTurn] = field(default_factory=dict[tuple[str, str], RunningTurn])

    async def begin(self, thread_id: str, turn_id: str, claim: str, context: Any, files: Sequence[str] = ()) -> None:
        held = await self.find(thread_id, context)
        if held and (held.claim != claim or held.taken):
            raise ThreadBusyError(held)
        key = (self.user_of(context), escape(thread_id, "thread"))
        self.locks.setdefault(key, RunningTurn(thread_id, turn_id, claim, self.clock(), tuple(files)))

    async def beat(self, thread_id: str, claim: str, context: Any) -> bool:
        key = (self.user_of(context), escape(thread_id, "thread"))
        held = self.locks.get(key)
        if held is None or held.claim != claim or held.taken:
            return False
        self.locks[key] = replace(held, at=self.clock())
        return True

    async def condemn(self, turn: RunningTurn, context: Any) -> bool:
        held = await self.find(turn.thread_id, context)
        if turn.is_alive(self.clock()) or not held or held.claim != turn.claim:
            return False
        if held.at != turn.at and not held.taken:
            return False
        self.locks[self.user_of(context), escape(turn.thread_id, "thread")] = replace(held, taken=True)
        return True

    async def end(self, thread_id: str, claim: str, context: Any, *, taken: bool = False) -> None:
        held = await self.find(thread_id, context)
        if held and held.claim == claim and (taken or not held.taken):
            del self.locks[self.user_of(context), escape(thread_id, "thread")]

    async def find(self, thread_id: str, context: Any) -> RunningTurn | None:
        return self.locks.get((self.user_of(context), escape(thread_id, "thread")))

    async def list(self, context: Any) -> list[RunningTurn]:
        return (await self.find_all(context))[0]

    async def find_all(self, context: Any) -> tuple[list[RunningTurn], list[RunningTurn]]:
        user, now = self.user_of(context), self.clock()
        turns = [turn for (owner, _), turn in self.locks.items() if owner == user]
        return [each for each in turns if each.is_alive(now)], [each for each in turns if not each.is_alive(now)]


@dataclass
class MemoryJournal:
    """Segments by user, thread and turn, in order, each with the time of its expiry."""

    user_of: UserOf
    clock: Clock
    turns: dict[tuple[str, str, str], dict[int, tuple[Segment, datetime]]] = field(
        default_factory=dict[tuple[str, str, str], "dict[int, tuple[Segment, datetime]]"]
    )

    async def append(self, thread_id: str, turn_id: str, segment: Segment, context: Any) -> bool:
        check_segment(segment)
        segments = self.turns.setdefault(self._key(thread_id, turn_id, context), {})
        stored, _ = segments.setdefault(segment.first, (segment, self.clock() + KEPT))
        if stored.claim != segment.claim:
            return False
        check_repetition(stored, segment)
        return True

    async def read(self, thread_id: str, turn_id: str, context: Any, after: int = 0) -> list[Segment]:
        segments, after = self.turns.get(self._key(thread_id, turn_id, context), {}), max(after, 0)
        alive = [segment for _, (segment, until) in sorted(segments.items()) if until > self.clock()]
        found = [each for each in alive if each.next > after or each.end]
        return found if found and found[0].first <= after else []

    def _key(self, thread_id: str, turn_id: str, context: Any) -> tuple[str, str, str]:
        return self.user_of(context), escape(thread_id, "thread"), escape(turn_id, "turn")
