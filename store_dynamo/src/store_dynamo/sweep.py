"""Physical deletion of the records and overflow objects of a thread that was deleted or has expired.

    sweep = Sweep(table, bucket)
    if not await sweep.thread(user_id, thread_id, out_of_time):
        await sweep.continue_later(user_id, thread_id)

A sweep deletes records and overflow objects, including objects that no record names (the leftovers of failed writes).
Objects that belong to a record (files, generated images) are left to the consumer of the table's stream, which sees
that record's removal: here the janitor. Every step may be repeated.
"""

from __future__ import annotations

from collections.abc import Callable

from store_dynamo.bodies import S3Bucket
from store_dynamo.errors import ConditionFailedError
from store_dynamo.expressions import ABSENT, TURN_LIFE, Clock, number, seconds, text, utc_now
from store_dynamo.keys import (
    attachment_order,
    next_ns,
    overflow_prefix,
    running_key,
    thread_key,
    thread_partition,
    user_partition,
)
from store_dynamo.serialization import schema
from store_dynamo.table import Record, Table

PAGE = 500
"""Records deleted between two checks of the time: at 25 per request, five rounds of four parallel requests."""


class Sweep:
    """Deletes the contents of threads, for the janitor and the account tool.

    IAM: dynamodb:BatchWriteItem, GetItem, PutItem and Query on the table and its index; s3:DeleteObject on
    `overflow/*` and s3:ListBucket on the bucket.
    """

    def __init__(self, table: Table, bucket: S3Bucket | None, clock: Clock = utc_now) -> None:
        self._table = table
        self._bucket = bucket
        self._clock = clock

    async def is_due(self, user_id: str, thread_id: str) -> bool:
        """Return whether the thread is deleted or gone. A repeated event must not sweep a thread that exists."""
        record = await self._table.get(thread_key(user_id, thread_id))
        return record is None or "deleted_at" in record

    async def thread(self, user_id: str, thread_id: str, out_of_time: Callable[[], bool]) -> bool:
        """Delete a thread's lock and contents, at least one page of them. Returns whether nothing is left.

        A turn that still runs finds at its next beat that its lock is gone, and stops writing its journal. A lock that
        is taken is left to its taker.
        """
        lock = await self._table.get(running_key(user_id, thread_id))
        if lock and "taken" not in lock:
            await self._table.delete_all([running_key(user_id, thread_id)])
        attachments = {":pk": text(user_partition(user_id)), ":ord": text(attachment_order(thread_id))}
        contents = {":pk": text(thread_partition(user_id, thread_id))}
        for condition, values, index in (("pk = :pk AND ord = :ord", attachments, True), ("pk = :pk", contents, False)):
            names = "pk, sk, ord" if index else "pk, sk"
            async for page in self._table.pages(condition, values, size=PAGE, index=index, ProjectionExpression=names):
                await self._table.delete_all([{"pk": each["pk"], "sk": each["sk"]} for each in page])
                if out_of_time():
                    return False
        if self._bucket:
            async for keys in self._bucket.list(overflow_prefix(user_id, thread_id)):
                await self._bucket.delete(*keys)
                if out_of_time():
                    return False
        return True

    async def continue_later(self, user_id: str, thread_id: str) -> None:
        """Renew the tombstone: the new stream record causes another invocation, which continues the sweep.

        Reporting a failure instead would use up the retries that real failures need, and would block the shard.
        """
        now = self._clock()
        tombstone: Record = {
            **thread_key(user_id, thread_id),
            **schema(),
            "deleted_at": seconds(now),
            "expires_at": seconds(now + TURN_LIFE),
            "continued_ns": number(next_ns()),  # an identical write makes no stream record
        }
        try:
            await self._table.put(tombstone, f"{ABSENT} OR attribute_exists(deleted_at)")
        except ConditionFailedError:
            return  # the thread exists again
