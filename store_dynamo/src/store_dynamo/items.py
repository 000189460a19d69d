"""Thread items of one table: a page is one query, a write is one transaction that requires the thread to live."""

from __future__ import annotations

import asyncio
from typing import Any

from chatkit.types import ThreadItem

from store_dynamo.bodies import Bodies, absent_body
from store_dynamo.errors import (
    ConditionFailedError,
    DuplicateItemError,
    item_not_found,
)
from store_dynamo.expressions import ABSENT, Lifetime, is_alive, text, thread_refused, update
from store_dynamo.keys import item_key, item_order, next_ns, overflow_prefix, thread_key, thread_partition
from store_dynamo.serialization import dump, item_kind, load_item, schema
from store_dynamo.table import Record, Table, conflicting_record

Place = Record
"""An item's keys in the index, behind which a page continues."""


class Items:
    """The items of one table. With `claim`, every write raises FencedError once that claim is fenced in the thread."""

    def __init__(self, table: Table, bodies: Bodies, lifetime: Lifetime, claim: str | None = None) -> None:
        self._table = table
        self._bodies = bodies
        self._lifetime = lifetime
        self._claim = claim

    def fenced(self, claim: str) -> Items:
        """Return the same items for the turn of a claim."""
        return Items(self._table, self._bodies, self._lifetime, claim)

    async def add(self, user_id: str, thread_id: str, item: ThreadItem) -> None:
        """Write a new item. Raises NotFoundError for its thread, or DuplicateItemError.

        The same item again is a retry and changes nothing. An existing workflow is replaced in its place, because
        ChatKit adds a workflow again when it continues in the next turn (agents.py, stream_agent_response).
        """
        body = dump(item)
        condition = f"{ABSENT} OR kind = :kind" if item.type == "workflow" else ABSENT
        try:
            await self._write(user_id, thread_id, item, body, condition)
        except ConditionFailedError as error:
            existing = conflicting_record(error, 1)
            found = await self._bodies.read(existing) if existing else None
            if not found or found[1] != body:
                raise DuplicateItemError(thread_id, item.id) from error

    async def save(self, user_id: str, thread_id: str, item: ThreadItem) -> None:
        """Write an item; an existing one keeps its place. Raises NotFoundError for its thread."""
        await self._write(user_id, thread_id, item, dump(item), None)

    async def _write(self, user_id: str, thread_id: str, item: ThreadItem, body: str, condition: str | None) -> None:
        key = item_key(user_id, thread_id, item.id)
        order = text(item_order(item.created_at, next_ns()))
        packed = await self._bodies.pack(body, overflow_prefix(user_id, thread_id))
        assign = packed | schema() | {"kind": text(item_kind(item))}
        write = {"Key": key, **update(assign, keep={"ord": order}, remove=absent_body(packed))}
        if condition:
            write |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        await self._transact(user_id, thread_id, {"Update": write}, renew=condition is not None)

    async def _transact(self, user_id: str, thread_id: str, write: dict[str, Any], *, renew: bool = False) -> None:
        """Carry out a write while the thread lives. Raises NotFoundError, FencedError, or the write's own failure."""
        lives = self._lifetime.thread_lives(user_id, thread_id, renew=renew, claim=self._claim)
        try:
            await self._table.transact(lives, write)
        except ConditionFailedError as error:
            if 0 not in error.failed:
                raise
            raise thread_refused(error, thread_id, self._claim) from error

    async def load(self, user_id: str, thread_id: str, item_id: str) -> ThreadItem:
        """Return one item. Raises NotFoundError, also when its thread is deleted or expired."""
        thread, record = await self._table.get_all(
            thread_key(user_id, thread_id), item_key(user_id, thread_id, item_id)
        )
        if not is_alive(thread, self._lifetime.clock()):
            raise item_not_found(item_id)
        item = await self._item(record) if record else None
        if item is None:
            raise item_not_found(item_id)
        return item

    async def page(
        self, user_id: str, thread_id: str, after: str | None, size: int, place: Place | None = None, *, forward: bool
    ) -> tuple[list[ThreadItem], Place | None]:
        """Return up to `size` items behind the item `after`, and the last one's place if there are more.

        None of a missing thread. One round trip, or two with `after` without its `place`, which has to be read. Raises
        NotFoundError for an unknown `after`.
        """
        where = thread_key(user_id, thread_id)
        if after is None or place is not None:
            thread, records = await asyncio.gather(
                self._table.get(where), self._query(user_id, thread_id, size, place, forward=forward)
            )
            if not is_alive(thread, self._lifetime.clock()):
                return [], None
        else:
            thread, cursor = await self._table.get_all(where, item_key(user_id, thread_id, after))
            if not is_alive(thread, self._lifetime.clock()):
                return [], None
            if cursor is None:
                raise item_not_found(after)
            records = await self._query(user_id, thread_id, size, cursor, forward=forward)
        items = await asyncio.gather(*(self._item(record) for record in records[:size]))
        last = {name: records[size - 1][name] for name in ("pk", "sk", "ord")} if len(records) > size else None
        return [item for item in items if item is not None], last

    async def _query(
        self, user_id: str, thread_id: str, size: int, after: Record | None, *, forward: bool
    ) -> list[Record]:
        partition = {":pk": text(thread_partition(user_id, thread_id))}
        return await self._table.query("pk = :pk", partition, limit=size + 1, index=True, forward=forward, after=after)

    async def _item(self, record: Record) -> ThreadItem | None:
        found = await self._bodies.read(record)
        return load_item(*found) if found else None

    async def delete(self, user_id: str, thread_id: str, item_id: str) -> None:
        """Delete an item; the janitor deletes its overflow object.

        In a turn, raises NotFoundError for the thread: then it is a transaction with the thread's condition.
        """
        key = item_key(user_id, thread_id, item_id)
        if self._claim is None:
            await self._table.delete(key)
        else:
            await self._transact(user_id, thread_id, {"Delete": {"Key": key}})
