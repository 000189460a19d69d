"""Turns, rate counters and feedback in memory: the `turns`, `rates` and `feedback` of a MemoryStore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chatkit.store import Store
from chatkit.types import FeedbackKind

from store_dynamo.errors import RateExceededError, TurnClaimedError
from store_dynamo.expressions import Clock

UserOf = Callable[[Any], str]


@dataclass
class MemoryTurns:
    """Claimed turns by user and id."""

    user_of: UserOf
    threads: dict[tuple[str, str], str | None] = field(default_factory=dict[tuple[str, str], "str | None"])
    cancelled: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    looks: int = 0
    """Calls of `is_cancelled`."""
    unknown: int = 0
    """Calls of `cancel` for a turn that does not exist."""

    async def claim(self, turn_id: str, thread_id: str, context: Any) -> None:
        key = (self.user_of(context), turn_id)
        if key in self.threads:
            raise TurnClaimedError(turn_id, self.threads[key])
        self.threads[key] = thread_id

    async def release(self, turn_id: str, context: Any) -> None:
        self.threads.pop((self.user_of(context), turn_id), None)

    async def cancel(self, turn_id: str, context: Any) -> bool:
        key = (self.user_of(context), turn_id)
        if key not in self.threads:
            self.unknown += 1
            return False
        self.cancelled.add(key)
        return True

    async def is_cancelled(self, turn_id: str, context: Any) -> bool:
        self.looks += 1
        return (self.user_of(context), turn_id) in self.cancelled


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

    def _count(self, user_id: str | None, name: str, limit: int, window: timedelta, amount: int) -> None:
        now, length = int(self.clock().timestamp()), int(window.total_seconds())
        key = (user_id, name, now - now % length)
        if self.hits.get(key, 0) + amount > limit:
            raise RateExceededError(name, limit, length - now % length)
        self.hits[key] = self.hits.get(key, 0) + amount


@dataclass
class MemoryFeedback:
    """Feedback by thread and item, if the store has them for the user."""

    store: Store[Any]
    given: dict[tuple[str, str], FeedbackKind] = field(default_factory=dict[tuple[str, str], FeedbackKind])

    async def put(self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: Any) -> None:
        await self.store.load_thread(thread_id, context)
        for item_id in item_ids:
            await self.store.load_item(thread_id, item_id, context)
        self.given |= {(thread_id, item_id): kind for item_id in item_ids}
