"""Turns: each is claimed once, can be cancelled while it runs, and is forgotten after a day (promises H6, H10).

await store.turns.claim("turn-1", "thr_1", context)           # TurnClaimedError: it has run, or runs
…  await store.turns.is_cancelled("turn-1", context)  …       # one read, 1 RCU
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, TurnClaimedError
from store_dynamo.expressions import ABSENT, PRESENT, seconds, text, update
from store_dynamo.keys import escape, turn_key
from store_dynamo.lifetime import Clock
from store_dynamo.records import schema
from store_dynamo.requests import finish
from store_dynamo.table import Record, Table, stored

TContext = TypeVar("TContext", default=Any)

REMEMBERED = timedelta(days=1)


class Turns(Generic[TContext]):
    """Turn records, `TURN#{turn}` in the user's partition. IAM: dynamodb:GetItem, PutItem and UpdateItem."""

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def claim(self, turn_id: str, thread_id: str, context: TContext) -> None:
        """Begin a turn. Raises TurnClaimedError, with the thread that the first claim named, or InvalidIdError."""
        escape(thread_id, "thread")  # what no thread's id can be might not fit into the record
        claim = uuid.uuid4().hex  # tells our own retry after a lost answer from a second arrival
        record: Record = {
            **turn_key(self._user_of(context), turn_id),
            **schema(),
            "claim": text(claim),
            "thread_id": text(thread_id),
            "expires_at": seconds(self._clock() + REMEMBERED),
        }
        try:
            await finish(self._table.put(record, ABSENT))
        except ConditionFailedError as error:
            first = stored(error) or {}
            if first.get("claim") != record["claim"]:
                raise TurnClaimedError(turn_id, first.get("thread_id", {}).get("S")) from error

    async def release(self, turn_id: str, context: TContext) -> None:
        """Forget a claim that its own holder gives back, so that the turn may begin again. IAM: dynamodb:DeleteItem."""
        await finish(self._table.delete(turn_key(self._user_of(context), turn_id)))

    async def cancel(self, turn_id: str, context: TContext) -> bool:
        """Ask a turn to stop; False when this user has no such turn."""
        change = update({"cancelled_at": text(self._clock().isoformat())})
        try:
            await finish(self._table.update(turn_key(self._user_of(context), turn_id), change, PRESENT))
        except ConditionFailedError:
            return False
        return True

    async def is_cancelled(self, turn_id: str, context: TContext) -> bool:
        """Say whether somebody asked the turn to stop."""
        record = await self._table.get(turn_key(self._user_of(context), turn_id))
        return record is not None and "cancelled_at" in record
