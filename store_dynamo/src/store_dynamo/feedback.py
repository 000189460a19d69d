"""Feedback on thread items, stored only if the thread and the items belong to the user.

await store.feedback.put("thr_1", ["msg_1"], "positive", context)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic

from chatkit.types import FeedbackKind
from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, item_not_found, thread_not_found
from store_dynamo.expressions import PRESENT, Lifetime, text
from store_dynamo.keys import feedback_key, item_key
from store_dynamo.serialization import schema
from store_dynamo.table import Table, run_to_completion

TContext = TypeVar("TContext", default=Any)

MAX_ITEMS = 49  # two actions for each and one for the thread: a transaction takes 100


class Feedback(Generic[TContext]):
    """Feedback records, `FEEDBACK#{item}` next to the items and deleted with their thread; the latest one replaces.

    IAM: dynamodb:ConditionCheckItem and PutItem.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], lifetime: Lifetime) -> None:
        self._table = table
        self._user_of = user_of
        self._lifetime = lifetime

    async def put(self, thread_id: str, item_ids: Sequence[str], kind: FeedbackKind, context: TContext) -> None:
        """Store a user's feedback on items. Raises NotFoundError, and then stores none of that group of 49."""
        ids = list(dict.fromkeys(item_ids))
        for n in range(0, len(ids), MAX_ITEMS):
            await run_to_completion(self._put(self._user_of(context), thread_id, ids[n : n + MAX_ITEMS], kind))

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
