"""Approvals, allowances, access, rates, feedback and search in memory: attributes of these names of a MemoryStore."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import AssistantMessageItem, FeedbackKind, UserMessageItem

from store_dynamo.access import LONG_AGO, Seat
from store_dynamo.allowances import MAX_ALLOWANCES, MAX_BOUNDS_CHARS, MAX_WORDS_CHARS
from store_dynamo.approval_records import Allowance
from store_dynamo.approvals import (
    MAX_ASKED,
    MAX_OUTCOME_CHARS,
    MAX_REASON_CHARS,
    Approval,
    Asked,
    Grant,
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
    approval_not_found,
    thread_not_found,
)
from store_dynamo.expressions import Clock
from store_dynamo.feedback import Rating
from store_dynamo.keys import escape
from store_dynamo.query import InvalidQueryError, SearchQuery, snippet
from store_dynamo.search import Found, Hit

UserOf = Callable[[Any], str]
MINUTE = timedelta(minutes=1)


@dataclass
class MemoryApprovals:
    """Approvals by user, thread and id; `started` has the same keys. Grants to `store.allowances`."""

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
        if verdict.grant and len(verdict.grant.bounds) > MAX_BOUNDS_CHARS:
            raise ValueError(f"the bounds of {verdict.grant.tool} are too long")
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
            allowance=approval_id if verdict.approved and verdict.grant else "",
        )
        self.asked[self._key(thread_id, approval_id, context)] = decided
        if verdict.approved and verdict.grant:
            self.store.allowances.grant(thread_id, approval_id, verdict.grant, verdict.request_id, context)
        return decided

    async def allow(
        self, thread_id: str, call: Asked, allowance: Allowance, claim: str, request_id: str, context: Any
    ) -> Approval | None:
        self._check(thread_id, context, claim)
        stored = {each.allowance_id: each for each in await self.store.allowances.list(context)}
        found = stored.get(allowance.allowance_id)
        key, user, now = self._key(thread_id, call.approval_id, context), self.user_of(context), self.clock()
        if found is None or found.grant != allowance.grant or key in self.asked:
            return None
        begun = Approval(call, "begun", now, now, user, request_id, claim=claim, allowance=allowance.allowance_id)
        self.asked[key] = begun
        return begun

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
class MemoryAllowances:
    """Allowances by user and approval."""

    user_of: UserOf
    clock: Clock
    retention: timedelta | None = None
    granted: dict[tuple[str, str], Allowance] = field(default_factory=dict[tuple[str, str], Allowance])

    def grant(self, thread_id: str, approval_id: str, grant: Grant, request_id: str, context: Any) -> None:
        user, now = self.user_of(context), self.clock()
        ends = [grant.until] if grant.until else []
        ends += [now + self.retention] if self.retention else []
        until = min(ends).replace(microsecond=0) if ends else None
        grant = replace(grant, words=grant.words[:MAX_WORDS_CHARS], until=until)
        self.granted[user, approval_id] = Allowance(approval_id, grant, thread_id, now, user, request_id)

    async def list(self, context: Any) -> list[Allowance]:
        own = [each for (user, _), each in self.granted.items() if user == self.user_of(context)]
        alive = [each for each in own if each.grant.until is None or each.grant.until > self.clock()]
        return sorted(alive, key=lambda each: each.allowance_id, reverse=True)[:MAX_ALLOWANCES]

    async def revoke(self, allowance_id: str, context: Any) -> bool:
        escape(allowance_id, "approval")
        return self.granted.pop((self.user_of(context), allowance_id), None) is not None


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
