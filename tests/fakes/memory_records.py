"""Turns, approvals, access, rates, feedback and search in memory: attributes of the same names of a MemoryStore."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import AssistantMessageItem, FeedbackKind, UserMessageItem

from store_dynamo.access import LONG_AGO, Seat
from store_dynamo.approvals import (
    MAX_ASKED,
    MAX_OUTCOME_CHARS,
    MAX_REASON_CHARS,
    Approval,
    Asked,
    NotDecidedError,
    Outcome,
    Status,
    Verdict,
)
from store_dynamo.audit import DONE, Action
from store_dynamo.errors import (
    RateExceededError,
    SignedOutError,
    TooManyRunningError,
    TurnClaimedError,
    approval_not_found,
    thread_not_found,
    turn_not_found,
)
from store_dynamo.expressions import Clock
from store_dynamo.feedback import Rating
from store_dynamo.journal import KEPT, Segment, check_repetition, check_segment
from store_dynamo.keys import escape
from store_dynamo.query import InvalidQueryError, SearchQuery, snippet
from store_dynamo.running import RunningTurn, ThreadBusyError
from store_dynamo.search import Found, Hit
from store_dynamo.turns import MAX_CALLS, TurnRecord

UserOf = Callable[[Any], str]
MINUTE = timedelta(minutes=1)


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


@dataclass
class MemoryApprovals:
    """Approvals by user, thread and id; `started` has the same keys."""

    store: Any
    user_of: UserOf
    clock: Clock
    asked: dict[tuple[str, str, str], Approval] = field(default_factory=dict[tuple[str, str, str], Approval])
    started: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])

    def now(self) -> datetime:
        return self.clock()

    async def ask(self, thread_id: str, calls: Sequence[Asked], context: Any, claim: str | None = None) -> None:
        if not 1 <= len(calls) <= MAX_ASKED:
            raise ValueError(f"{len(calls)} calls at once")
        self._check(thread_id, context, claim)
        for call in calls:
            key = self._key(thread_id, call.approval_id, context)
            self.asked.setdefault(key, Approval(call, "pending", self.clock()))

    def _check(self, thread_id: str, context: Any, claim: str | None) -> None:
        """Raise NotFoundError if the thread does not live, or if the claim is fenced in it."""
        if claim in self.store._alive(self.user_of(context), thread_id).fenced:
            raise thread_not_found(thread_id)

    async def load(self, thread_id: str, approval_id: str, context: Any) -> Approval:
        found = self.asked.get(self._key(thread_id, approval_id, context))
        if found is None:
            raise approval_not_found(approval_id)
        self._check(thread_id, context, None)
        return found

    async def list(self, thread_id: str, context: Any) -> list[Approval]:
        place = self._key(thread_id, "-", context)[:2]
        found = [each for key, each in self.asked.items() if key[:2] == place]
        return sorted(found, key=lambda each: (each.asked_at, each.asked.approval_id))

    async def decide(self, thread_id: str, approval_id: str, verdict: Verdict, context: Any) -> Approval:
        found = await self.load(thread_id, approval_id, context)
        self._check(thread_id, context, verdict.claim)
        await self.store.load_item(thread_id, found.asked.item_id, context)
        if not found.is_open(self.clock()) or found.asked.digest != verdict.digest:
            raise NotDecidedError(found)
        decided = replace(
            found,
            status="begun" if verdict.approved else "denied",
            decided_at=self.clock(),
            decided_by=self.user_of(context),
            request_id=verdict.request_id,
            reason=verdict.reason[:MAX_REASON_CHARS],
            claim=verdict.claim,
        )
        self.asked[self._key(thread_id, approval_id, context)] = decided
        return decided

    async def start(self, thread_id: str, approval_id: str, claim: str, context: Any) -> bool:
        key = self._key(thread_id, approval_id, context)
        found = self.asked[key]
        try:
            self._check(thread_id, context, claim)
        except NotFoundError:
            return False
        if found.status != "begun" or found.claim != claim or key in self.started:
            return False
        self.started.add(key)
        return True

    async def finish(self, thread_id: str, approval_id: str, claim: str, outcome: Outcome, context: Any) -> bool:
        text = outcome.text[:MAX_OUTCOME_CHARS]
        status: Status = "failed" if outcome.failed else "done"
        return self._close(thread_id, approval_id, status, ("begun", "unknown"), claim, context, text)

    async def abandon(self, thread_id: str, approval_id: str, claim: str, context: Any) -> bool:
        return self._close(thread_id, approval_id, "unknown", ("begun",), claim, context)

    async def expire(self, thread_id: str, approval_id: str, context: Any) -> bool:
        found = self.asked[self._key(thread_id, approval_id, context)]
        late = self.clock() >= found.asked.until
        return late and self._close(thread_id, approval_id, "expired", ("pending",), "", context)

    def _close(
        self,
        thread_id: str,
        approval_id: str,
        status: Status,
        before: Sequence[Status],
        claim: str,
        context: Any,
        outcome: str = "",
    ) -> bool:
        key = self._key(thread_id, approval_id, context)
        found = self.asked[key]
        if found.status not in before or found.claim != claim:
            return False
        self.asked[key] = replace(found, status=status, outcome=outcome)
        return True

    def _key(self, thread_id: str, approval_id: str, context: Any) -> tuple[str, str, str]:
        return self.user_of(context), escape(thread_id, "thread"), escape(approval_id, "approval")


@dataclass
class MemoryRates:
    """Counters by user (None: all users together), name and window."""

    user_of: UserOf
    clock: Clock
    hits: dict[tuple[str | None, str, int], int] = field(default_factory=dict[tuple["str | None", str, int], int])

    async def count(self, name: str, limit: int, window: timedelta, context: Any, *, amount: int = 1) -> None:
        self._count(self.user_of(context), name, limit, window, amount)

    async def count_shared(self, name: str, limit: int, window: timedelta, *, amount: int = 1) -> None:
        self._count(None, name, limit, window, amount)

    async def check(self, name: str, limit: int, window: timedelta, context: Any) -> None:
        self._check(self.user_of(context), name, limit, window)

    async def check_shared(self, name: str, limit: int, window: timedelta) -> None:
        self._check(None, name, limit, window)

    def _check(self, user_id: str | None, name: str, limit: int, window: timedelta) -> None:
        now, length = int(self.clock().timestamp()), int(window.total_seconds())
        if self.hits.get((user_id, name, now - now % length), 0) >= limit:
            raise RateExceededError(name, limit, length - now % length)

    def _count(self, user_id: str | None, name: str, limit: int, window: timedelta, amount: int) -> None:
        now, length = int(self.clock().timestamp()), int(window.total_seconds())
        key = (user_id, name, now - now % length)
        if self.hits.get(key, 0) + amount > limit:
            raise RateExceededError(name, limit, length - now % length)
        self.hits[key] = self.hits.get(key, 0) + amount


@dataclass
class MemoryAccess:
    """Buckets, seats and sign-outs by user."""

    user_of: UserOf
    clock: Clock
    full_at: dict[tuple[str, str], datetime] = field(default_factory=dict[tuple[str, str], datetime])
    seats: dict[str, dict[str, datetime]] = field(default_factory=dict[str, dict[str, datetime]])
    leases: dict[str, datetime] = field(default_factory=dict[str, datetime])
    ended: dict[str, tuple[datetime, bool]] = field(default_factory=dict[str, tuple[datetime, bool]])

    async def enter(
        self,
        context: Any,
        *,
        signed_in_at: datetime = LONG_AGO,
        rates: Mapping[str, int] | None = None,
        seat: Seat | None = None,
    ) -> None:
        await self.check(context, signed_in_at)
        user, now = self.user_of(context), self.clock()
        moved: dict[tuple[str, str], datetime] = {}
        for name, limit in (rates or {}).items():
            moved[user, name] = max(self.full_at.get((user, name), now), now) + MINUTE / limit
            if (wait := moved[user, name] - now - MINUTE) > timedelta(0):
                raise RateExceededError(f"{name} per minute", limit, math.ceil(wait.total_seconds()))
        if seat is not None:
            self._take(seat, self.seats.setdefault(user, {}), now)
        self.full_at |= moved

    async def check(self, context: Any, signed_in_at: datetime) -> None:
        before, erased = self.ended.get(self.user_of(context), (LONG_AGO, False))
        if signed_in_at.replace(microsecond=0) < before:
            raise SignedOutError(int(before.timestamp()), erased=erased)

    def _take(self, seat: Seat, taken: dict[str, datetime], now: datetime) -> None:
        alive = {each: until for each, until in taken.items() if until > now}
        if len(alive) >= seat.limit and seat.entry not in alive:
            raise TooManyRunningError(seat.limit)
        taken[seat.entry] = seat.until

    async def leave(self, seat: Seat, context: Any) -> None:
        self.seats.get(self.user_of(context), {}).pop(seat.entry, None)

    async def check_leases(self, limit: int) -> None:
        if sum(until > self.clock() for until in self.leases.values()) >= limit:
            raise TooManyRunningError(limit, everyone=True)

    async def lease(self, seat: Seat) -> None:
        self.leases[seat.holder] = seat.until

    async def release(self, seat: Seat) -> None:
        self.leases.pop(seat.holder, None)

    async def sign_out(self, context: Any, before: datetime) -> None:
        user = self.user_of(context)
        self.ended[user] = (_next_second(before), self.ended.get(user, (before, False))[1])

    async def erase(self, context: Any, at: datetime) -> None:
        user = self.user_of(context)
        self.seats.pop(user, None)
        self.full_at = {key: until for key, until in self.full_at.items() if key[0] != user}
        self.ended[user] = (_next_second(at), True)


def _next_second(at: datetime) -> datetime:
    return datetime.fromtimestamp(math.ceil(at.timestamp()), UTC)


@dataclass
class MemoryFeedback:
    """Feedback by thread and item, if the store has them for the user."""

    store: Store[Any]
    given: dict[tuple[str, str], Rating] = field(default_factory=dict[tuple[str, str], Rating])

    async def put(
        self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: Any, reason: str | None = None
    ) -> None:
        await self.store.load_thread(thread_id, context)
        for item_id in item_ids:
            await self.store.load_item(thread_id, item_id, context)
        self.given |= {(thread_id, item_id): Rating(kind, reason) for item_id in item_ids}

    async def load(self, thread_id: str, context: Any) -> dict[str, Rating]:
        await self.store.load_thread(thread_id, context)
        return {item_id: rating for (thread, item_id), rating in self.given.items() if thread == thread_id}

    async def remove(self, thread_id: str, item_ids: Sequence[str], context: Any) -> None:
        await self.store.load_thread(thread_id, context)
        for item_id in item_ids:
            self.given.pop((thread_id, item_id), None)


class MemorySearch:
    """`store.search` over a store in memory: every thread in one search, without bounds."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def find(self, query: SearchQuery, context: Any, after: str | None = None) -> Found:
        if after is not None:
            raise InvalidQueryError("cannot continue: this store has no next places")
        threads = (await self._store.load_threads(1_000, None, "desc", context)).data
        hits: list[Hit] = []
        records = 0
        for thread in threads:
            items = (await self._store.load_thread_items(thread.id, None, 1_000, "desc", context)).data
            records += len(items)
            texts: list[tuple[str | None, str]] = [(None, thread.title or "")]
            for item in items:
                if isinstance(item, UserMessageItem | AssistantMessageItem):
                    texts.append((item.id, "".join(part.text for part in item.content)))
            for item_id, words in texts:
                if places := query.find(words):
                    hits.append(Hit(thread, item_id, snippet(words, places)))
                    break
        return Found(hits, None, len(threads), records)


@dataclass
class MemoryAudit:
    """Audit records with their outcomes, in order."""

    entries: list[tuple[Action, str]] = field(default_factory=list[tuple[Action, str]])

    async def write(self, action: Action, outcome: str = DONE) -> None:
        self.entries.append((action, outcome))
