"""Rate counters: how much one user, or all users together, may do within a window of time.

    await store.rates.count("turns per minute", 20, timedelta(minutes=1), context)      # RateExceededError
    await store.rates.count_shared("tokens per day", 10**6, timedelta(days=1), amount=1234)

    await store.rates.check_shared("tokens per day", 10**6, timedelta(days=1))          # a read; also check

Each count is one conditional write. Windows begin at multiples of their length. A count whose answer was lost is sent
again and may be counted twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, RateExceededError
from store_dynamo.expressions import Clock, number, seconds
from store_dynamo.keys import rate_key
from store_dynamo.table import Table, run_to_completion

TContext = TypeVar("TContext", default=Any)


class Rates(Generic[TContext]):
    """Counters, `RATE#{name}#{window}` in the user's partition or in the shared one.

    IAM: dynamodb:GetItem, UpdateItem.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def count(self, name: str, limit: int, window: timedelta, context: TContext, *, amount: int = 1) -> None:
        """Count for one user. Raises RateExceededError, and then counts nothing."""
        await self._count(self._user_of(context), name, limit, window, amount)

    async def count_shared(self, name: str, limit: int, window: timedelta, *, amount: int = 1) -> None:
        """Count for all users together. Raises RateExceededError, and then counts nothing."""
        await self._count(None, name, limit, window, amount)

    async def check(self, name: str, limit: int, window: timedelta, context: TContext) -> None:
        """Raise RateExceededError if a user's counter is at its limit. An eventually consistent read: half a unit."""
        await self._check(self._user_of(context), name, limit, window)

    async def check_shared(self, name: str, limit: int, window: timedelta) -> None:
        """Raise RateExceededError if the counter of all users is at its limit."""
        await self._check(None, name, limit, window)

    async def _check(self, user_id: str | None, name: str, limit: int, window: timedelta) -> None:
        now, length = int(self._clock().timestamp()), int(window.total_seconds())
        start = now - now % length
        record = await self._table.get(rate_key(user_id, name, start), consistent=False)
        if record is not None and int(record["hits"]["N"]) >= limit:
            raise RateExceededError(name, limit, start + length - now)

    async def _count(self, user_id: str | None, name: str, limit: int, window: timedelta, amount: int) -> None:
        now, length = int(self._clock().timestamp()), int(window.total_seconds())
        start = now - now % length
        if amount > limit:
            raise RateExceededError(name, limit, start + length - now)
        change: dict[str, Any] = {
            "UpdateExpression": "SET expires_at = :expiry ADD hits :amount",
            "ExpressionAttributeValues": {
                ":expiry": seconds(self._clock() + 2 * window),
                ":amount": number(amount),
                ":room": number(limit - amount),
            },
        }
        condition = "attribute_not_exists(hits) OR hits <= :room"
        try:
            await run_to_completion(self._table.update(rate_key(user_id, name, start), change, condition))
        except ConditionFailedError as error:
            raise RateExceededError(name, limit, start + length - now) from error
