"""Physical deletion of what lies under a thread that was deleted or has expired.

    sweep = Sweep(table, bucket)
    if not await sweep.thread(user_id, thread_id, out_of_time):
        await sweep.continue_later(user_id, thread_id)

Records go here, and overflow objects, also those that no record names (the leftovers of failed writes). Objects that a
record stands for (files, generated images) are deleted by whoever sees that record go: the janitor follows the stream.
Everything may be done twice.
"""

from __future__ import annotations

from collections.abc import Callable

from store_dynamo.errors import ConditionFailedError
from store_dynamo.expressions import ABSENT, number, seconds, text
from store_dynamo.ids import next_ns
from store_dynamo.keys import attachment_order, overflow_prefix, thread_key, thread_partition, user_partition
from store_dynamo.lifetime import TURN_LIFE, Clock, utc_now
from store_dynamo.overflow import OverflowBucket
from store_dynamo.records import schema
from store_dynamo.table import Record, Table

PAGE = 500
"""Records read and deleted between two looks at the time: at 25 to a request, five rounds of four requests at once."""


class Sweep:
    """What the janitor and the account tool delete with.

    IAM: dynamodb:BatchWriteItem, GetItem, PutItem and Query on the table and its index; s3:DeleteObject on
    `overflow/*` and s3:ListBucket on the bucket.
    """

    def __init__(self, table: Table, bucket: OverflowBucket | None, clock: Clock = utc_now) -> None:
        self._table = table
        self._bucket = bucket
        self._clock = clock

    async def is_due(self, user_id: str, thread_id: str) -> bool:
        """Say whether the thread is gone: an old event must not hurt one that lives."""
        record = await self._table.get(thread_key(user_id, thread_id))
        return record is None or "deleted_at" in record

    async def thread(self, user_id: str, thread_id: str, out_of_time: Callable[[], bool]) -> bool:
        """Delete what lies under a thread, a page at least; say whether nothing is left."""
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
        """Renew the tombstone: that makes a new stream record, and so another invocation.

        Reporting a failure instead would use up the retries that real failures need, and would hold up the shard.
        """
        now = self._clock()
        tombstone: Record = {
            **thread_key(user_id, thread_id),
            **schema(),
            "deleted_at": seconds(now),
            "expires_at": seconds(now + TURN_LIFE),
            "continued_ns": number(next_ns()),  # a write that changes nothing leaves no stream record
        }
        try:
            await self._table.put(tombstone, f"{ABSENT} OR attribute_exists(deleted_at)")
        except ConditionFailedError:
            return  # the id is in use again
