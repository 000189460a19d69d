"""Bodies: a model's JSON as its record carries it.

    size of the JSON                        stored as
    up to 2 KB                              `body`, a string
    more                                    `body`, binary: zlib
    over 64 KB compressed                   `overflow`, the key of an S3 object: zlib

A write unit is 1 KB, so compression pays from 2 KB on. AWS counts an item plus its index entries against 400 KB, so
190 KB fit without a bucket (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html).

The object is written before the record and has a key of its own: a record never points to nothing, and a failed or
replaced write leaves an object that nobody reads. The janitor removes it, at the latest with its thread.
"""

from __future__ import annotations

import zlib

from store_dynamo.errors import CorruptRecordError, RecordTooLargeError
from store_dynamo.expressions import Attributes, text
from store_dynamo.keys import overflow_key
from store_dynamo.overflow import OverflowBucket
from store_dynamo.table import Record, Table

COMPRESS_OVER_BYTES = 2_048
OVERFLOW_OVER_BYTES = 64 * 1_024
MAX_INLINE_BYTES = 190 * 1_024


class Bodies:
    """Packs JSON into a record's attributes and reads it back."""

    def __init__(self, table: Table, bucket: OverflowBucket | None) -> None:
        self._table = table
        self._bucket = bucket

    async def pack(self, body: str, prefix: str) -> Attributes:
        """Return the attribute that carries `body`; too big a one is stored under `prefix` first."""
        raw = body.encode()
        if len(raw) <= COMPRESS_OVER_BYTES:
            return {"body": text(body)}
        packed = zlib.compress(raw)
        if len(packed) <= (OVERFLOW_OVER_BYTES if self._bucket else MAX_INLINE_BYTES):
            return {"body": {"B": packed}}
        if not self._bucket:
            raise RecordTooLargeError(len(packed), MAX_INLINE_BYTES)
        key = overflow_key(prefix)
        await self._bucket.put(key, packed)
        return {"overflow": text(key)}

    async def read(self, record: Record) -> tuple[Record, str] | None:
        """Return a record and its JSON, or None when it was deleted meanwhile.

        An object that is gone was replaced after the record was read: the record is read again. Raises
        CorruptRecordError when the same record names it still.
        """
        key = {"pk": record["pk"], "sk": record["sk"]}
        current: Record | None = record
        while current is not None:
            if "overflow" not in current:
                return current, _inline(current)
            name = current["overflow"]["S"]
            packed = await self._bucket.get(name) if self._bucket else None
            if packed is not None:
                return current, _inflate(current, packed)
            again = await self._table.get(key)
            if again and again.get("overflow") == current["overflow"]:
                raise _corrupt(current, f"overflow object {name} is missing")
            current = again
        return None


def absent_body(packed: Attributes) -> list[str]:
    """Return the attributes that a write of `packed` has to remove."""
    return [name for name in ("body", "overflow") if name not in packed]


def _inline(record: Record) -> str:
    body = record.get("body", {})
    if "S" in body:
        return body["S"]
    if "B" in body:
        return _inflate(record, body["B"])
    raise _corrupt(record, "it has no body")


def _inflate(record: Record, packed: bytes) -> str:
    try:
        return zlib.decompress(packed).decode()
    except (zlib.error, UnicodeDecodeError) as exc:
        raise _corrupt(record, str(exc)) from exc


def _corrupt(record: Record, reason: str) -> CorruptRecordError:
    return CorruptRecordError(record["pk"]["S"], record["sk"]["S"], reason)
