"""Turns, counters and feedback in memory, as `store_dynamo` keeps them in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from chatkit.types import FeedbackKind

from chat_api.context import RequestContext
from chat_api.records import Records
from store_dynamo.errors import RateExceededError, TurnClaimedError
from store_dynamo.lifetime import Clock, utc_now
from tests.fakes.memory_store import MemoryStore


@dataclass
class MemoryTurns:
    """Claimed turns by user and id."""

    threads: dict[tuple[str, str], str | None] = field(default_factory=dict[tuple[str, str], "str | None"])
    cancelled: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    looks: int = 0
    """How often a turn looked whether it was cancelled."""
    unknown: int = 0
    """How often a turn was to be cancelled that is not there."""

    async def claim(self, turn_id: str, thread_id: str, context: RequestContext) -> None:
        key = (context.user_id, turn_id)
        if key in self.threads:
            raise TurnClaimedError(turn_id, self.threads[key])
        self.threads[key] = thread_id

    async def release(self, turn_id: str, context: RequestContext) -> None:
        self.threads.pop((context.user_id, turn_id), None)

    async def cancel(self, turn_id: str, context: RequestContext) -> bool:
        key = (context.user_id, turn_id)
        if key not in self.threads:
            self.unknown += 1
            return False
        self.cancelled.add(key)
        return True

    async def is_cancelled(self, turn_id: str, context: RequestContext) -> bool:
        self.looks += 1
        return (context.user_id, turn_id) in self.cancelled


@dataclass
class MemoryRates:
    """Counters by user (None: all), name and window."""

    clock: Clock = utc_now
    hits: dict[tuple[str | None, str, int], int] = field(default_factory=dict[tuple["str | None", str, int], int])

    async def count(
        self, name: str, limit: int, window: timedelta, context: RequestContext, *, amount: int = 1
    ) -> None:
        self._count(context.user_id, name, limit, window, amount)

    async def count_shared(self, name: str, limit: int, window: timedelta, *, amount: int = 1) -> None:
        self._count(None, name, limit, window, amount)

    def _count(self, user_id: str | None, name: str, limit: int, window: timedelta, amount: int) -> None:
        now, length = int(self.clock().timestamp()), int(window.total_seconds())
        key = (user_id, name, now - now % length)
        if self.hits.get(key, 0) + amount > limit:
            raise RateExceededError(name, limit, length - now % length)
        self.hits[key] = self.hits.get(key, 0) + amount


@dataclass
class MemoryFeedback:
    """What users said of items, if the items are theirs."""

    store: MemoryStore[RequestContext]
    given: dict[tuple[str, str], FeedbackKind] = field(default_factory=dict[tuple[str, str], FeedbackKind])

    async def put(self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: RequestContext) -> None:
        await self.store.load_thread(thread_id, context)
        for item_id in item_ids:
            await self.store.load_item(thread_id, item_id, context)
        self.given |= {(thread_id, item_id): kind for item_id in item_ids}


@dataclass
class MemoryRecords:
    """All of them on one store."""

    store: MemoryStore[RequestContext]
    turns: MemoryTurns = field(default_factory=MemoryTurns)
    rates: MemoryRates = field(default_factory=MemoryRates)

    def __post_init__(self) -> None:
        self.feedback = MemoryFeedback(self.store)

    def records(self) -> Records:
        return Records(self.turns, self.rates, self.feedback, titles=self.store)
