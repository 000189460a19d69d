"""Feedback on thread items, stored only if the thread and the items belong to the user.

await store.feedback.put("thr_1", ["msg_1"], "negative", context, reason="Wrong month")
await store.feedback.load("thr_1", context)         # {"msg_1": Rating("negative", "Wrong month")}
await store.feedback.remove("thr_1", ["msg_1"], context)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from chatkit.types import FeedbackKind
from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, item_not_found, thread_not_found
from store_dynamo.expressions import PRESENT, Lifetime, text
from store_dynamo.keys import FEEDBACK, feedback_key, item_key, thread_partition, unescape
from store_dynamo.serialization import schema
from store_dynamo.table import Table, run_to_completion

TContext = TypeVar("TContext", default=Any)

MAX_ITEMS = 49  # two actions for each and one for the thread: a transaction takes 100
MAX_LOADED = 1_000


@dataclass(frozen=True, slots=True)
class Rating:
    """A user's feedback on one item."""

    kind: FeedbackKind
    reason: str | None = None


class Feedback(Generic[TContext]):
    """Feedback records, `FEEDBACK#{item}` next to the items and deleted with their thread; the latest one replaces.

    IAM: dynamodb:ConditionCheckItem, DeleteItem, PutItem and Query.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], lifetime: Lifetime) -> None:
        self._table = table
        self._user_of = user_of
        self._lifetime = lifetime

    async def put(
        self,
        thread_id: str,
        item_ids: Sequence[str],
        kind: FeedbackKind,
        context: TContext,
        reason: str | None = None,
    ) -> None:
        """Store a user's feedback on items. Raises NotFoundError, and then stores none of that group of 49."""
        ids = list(dict.fromkeys(item_ids))
        user_id, rating = self._user_of(context), Rating(kind, reason)
        for n in range(0, len(ids), MAX_ITEMS):
            await run_to_completion(self._put(user_id, thread_id, ids[n : n + MAX_ITEMS], rating))

    async def load(self, thread_id: str, context: TContext) -> dict[str, Rating]:
        """Return a user's feedback on the items of a thread, at most 1,000; also of a thread that is being deleted."""
        records = await self._table.query(
            "pk = :pk AND begins_with(sk, :feedback)",
            {":pk": text(thread_partition(self._user_of(context), thread_id)), ":feedback": text(FEEDBACK)},
            limit=MAX_LOADED,
        )
        return {
            unescape(each["sk"]["S"].removeprefix(FEEDBACK)): Rating(
                each["kind"]["S"], each["reason"]["S"] if "reason" in each else None
            )
            for each in records
        }

    async def remove(self, thread_id: str, item_ids: Sequence[str], context: TContext) -> None:
        """Withdraw a user's feedback on items; idempotent."""
        keys = [feedback_key(self._user_of(context), thread_id, each) for each in dict.fromkeys(item_ids)]
        await run_to_completion(asyncio.gather(*(self._table.delete(key) for key in keys)))

    async def _put(self, user_id: str, thread_id: str, item_ids: Sequence[str], rating: Rating) -> None:
        record = {**schema(), "kind": text(rating.kind), "at": text(self._lifetime.clock().isoformat())}
        if rating.reason:
            record["reason"] = text(rating.reason)
        checks = [
            {"ConditionCheck": {"Key": item_key(user_id, thread_id, each), "ConditionExpression": PRESENT}}
            for each in item_ids
        ]
        puts = [{"Put": {"Item": {**feedback_key(user_id, thread_id, each), **record}}} for each in item_ids]
        try:
            await self._table.transact(self._lifetime.thread_lives(user_id, thread_id), *checks, *puts)
        except ConditionFailedError as error:
            place = min(error.failed)
            raise (thread_not_found(thread_id) if place == 0 else item_not_found(item_ids[place - 1])) from error
