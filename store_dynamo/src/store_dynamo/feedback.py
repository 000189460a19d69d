"""Feedback on thread items, stored only if the thread and the items are the user's (promise H8).

await store.feedback.put("thr_1", ["msg_1"], "positive", context)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic

from chatkit.types import FeedbackKind
from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError
from store_dynamo.expressions import PRESENT, text
from store_dynamo.items import item_not_found, thread_not_found
from store_dynamo.keys import feedback_key, item_key
from store_dynamo.lifetime import Clock, Lifetime
from store_dynamo.records import schema
from store_dynamo.requests import finish
from store_dynamo.table import Table

TContext = TypeVar("TContext", default=Any)

MAX_ITEMS = 49  # two actions each and one for the thread: a transaction has 100


class Feedback(Generic[TContext]):
    """Feedback records, `FEEDBACK#{item}` beside the items, gone with the thread; the last word on an item counts.

    IAM: dynamodb:ConditionCheckItem and PutItem.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._lifetime = Lifetime(clock)

    async def put(self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: TContext) -> None:
        """Store what the user thinks of items. Raises NotFoundError, and then stores nothing of that group of 49."""
        ids = list(dict.fromkeys(item_ids))
        for n in range(0, len(ids), MAX_ITEMS):
            await finish(self._put(self._user_of(context), thread_id, ids[n : n + MAX_ITEMS], kind))

    async def _put(self, user_id: str, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind) -> None:
        at = text(self._lifetime.clock().isoformat())
        checks = [
            {"ConditionCheck": {"Key": item_key(user_id, thread_id, each), "ConditionExpression": PRESENT}}
            for each in item_ids
        ]
        puts = [
            {"Put": {"Item": {**feedback_key(user_id, thread_id, each), **schema(), "kind": text(kind), "at": at}}}
            for each in item_ids
        ]
        try:
            await self._table.transact(self._lifetime.thread_lives(user_id, thread_id), *checks, *puts)
        except ConditionFailedError as error:
            place = min(error.failed)
            raise (thread_not_found(thread_id) if place == 0 else item_not_found(item_ids[place - 1])) from error
