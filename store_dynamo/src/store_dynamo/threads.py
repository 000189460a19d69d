"""Threads of one table: saved by a merge under a revision, deleted by one write that leaves a tombstone.

ChatKit holds a thread for as long as a turn runs, so `save` merges the caller's changes into the stored fields
(snapshots.py). One conditional write suffices unless another writer comes between, and each of those costs one more.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import ThreadMetadata

from store_dynamo.bodies import Bodies, absent_body
from store_dynamo.errors import ConditionFailedError, StoreUnavailableError, thread_not_found
from store_dynamo.expressions import (
    ABSENT,
    ALIVE,
    FENCED,
    PRESENT,
    TURN_LIFE,
    UNEXPIRED,
    Lifetime,
    is_alive,
    number,
    seconds,
    text,
    update,
)
from store_dynamo.keys import THREAD, overflow_prefix, thread_key, thread_order, thread_time, user_partition
from store_dynamo.serialization import MAX_TITLE_CHARS, THREAD_MODEL, dump_fields, load, schema, thread_fields
from store_dynamo.snapshots import SnapshotCache, ThreadSnapshot, merge
from store_dynamo.table import Record, Table, conflicting_record

MAX_SAVE_ATTEMPTS = 10
NEW = 0  # the revision of a thread that is not stored


class Threads:
    """The threads of one table, and the snapshots that its callers hold."""

    def __init__(self, table: Table, bodies: Bodies, lifetime: Lifetime) -> None:
        self._table = table
        self._bodies = bodies
        self._lifetime = lifetime
        self._snapshots = SnapshotCache()

    async def load(self, user_id: str, thread_id: str, context: Any) -> ThreadMetadata:
        """Return a thread. Raises NotFoundError."""
        record = await self._table.get(thread_key(user_id, thread_id))
        if record is None or not is_alive(record, self._lifetime.clock()):
            raise thread_not_found(thread_id)
        thread, snapshot = await self._open(record, thread_id)
        self._snapshots.put(thread, context, snapshot)
        return thread

    async def save(self, user_id: str, thread: ThreadMetadata, context: Any) -> None:
        """Write the caller's changes. Raises NotFoundError for a deleted thread, which a save does not restore."""
        place = _place(user_id, thread.id)
        mine = thread_fields(thread)
        base = self._snapshots.find(thread, context, place)
        found, is_fresh = base or ThreadSnapshot(place, {}, {}, NEW), False
        for _ in range(MAX_SAVE_ATTEMPTS):
            wanted = _merged(base, mine, found)
            try:
                # Nothing left to write: the previous attempt was carried out and only its answer was lost.
                written = found if is_fresh and wanted == found else await self._write(user_id, thread, wanted)
            except ConditionFailedError as error:
                record = conflicting_record(error)
                if (record is None and base) or (record and not is_alive(record, self._lifetime.clock())):
                    raise thread_not_found(thread.id) from error
                found = (await self._open(record, thread.id))[1] if record else replace(found, revision=NEW)
                is_fresh = record is not None
                continue
            self._snapshots.put(thread, context, replace(written, fields=mine))
            return
        raise StoreUnavailableError("save_thread", MAX_SAVE_ATTEMPTS, "Conflict")

    async def set_automatic_title(self, user_id: str, thread_id: str, title: str) -> str:
        """Store a title unless a user set one, and return the thread's title. Raises NotFoundError."""
        for _ in range(MAX_SAVE_ATTEMPTS):
            record = await self._table.get(thread_key(user_id, thread_id))
            if record is None or not is_alive(record, self._lifetime.clock()):
                raise thread_not_found(thread_id)
            thread, found = await self._open(record, thread_id)
            if thread.title and not found.title_is_automatic:
                return thread.title
            fields = found.stored | {"title": title[:MAX_TITLE_CHARS]}
            if fields == found.stored and found.title_is_automatic:
                return fields["title"]
            try:
                await self._write(user_id, thread, replace(found, stored=fields, title_is_automatic=True))
            except ConditionFailedError:
                continue
            return fields["title"]
        raise StoreUnavailableError("set_automatic_title", MAX_SAVE_ATTEMPTS, "Conflict")

    async def _write(self, user_id: str, thread: ThreadMetadata, wanted: ThreadSnapshot) -> ThreadSnapshot:
        """Store `wanted.stored` if the table is still at `wanted.revision`."""
        packed = await self._bodies.pack(dump_fields(wanted.stored), overflow_prefix(user_id, thread.id))
        automatic = {"title_source": text("automatic")} if wanted.title_is_automatic else {}
        change = update(
            assign=packed | schema() | {"revision": number(wanted.revision + 1)} | automatic,
            keep={"ord": text(thread_order(thread.created_at, thread.id))} | self._lifetime.expiry(),
            remove=[*absent_body(packed), *([] if automatic else ["title_source"])],
            values={} if wanted.revision == NEW else {":known": number(wanted.revision)} | self._lifetime.now(),
        )
        condition = ABSENT if wanted.revision == NEW else f"revision = :known AND {UNEXPIRED}"
        await self._table.update(thread_key(user_id, thread.id), change, condition)
        return replace(wanted, revision=wanted.revision + 1)

    async def page(
        self, user_id: str, after: str | None, size: int, *, forward: bool
    ) -> tuple[list[ThreadMetadata], bool]:
        """Return up to `size` threads behind the thread `after`, and whether there are more. Raises as `dated_page`."""
        threads, more = await self.dated_page(user_id, after, size, forward=forward)
        return [thread for thread, _ in threads], more

    async def dated_page(
        self, user_id: str, after: str | None, size: int, *, forward: bool
    ) -> tuple[list[tuple[ThreadMetadata, datetime]], bool]:
        """Return up to `size` threads behind the thread `after` with their times, and whether there are more.

        Raises NotFoundError when `after` is not a thread of this user.
        """
        cursor = await self._table.get(thread_key(user_id, after)) if after is not None else None
        if after is not None and not is_alive(cursor, self._lifetime.clock()):
            raise thread_not_found(after)
        records = await self._table.query(
            "pk = :pk AND begins_with(ord, :threads)",
            {":pk": text(user_partition(user_id)), ":threads": text(THREAD)} | self._lifetime.now(),
            limit=size + 1,
            index=True,
            forward=forward,
            after=cursor,
            FilterExpression=UNEXPIRED,
        )
        opened = await asyncio.gather(*(self._open(record) for record in records[:size]), return_exceptions=True)
        threads: list[tuple[ThreadMetadata, datetime]] = []
        for record, each in zip(records, opened, strict=False):
            if isinstance(each, NotFoundError):
                continue  # deleted between the query and the read of its overflow object
            if isinstance(each, BaseException):
                raise each
            self._snapshots.put_listed(*each)
            threads.append((each[0], thread_time(record["ord"]["S"])))
        return threads, len(records) > size

    async def delete(self, user_id: str, thread_id: str) -> bool:
        """Replace the thread by a tombstone, and return whether there was one.

        The janitor removes its items, attachments and objects.
        """
        # Otherwise it is unknown or already deleted.
        return await self._bury(user_id, thread_id, f"{PRESENT} AND attribute_not_exists(deleted_at)")

    async def _bury(self, user_id: str, thread_id: str, condition: str) -> bool:
        """Put a tombstone in the thread's place if the condition holds, and return whether it does."""
        now = self._lifetime.clock()
        tombstone: Record = {
            **thread_key(user_id, thread_id),
            **schema(),
            "deleted_at": seconds(now),
            "expires_at": seconds(now + TURN_LIFE),
        }
        try:
            await self._table.put(tombstone, condition)
        except ConditionFailedError:
            return False
        return True

    async def fence(self, user_id: str, thread_id: str, claim: str) -> bool:
        """Add a claim to those that write nothing more. Returns whether the thread lives.

        A thread that does not exist yet gets a tombstone, so that the turn of the claim cannot create it either.
        """
        change = {
            "UpdateExpression": f"ADD {FENCED} :claims",
            "ExpressionAttributeValues": {":claims": {"SS": [claim]}} | self._lifetime.now(),
        }
        for _ in range(MAX_SAVE_ATTEMPTS):
            try:
                await self._table.update(thread_key(user_id, thread_id), change, ALIVE)
            except ConditionFailedError as error:
                if conflicting_record(error) is not None or await self._bury(user_id, thread_id, ABSENT):
                    return False
                continue  # it was created in between
            return True
        raise StoreUnavailableError("fence", MAX_SAVE_ATTEMPTS, "Conflict")

    async def _open(self, record: Record, thread_id: str = "") -> tuple[ThreadMetadata, ThreadSnapshot]:
        found = await self._bodies.read(record)
        if found is None or "deleted_at" in found[0]:
            raise thread_not_found(thread_id)
        record, body = found
        thread = load(THREAD_MODEL, record, body)
        fields = thread_fields(thread)
        automatic = record.get("title_source") == text("automatic")
        place = record["pk"]["S"], record["sk"]["S"]
        return thread, ThreadSnapshot(place, fields, json.loads(body), int(record["revision"]["N"]), automatic)


def _merged(base: ThreadSnapshot | None, mine: dict[str, Any], found: ThreadSnapshot) -> ThreadSnapshot:
    """Return the thread to write over `found`."""
    if base is None:
        return replace(found, stored=mine, title_is_automatic=False)
    fields = merge(base.fields, mine, found.stored, stored_title_is_automatic=found.title_is_automatic)
    automatic = found.title_is_automatic and fields.get("title") == found.stored.get("title")
    return replace(found, stored=fields, title_is_automatic=automatic)


def _place(user_id: str, thread_id: str) -> tuple[str, str]:
    key = thread_key(user_id, thread_id)
    return key["pk"]["S"], key["sk"]["S"]
