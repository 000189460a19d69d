"""Thread items: a page is one query, a write is one transaction with the condition that the thread lives."""

from __future__ import annotations

import asyncio

from chatkit.store import NotFoundError
from chatkit.types import ThreadItem

from store_dynamo.bodies import Bodies, absent_body
from store_dynamo.errors import ConditionFailedError, DuplicateItemError
from store_dynamo.expressions import ABSENT, text, update
from store_dynamo.ids import next_ns
from store_dynamo.keys import item_key, item_order, overflow_prefix, thread_key, thread_partition
from store_dynamo.lifetime import Lifetime
from store_dynamo.records import dump, is_alive, item_kind, load_item, schema
from store_dynamo.table import Record, Table, stored


class Items:
    """The items of one table."""

    def __init__(self, table: Table, bodies: Bodies, lifetime: Lifetime) -> None:
        self._table = table
        self._bodies = bodies
        self._lifetime = lifetime

    async def add(self, user_id: str, thread_id: str, item: ThreadItem) -> None:
        """Write a new item; its own retry changes nothing, an existing workflow is replaced in its place.

        ChatKit adds a workflow that goes on in the next turn again (agents.py, stream_agent_response).
        """
        body = dump(item)
        condition = f"{ABSENT} OR kind = :kind" if item.type == "workflow" else ABSENT
        try:
            await self._write(user_id, thread_id, item, body, condition)
        except ConditionFailedError as error:
            existing = stored(error, 1)
            found = await self._bodies.read(existing) if existing else None
            if not found or found[1] != body:
                raise DuplicateItemError(thread_id, item.id) from error

    async def save(self, user_id: str, thread_id: str, item: ThreadItem) -> None:
        """Write an item, new or not; one that exists keeps its place."""
        await self._write(user_id, thread_id, item, dump(item), None)

    async def _write(self, user_id: str, thread_id: str, item: ThreadItem, body: str, condition: str | None) -> None:
        key = item_key(user_id, thread_id, item.id)
        order = text(item_order(item.created_at, next_ns()))
        packed = await self._bodies.pack(body, overflow_prefix(user_id, thread_id))
        assign = packed | schema() | {"kind": text(item_kind(item))}
        write = {"Key": key, **update(assign, keep={"ord": order}, remove=absent_body(packed))}
        if condition:
            write |= {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        is_new = condition is not None
        try:
            await self._table.transact(self._lifetime.thread_lives(user_id, thread_id, renew=is_new), {"Update": write})
        except ConditionFailedError as error:
            if 0 in error.failed:
                raise thread_not_found(thread_id) from error
            raise

    async def load(self, user_id: str, thread_id: str, item_id: str) -> ThreadItem:
        """Return one item. Raises NotFoundError, also when the thread is not there."""
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
        self, user_id: str, thread_id: str, after: str | None, size: int, *, forward: bool
    ) -> tuple[list[ThreadItem], bool]:
        """Return up to `size` items behind the item `after`, and whether there are more; none of a thread not there.

        Raises NotFoundError for an unknown `after`. Takes one latency, with `after` two: its place has to be read.
        """
        where = thread_key(user_id, thread_id)
        if after is None:
            thread, records = await asyncio.gather(
                self._table.get(where), self._query(user_id, thread_id, size, None, forward=forward)
            )
            if not is_alive(thread, self._lifetime.clock()):
                return [], False
        else:
            thread, cursor = await self._table.get_all(where, item_key(user_id, thread_id, after))
            if not is_alive(thread, self._lifetime.clock()):
                return [], False
            if cursor is None:
                raise item_not_found(after)
            records = await self._query(user_id, thread_id, size, cursor, forward=forward)
        items = await asyncio.gather(*(self._item(record) for record in records[:size]))
        return [item for item in items if item is not None], len(records) > size

    async def _query(
        self, user_id: str, thread_id: str, size: int, after: Record | None, *, forward: bool
    ) -> list[Record]:
        partition = {":pk": text(thread_partition(user_id, thread_id))}
        return await self._table.query("pk = :pk", partition, limit=size + 1, index=True, forward=forward, after=after)

    async def _item(self, record: Record) -> ThreadItem | None:
        found = await self._bodies.read(record)
        return load_item(*found) if found else None

    async def delete(self, user_id: str, thread_id: str, item_id: str) -> None:
        """Delete an item; its overflow object follows by the janitor."""
        await self._table.delete(item_key(user_id, thread_id, item_id))


def thread_not_found(thread_id: str) -> NotFoundError:
    return NotFoundError(f"Thread {thread_id} not found")


def item_not_found(item_id: str) -> NotFoundError:
    return NotFoundError(f"Item {item_id} not found")
