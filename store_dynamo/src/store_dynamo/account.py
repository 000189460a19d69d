"""Export or erase all data of one user (articles 15, 17 and 20 of the GDPR).

    python -m store_dynamo.account export --table chat --bucket chat-files --user 4f1c… > user.jsonl
    python -m store_dynamo.account erase  --table chat --bucket chat-files --user 4f1c…

`--user` is the `sub` claim of the user's tokens. The export has one JSON object per line: `{"record": "thread", "id",
"body"}` and so on for every other kind of record, and `{"object", "size", "base64"}` for files. Records are found by
the user's partitions, so that a new kind of record is part of both commands without a change here. Erasing first
writes a tombstone (access.py), which ends the user's sessions and outlives the erasure; then it deletes the contents
of each thread before its record, so it may be interrupted and run again. Objects are found by the user's id, the
second part of every key in the bucket. Backups (PITR) and old S3 versions expire by their own rules. Needs boto3:
`chatkit-store-dynamo[cli]`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import boto3

from store_dynamo.access import Access
from store_dynamo.bodies import Bodies, S3Bucket
from store_dynamo.errors import HeldError
from store_dynamo.expressions import text
from store_dynamo.holds import Holds, describe, held_thread, original_key
from store_dynamo.journal import body_of
from store_dynamo.keys import ACCESS, LIVE, THREAD, escape, thread_of, thread_partition, unescape, user_partition
from store_dynamo.serialization import check_schema
from store_dynamo.sweep import Sweep
from store_dynamo.table import CLIENT_CONFIG, Backoff, Record, Table

PAGE = 500
_EXPORTED = (
    "kind", "title_source", "at", "hits", "thread_id", "cancelled_at", "expires_at", "deleted_at", "reason", "held_by",
    "kept_at", "turn", "ran", "end", "status", "open_until", "asked_at", "decided_at", "decided_by", "request_id",
    "outcome", "closed_at", "allowance", "tool", "meaning", "bounds", "words", "granted_at", "granted_by",
)  # fmt: skip


class Account:
    """One user's records and objects.

    IAM: the actions of Sweep, dynamodb:PutItem, s3:GetObject, and s3:DeleteObject on the bucket.
    """

    def __init__(self, table: Table, bucket: S3Bucket, user_id: str) -> None:
        self._table = table
        self._bucket = bucket
        self._bodies = Bodies(table, bucket)
        self._sweep = Sweep(table, bucket)
        self._user_id = user_id

    async def export(self) -> AsyncIterator[dict[str, Any]]:
        """Yield every record and file."""
        threads: set[str] = set()
        async for record in self._records(user_partition(self._user_id)):
            yield await self._entry(record)
            thread_id = _thread(record)
            if thread_id is None or thread_id in threads:
                continue
            threads.add(thread_id)  # a thread that was deleted under a legal hold has its tombstone and a copy
            async for each in self._records(thread_partition(self._user_id, thread_id)):
                yield {"thread_id": thread_id} | await self._entry(each)
        async for key in self._objects():
            if data := await self._bucket.get(key):
                yield {"object": key, "size": len(data), "base64": base64.b64encode(data).decode()}

    async def erase(self) -> AsyncIterator[str]:
        """End the user's sessions and delete everything; the tombstone of the sessions remains for three months.

        Yields a line for each deletion: ids of threads, sort keys of records, object keys. Raises HeldError under a
        legal hold.
        """
        await self.check_hold()
        await Access(self._table, str).erase(self._user_id, datetime.now(UTC))
        for _ in range(2):  # a turn that still ran may have granted an allowance in a thread that is gone now
            async for record in self._records(user_partition(self._user_id)):
                if (thread_id := _thread(record)) is not None:
                    yield f"thread {thread_id}"
                    await self._sweep.thread(self._user_id, thread_id, lambda: False)
                if record["sk"]["S"] == ACCESS:
                    continue
                yield record["sk"]["S"]
                await self._table.delete({"pk": record["pk"], "sk": record["sk"]})
        async for key in self._objects():
            yield key
            await self._bucket.delete(key)

    async def check_hold(self) -> None:
        """Raise HeldError if the user's data, or everyone's, is under a legal hold."""
        holds = Holds(self._table)
        for user_id in (self._user_id, None):
            if hold := await holds.find(user_id):
                raise HeldError(describe(hold))

    async def _records(self, partition: str) -> AsyncIterator[Record]:
        async for page in self._table.pages("pk = :pk", {":pk": text(partition)}, size=PAGE):
            for record in page:
                yield record

    async def _objects(self) -> AsyncIterator[str]:
        for area in await self._bucket.areas():
            async for keys in self._bucket.list(f"{area}{escape(self._user_id, 'user')}/"):
                for key in keys:
                    yield key

    async def _entry(self, record: Record) -> dict[str, Any]:
        original = original_key({"pk": record["pk"], "sk": record["sk"]})
        kind, _, escaped = (original or record)["sk"]["S"].partition("#")
        entry: dict[str, Any] = {"record": kind.lower(), "id": unescape(escaped)}
        if kind == LIVE.rstrip("#"):
            entry |= _segment(record)
        entry |= {name: next(iter(record[name].values())) for name in _EXPORTED if name in record}
        if "body" in record or "overflow" in record:
            check_schema(record)
            found = await self._bodies.read(record)
            entry["body"] = json.loads(found[1]) if found else None
        return entry


def _thread(record: Record) -> str | None:
    """Return the id of a thread's record, of its tombstone, or of its copy under a legal hold."""
    return thread_of(record)[1] if record["sk"]["S"].startswith(THREAD) else held_thread(record)


def _segment(record: Record) -> dict[str, Any]:
    """Return a segment's turn, the number of its first event, and its events; as text, if they are not JSON."""
    turn, _, first = record["sk"]["S"].removeprefix(LIVE).rpartition("#")
    entry: dict[str, Any] = {"id": unescape(turn), "first": int(first)}
    if "b" in record:
        check_schema(record)
        entry["body"] = body_of(record)
        with suppress(ValueError):
            entry["body"] = json.loads(entry["body"])
    return entry


async def run(arguments: argparse.Namespace, session: boto3.Session) -> None:
    """Run a parsed command line."""
    client = session.client("dynamodb", config=CLIENT_CONFIG)  # pyright: ignore[reportUnknownMemberType]
    s3 = session.client("s3", config=CLIENT_CONFIG)  # pyright: ignore[reportUnknownMemberType]
    try:
        backoff = Backoff()
        bucket = S3Bucket(arguments.bucket, s3, backoff)
        account = Account(Table(arguments.table, client, backoff), bucket, arguments.user)
        if arguments.command == "export":
            async for entry in account.export():
                sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
            return
        count = 0
        async for erased in account.erase():
            count += 1
            sys.stderr.write(f"{erased}\n")
        sys.stderr.write(f"erased: {count}\n")
    finally:
        client.close()
        s3.close()


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(prog="store_dynamo.account", description="Export or erase one user's data.")
    commands.add_argument("command", choices=["export", "erase"])
    for name, meaning in (("table", "name of the table"), ("bucket", "name of the bucket"), ("user", "the user's id")):
        commands.add_argument(f"--{name}", required=True, help=meaning)
    return commands


if __name__ == "__main__":
    asyncio.run(run(parser().parse_args(), boto3.Session()))
