"""Bodies: a model's JSON in its record, or in S3 when it is too big for the table.

    size of the JSON                        stored as
    up to 2 KB                              `body`, a string
    more                                    `body`, binary: zlib
    over 64 KB compressed                   `overflow`, the key of an S3 object: zlib

A write unit is 1 KB, so compression pays from 2 KB on. AWS counts an item plus its index entries against 400 KB, so
190 KB fit without a bucket (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html).

The object is written before the record and has a key of its own: a record never points to a missing object, and a
failed or replaced write leaves an object that no record names. The janitor removes it, at the latest with its thread.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from store_dynamo.errors import CorruptRecordError, RecordTooLargeError, RequestRefusedError
from store_dynamo.expressions import Attributes, text
from store_dynamo.keys import overflow_key
from store_dynamo.table import Backoff, Record, Table

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

COMPRESS_OVER_BYTES = 2_048
OVERFLOW_OVER_BYTES = 64 * 1_024
MAX_INLINE_BYTES = 190 * 1_024
_GONE_CODES = frozenset({"NoSuchKey", "404", "AccessDenied"})  # without s3:ListBucket a missing object is a 403


class S3Bucket:
    """An S3 bucket: takes overflow objects; the janitor and the account tool also delete users' files with it.

    The caller makes the client and closes it.
    """

    def __init__(self, name: str, client: S3Client, backoff: Backoff | None = None) -> None:
        self.name = name
        self._client = client
        self._backoff = backoff or Backoff()

    async def put(self, key: str, data: bytes) -> None:
        await self._backoff.send(self._client.put_object, Bucket=self.name, Key=key, Body=data)

    async def get(self, key: str) -> bytes | None:
        """Return an object's bytes, or None when it does not exist."""

        def read(**parameters: Any) -> bytes:
            answer = self._client.get_object(**parameters)
            with answer["Body"] as body:
                return body.read()

        try:
            return await self._backoff.send(read, Bucket=self.name, Key=key)
        except RequestRefusedError as error:
            if error.code in _GONE_CODES:
                return None
            raise

    async def list(self, prefix: str) -> AsyncIterator[list[str]]:
        """Yield the keys under a prefix, up to 1 000 at a time; deletions meanwhile do not make it skip others."""
        more: dict[str, Any] = {}
        while True:
            answer = await self._backoff.send(self._client.list_objects_v2, Bucket=self.name, Prefix=prefix, **more)
            if keys := [each.get("Key", "") for each in answer.get("Contents", [])]:
                yield keys
            if not (token := answer.get("NextContinuationToken")):
                return
            more = {"ContinuationToken": token}

    async def areas(self) -> list[str]:
        """Return the bucket's first-level prefixes, each ending with a slash."""
        answer = await self._backoff.send(self._client.list_objects_v2, Bucket=self.name, Delimiter="/")
        return [each.get("Prefix", "") for each in answer.get("CommonPrefixes", [])]

    async def delete(self, *keys: str) -> None:
        """Delete objects; unknown keys are ignored. Raises RequestRefusedError for the first object that stays."""
        for n in range(0, len(keys), 1_000):
            objects: Any = [{"Key": key} for key in keys[n : n + 1_000]]
            answer = await self._backoff.send(
                self._client.delete_objects, Bucket=self.name, Delete={"Objects": objects, "Quiet": True}
            )
            for fault in answer.get("Errors", []):
                raise RequestRefusedError("delete_objects", fault.get("Code", ""), "-")


class Bodies:
    """Packs JSON into a record's attributes and reads it back."""

    def __init__(self, table: Table, bucket: S3Bucket | None) -> None:
        self._table = table
        self._bucket = bucket

    async def pack(self, body: str, prefix: str) -> Attributes:
        """Return the attribute that carries `body`; a body that is too big is first stored under `prefix`."""
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
        """Return a record and its JSON, or None when the record was deleted meanwhile.

        A missing object was replaced after the record was read, so the record is read again. Raises CorruptRecordError
        when the record still names that object.
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
