"""Threads: saved as a merge under a revision, deleted by one write that leaves a tombstone (promises S8, S12)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import ThreadMetadata

from store_dynamo.bodies import Bodies, absent_body
from store_dynamo.errors import ConditionFailedError, StoreUnavailableError
from store_dynamo.expressions import ABSENT, PRESENT, UNEXPIRED, number, seconds, text, update
from store_dynamo.items import thread_not_found
from store_dynamo.keys import THREAD, overflow_prefix, thread_key, thread_order, user_partition
from store_dynamo.known import Knowledge, KnownThreads
from store_dynamo.lifetime import TURN_LIFE, Lifetime
from store_dynamo.merge import merge
from store_dynamo.records import MAX_TITLE_CHARS, THREAD_MODEL, dump_fields, is_alive, load, schema, thread_fields
from store_dynamo.table import Record, Table, stored

MAX_SAVE_ATTEMPTS = 10
NEW = 0  # the revision of a thread that is not stored


class Threads:
    """The threads of one table, and what its callers know of them."""

    def __init__(self, table: Table, bodies: Bodies, lifetime: Lifetime) -> None:
        self._table = table
        self._bodies = bodies
        self._lifetime = lifetime
        self._known = KnownThreads()

    async def load(self, user_id: str, thread_id: str, context: Any) -> ThreadMetadata:
        """Return a thread. Raises NotFoundError."""
        record = await self._table.get(thread_key(user_id, thread_id))
        if record is None or not is_alive(record, self._lifetime.clock()):
            raise thread_not_found(thread_id)
        thread, knowledge = await self._open(record, thread_id)
        self._known.remember(thread, context, knowledge)
        return thread

    async def save(self, user_id: str, thread: ThreadMetadata, context: Any) -> None:
        """Write what the caller changed. Raises NotFoundError for a deleted thread: it is not brought back.

        One conditional write as long as nobody else writes; one more for each save that comes between.
        """
        place = _place(user_id, thread.id)
        mine = thread_fields(thread)
        known = self._known.recall(thread, context, place)
        found, is_fresh = known or Knowledge(place, {}, {}, NEW), False
        for _ in range(MAX_SAVE_ATTEMPTS):
            wanted = _merged(known, mine, found)
            try:
                # Nothing left to write: our own write had arrived, only its answer had not.
                written = found if is_fresh and wanted == found else await self._write(user_id, thread, wanted)
            except ConditionFailedError as error:
                record = stored(error)
                if (record is None and known) or (record and not is_alive(record, self._lifetime.clock())):
                    raise thread_not_found(thread.id) from error
                found = (await self._open(record, thread.id))[1] if record else replace(found, revision=NEW)
                is_fresh = record is not None
                continue
            self._known.remember(thread, context, replace(written, fields=mine))
            return
        raise StoreUnavailableError("save_thread", MAX_SAVE_ATTEMPTS, "Conflict")

    async def set_automatic_title(self, user_id: str, thread_id: str, title: str) -> str:
        """Store a title unless a user has given one, and return the title in force. Raises NotFoundError."""
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

    async def _write(self, user_id: str, thread: ThreadMetadata, wanted: Knowledge) -> Knowledge:
        """Store `wanted.stored` if the table still is at `wanted.revision`."""
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
        """Return up to `size` threads behind the thread `after`, and whether there are more. Raises NotFoundError."""
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
        threads: list[ThreadMetadata] = []
        for each in opened:
            if isinstance(each, NotFoundError):
                continue  # deleted between the query and the reading of its overflow object
            if isinstance(each, BaseException):
                raise each
            self._known.remember_listed(*each)
            threads.append(each[0])
        return threads, len(records) > size

    async def delete(self, user_id: str, thread_id: str) -> None:
        """Replace the thread by a tombstone; the janitor removes what lies under it."""
        now = self._lifetime.clock()
        tombstone: Record = {
            **thread_key(user_id, thread_id),
            **schema(),
            "deleted_at": seconds(now),
            "expires_at": seconds(now + TURN_LIFE),
        }
        try:
            await self._table.put(tombstone, f"{PRESENT} AND attribute_not_exists(deleted_at)")
        except ConditionFailedError:
            return  # unknown, or deleted before

    async def _open(self, record: Record, thread_id: str = "") -> tuple[ThreadMetadata, Knowledge]:
        found = await self._bodies.read(record)
        if found is None or "deleted_at" in found[0]:
            raise thread_not_found(thread_id)
        record, body = found
        thread = load(THREAD_MODEL, record, body)
        fields = thread_fields(thread)
        automatic = record.get("title_source") == text("automatic")
        place = record["pk"]["S"], record["sk"]["S"]
        return thread, Knowledge(place, fields, json.loads(body), int(record["revision"]["N"]), automatic)


def _merged(known: Knowledge | None, mine: dict[str, Any], found: Knowledge) -> Knowledge:
    """Return what to write over `found`."""
    if known is None:
        return replace(found, stored=mine, title_is_automatic=False)
    fields = merge(known.fields, mine, found.stored, stored_title_is_automatic=found.title_is_automatic)
    automatic = found.title_is_automatic and fields.get("title") == found.stored.get("title")
    return replace(found, stored=fields, title_is_automatic=automatic)


def _place(user_id: str, thread_id: str) -> tuple[str, str]:
    key = thread_key(user_id, thread_id)
    return key["pk"]["S"], key["sk"]["S"]
