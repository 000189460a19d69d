"""Legal holds: nothing that a held user deletes, and nothing that expires, is removed until the hold is lifted.

    holds = Holds(table)
    await holds.place("4f1c…", reason="case 2026-17", by="arn:aws:iam::…:user/ana")    # None: every user of the table
    await holds.is_held("4f1c…")                                                       # 2 RCU at most
    async for kept in holds.lift("4f1c…"): ...

Theory. A deletion or an expiry hides the record at once, with or without a hold; the consumer of the table's stream
then finishes the work. For a held user it must call `keep` with the removed image instead, and delete nothing. The
copy stands in the same partition as the record was, under `HELD#{sequence number}#{sort key}`, without `ord` and
`expires_at`, so that neither a query of the store nor TTL finds it. The sequence number makes a repeated event harmless
and keeps each version of a record that was removed more than once.

`lift` deletes the hold and then the copies. The removal of a copy is a stream record as well, from which the consumer
takes the original event (`original_key`): so it deletes now, or keeps again under a hold that still applies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from store_dynamo.expressions import Attributes, Clock, text, utc_now
from store_dynamo.keys import HELD, HOLD, THREAD, Key, hold_key, thread_partition, unescape, user_partition
from store_dynamo.table import Record, Table

PAGE = 500
HIDDEN = ("ord", "expires_at")
"""Attributes by which a query of the store, or TTL, would find a copy."""


class Holds:
    """The holds of one table, `HOLD` in the user's partition or in `SHARED`.

    IAM: dynamodb:GetItem and PutItem; to lift, also BatchWriteItem, DeleteItem, Query, and Scan for all users.
    """

    def __init__(self, table: Table, clock: Clock = utc_now) -> None:
        self._table = table
        self._clock = clock

    async def place(self, user_id: str | None, reason: str, by: str) -> None:
        """Hold a user's data, or everyone's; replaces an earlier hold."""
        at = text(self._clock().isoformat())
        await self._table.put({**hold_key(user_id), "reason": text(reason), "held_by": text(by), "at": at})

    async def find(self, user_id: str | None) -> Record | None:
        """Return the hold of exactly this user, or of the whole table for None."""
        return await self._table.get(hold_key(user_id))

    async def is_held(self, user_id: str) -> bool:
        """Return whether the user's data must be kept, by a hold of the user or of the whole table."""
        return await self.find(user_id) is not None or await self.find(None) is not None

    async def keep(self, key: Key, image: Attributes, sequence_number: str) -> None:
        """Keep a copy of a removed record; `image` is in boto3's form, with bytes. Idempotent."""
        copy: Record = {name: value for name, value in image.items() if name not in HIDDEN}
        copy["sk"] = text(f"{HELD}{sequence_number}#{key['sk']['S']}")
        await self._table.put({**copy, "pk": key["pk"], "kept_at": text(self._clock().isoformat())})

    async def lift(self, user_id: str | None) -> AsyncIterator[str]:
        """End a hold, and yield the sort key of each copy that is released. May be interrupted and run again."""
        await self._table.delete(hold_key(user_id))
        async for page in self._copies(user_id):
            await self._table.delete_all([{"pk": each["pk"], "sk": each["sk"]} for each in page])
            for each in page:
                yield each["sk"]["S"]

    async def _copies(self, user_id: str | None) -> AsyncIterator[list[Record]]:
        if user_id is None:
            async for page in self._table.scan("begins_with(sk, :held)", {":held": text(HELD)}, "pk, sk"):
                yield page
            return
        partitions = {user_partition(user_id)}
        async for page in self._in(user_partition(user_id)):
            partitions |= {thread_partition(user_id, each) for each in map(held_thread, page) if each}
            yield page
        async for page in self._table.pages(
            "pk = :pk AND begins_with(sk, :threads)",
            {":pk": text(user_partition(user_id)), ":threads": text(THREAD)},
            size=PAGE,
        ):
            partitions |= {thread_partition(user_id, unescape(each["sk"]["S"].removeprefix(THREAD))) for each in page}
        for partition in sorted(partitions - {user_partition(user_id)}):
            async for page in self._in(partition):
                yield page

    async def _in(self, partition: str) -> AsyncIterator[list[Record]]:
        values = {":pk": text(partition), ":held": text(HELD)}
        async for page in self._table.pages("pk = :pk AND begins_with(sk, :held)", values, size=PAGE):
            yield page


def original_key(key: Key) -> Key | None:
    """Return the key of the record of which `key` is the copy; None for any other record."""
    sort_key: str = key["sk"]["S"]
    if not sort_key.startswith(HELD):
        return None
    return {"pk": key["pk"], "sk": text(sort_key.removeprefix(HELD).partition("#")[2])}


def held_thread(record: Mapping[str, Any]) -> str | None:
    """Return the id of the thread of which `record` is the copy, if any."""
    original = original_key({"pk": record["pk"], "sk": record["sk"]})
    if original is None or not original["sk"]["S"].startswith(THREAD):
        return None
    return unescape(original["sk"]["S"].removeprefix(THREAD))


def describe(hold: Record) -> str:
    """Return a hold in words."""
    at = datetime.fromisoformat(hold["at"]["S"]).astimezone(UTC)
    return f"{HOLD.lower()} since {at:%Y-%m-%d %H:%M} UTC by {hold['held_by']['S']}: {hold['reason']['S']}"
