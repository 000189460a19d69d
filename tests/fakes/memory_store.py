"""A Store in memory with the same contract as DynamoStore, for tests of code that uses a store.

    store = MemoryStore()       # for contexts with a `user_id`

Models are kept as JSON, so that callers and the store do not share objects.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Self

from chatkit.store import NotFoundError, Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from typing_extensions import TypeVar

from store_dynamo.errors import AttachmentClaimedError, DuplicateItemError, FencedError
from store_dynamo.expressions import TURN_LIFE, UNCLAIMED_LIFE, Clock, utc_now
from store_dynamo.keys import escape, microseconds, new_id, next_ns
from store_dynamo.serialization import (
    ATTACHMENT_MODEL,
    MAX_TITLE_CHARS,
    THREAD_MODEL,
    Fields,
    dump,
    item_kind,
    item_without_descriptors,
    load_item,
    thread_fields,
    without_descriptor,
)
from store_dynamo.snapshots import SnapshotCache, ThreadSnapshot, merge
from store_dynamo.store import ID_PREFIXES, AfterRead, BeforeWrite, OnDelete, is_forward, make_page, page_size
from tests.fakes.memory_records import (
    MemoryAccess,
    MemoryAllowances,
    MemoryApprovals,
    MemoryAudit,
    MemoryFeedback,
    MemoryRates,
    MemorySearch,
)
from tests.fakes.memory_turns import MemoryJournal, MemoryRunning, MemoryTurns

TContext = TypeVar("TContext", default=Any)
T = TypeVar("T")


@dataclass
class StoredThread:
    fields: Fields
    revision: int
    expires_at: datetime | None
    automatic_title: bool = False
    deleted: bool = False
    items: dict[str, StoredItem] = field(default_factory=dict)
    fenced: set[str] = field(default_factory=set)


@dataclass
class StoredItem:
    place: tuple[int, int]
    kind: str
    body: str

    def model(self) -> ThreadItem:
        return load_item({"schema_version": {"N": "1"}, "kind": {"S": self.kind}}, self.body)


@dataclass
class StoredAttachment:
    body: str
    thread_id: str | None
    expires_at: datetime
    claimed_by: str | None = None


class MemoryStore(Store[TContext], Generic[TContext]):
    """Threads, items and attachments in dictionaries by user, with `turns`, `rates`, `access` and `feedback`."""

    claimed_error: type[Exception] = AttachmentClaimedError

    def __init__(
        self,
        *,
        user_of: Callable[[Any], str] = lambda context: context.user_id,
        after_read: AfterRead = lambda model, _context: model,
        before_write: BeforeWrite = lambda model: model,
        clock: Clock = utc_now,
        retention: timedelta | None = None,
    ) -> None:
        self._user_of = user_of
        self._after_read = after_read
        self._before_write = before_write
        self._clock = clock
        self._retention = retention
        self._claim: str | None = None
        self._threads: dict[tuple[str, str], StoredThread] = {}
        self._attachments: dict[tuple[str, str], StoredAttachment] = {}
        self._snapshots = SnapshotCache()
        self.turns = MemoryTurns(user_of)
        self.running = MemoryRunning(user_of, clock)
        self.journal = MemoryJournal(user_of, clock)
        self.approvals = MemoryApprovals(self, user_of, clock)
        self.allowances = MemoryAllowances(user_of, clock, retention)
        self.rates = MemoryRates(user_of, clock)
        self.access = MemoryAccess(user_of, clock)
        self.audit = MemoryAudit()
        self.on_delete: OnDelete | None = None
        self.feedback = MemoryFeedback(self)
        self.search = MemorySearch(self)

    def fenced(self, claim: str) -> Self:
        view = copy.copy(self)
        view._claim = claim
        return view

    async def fence(self, thread_id: str, claim: str, context: TContext) -> bool:
        place = (self._user(context), thread_id)
        self._threads.setdefault(place, StoredThread({}, 0, None, deleted=True))
        try:
            self._alive(*place).fenced.add(claim)
        except NotFoundError:
            return False
        return True

    def generate_thread_id(self, context: TContext) -> str:
        return new_id(ID_PREFIXES["thread"])

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: TContext) -> str:
        return new_id(ID_PREFIXES[item_type])

    def _user(self, context: TContext) -> str:
        user_id = self._user_of(context)
        escape(user_id, "user")
        return user_id

    # Threads

    def _alive(self, user_id: str, thread_id: str) -> StoredThread:
        escape(thread_id, "thread")
        thread = self._threads.get((user_id, thread_id))
        expired = thread and thread.expires_at and thread.expires_at <= self._clock()
        if thread is None or thread.deleted or expired:
            raise NotFoundError(f"Thread {thread_id} not found")
        return thread

    def _writable(self, user_id: str, thread_id: str) -> StoredThread:
        thread = self._alive(user_id, thread_id)
        if self._claim in thread.fenced:
            raise FencedError(thread_id, self._claim or "")
        return thread

    def _open(self, thread: StoredThread, place: tuple[str, str]) -> tuple[ThreadMetadata, ThreadSnapshot]:
        fields = dict(thread.fields)
        model = THREAD_MODEL.validate_python(fields)
        return model, ThreadSnapshot(place, fields, fields, thread.revision, thread.automatic_title)

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        place = (self._user(context), thread_id)
        thread, snapshot = self._open(self._alive(*place), place)
        self._snapshots.put(thread, context, snapshot)
        return thread

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        place = (self._user(context), thread.id)
        escape(thread.id, "thread")
        mine, base = thread_fields(thread), self._snapshots.find(thread, context, place)
        if base or place in self._threads:
            stored = self._alive(*place)
        else:
            stored = self._threads[place] = StoredThread({}, 0, self._expiry())
        if base:
            merged = merge(base.fields, mine, stored.fields, stored_title_is_automatic=stored.automatic_title)
        else:
            merged = mine
        if merged.get("title") != stored.fields.get("title"):
            stored.automatic_title = False
        stored.fields, stored.revision = merged, stored.revision + 1
        _, snapshot = self._open(stored, place)
        self._snapshots.put(thread, context, replace(snapshot, fields=mine))

    async def set_automatic_title(self, thread_id: str, title: str, context: TContext) -> str:
        thread = self._alive(self._user(context), thread_id)
        if not thread.fields.get("title") or thread.automatic_title:
            thread.fields = thread.fields | {"title": title[:MAX_TITLE_CHARS]}
            thread.revision, thread.automatic_title = thread.revision + 1, True
        return thread.fields["title"]

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        user_id, forward, size = self._user(context), is_forward(order), page_size(limit)
        if not size:
            return make_page([], more=False)
        if after is not None:
            self._alive(user_id, after)
        places = sorted(
            (microseconds(datetime.fromisoformat(thread.fields["created_at"])), thread_id)
            for (owner, thread_id), thread in self._threads.items()
            if owner == user_id
            and not thread.deleted
            and not (thread.expires_at and thread.expires_at <= self._clock())
        )
        ids = [thread_id for _, thread_id in (places if forward else reversed(places))]
        ids = ids[ids.index(after) + 1 :] if after is not None else ids
        threads = [await self.load_thread(each, context) for each in ids[:size]]
        return make_page(threads, more=len(ids) > size)

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        escape(thread_id, "thread")
        thread = self._threads.get((self._user(context), thread_id))
        if thread and not thread.deleted:
            thread.deleted, thread.items = True, {}
            if self.on_delete:
                await self.on_delete("thread", thread_id, context)

    def _expiry(self) -> datetime | None:
        return self._clock() + self._retention if self._retention else None

    # Items

    def _storable(self, item: ThreadItem) -> ThreadItem:
        escape(item.id, "item")
        return item_without_descriptors(self._before_write(item))

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        forward, size = is_forward(order), page_size(limit)
        if not size:
            return make_page([], more=False)
        try:
            items = self._alive(self._user(context), thread_id).items
        except NotFoundError:
            return make_page([], more=False)
        if after is not None and escape(after, "item") and after not in items:
            raise NotFoundError(f"Item {after} not found")
        ids = sorted(items, key=lambda each: (items[each].place, each), reverse=not forward)
        ids = ids[ids.index(after) + 1 :] if after is not None else ids
        page = [self._after_read(items[each].model(), context) for each in ids[:size]]
        return make_page(page, more=len(ids) > size)

    async def load_items_behind(
        self, place: object, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> tuple[Page[ThreadItem], None]:
        """Return a page without a place: round trips do not exist here."""
        return await self.load_thread_items(thread_id, after, limit, order, context), None

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        item = self._storable(item)
        thread = self._writable(self._user(context), thread_id)
        if item.id in thread.items:
            old = thread.items[item.id]
            if not (item.type == old.kind == "workflow") and old.body != dump(item):
                raise DuplicateItemError(thread_id, item.id)
        thread.expires_at = self._expiry() or thread.expires_at
        self._put(thread, item)

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        item = self._storable(item)
        self._put(self._writable(self._user(context), thread_id), item)

    def _put(self, thread: StoredThread, item: ThreadItem) -> None:
        old = thread.items.get(item.id)
        place = old.place if old else (microseconds(item.created_at), next_ns())
        thread.items[item.id] = StoredItem(place, item_kind(item), dump(item))

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        escape(item_id, "item")
        try:
            item = self._alive(self._user(context), thread_id).items[item_id]
        except (NotFoundError, KeyError) as exc:
            raise NotFoundError(f"Item {item_id} not found") from exc
        return self._after_read(item.model(), context)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        escape(item_id, "item")
        user_id = self._user(context)
        thread = self._threads.get((user_id, thread_id)) if self._claim is None else self._writable(user_id, thread_id)
        if thread:
            thread.items.pop(item_id, None)

    # Attachments

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        user_id = self._user(context)
        escape(attachment.id, "attachment")
        if attachment.thread_id is not None:
            self._writable(user_id, attachment.thread_id)
        body = dump(without_descriptor(self._before_write(attachment)))
        old = self._attachments.get((user_id, attachment.id))
        self._attachments[user_id, attachment.id] = StoredAttachment(
            body,
            attachment.thread_id,
            old.expires_at if old else self._clock() + UNCLAIMED_LIFE,
            old.claimed_by if old else None,
        )

    def _attachment(self, user_id: str, attachment_id: str) -> StoredAttachment:
        escape(attachment_id, "attachment")
        found = self._attachments.get((user_id, attachment_id))
        try:
            if found is None or (found.thread_id is None and found.expires_at <= self._clock()):
                raise NotFoundError
            if found.thread_id is not None:
                self._alive(user_id, found.thread_id)
        except NotFoundError as exc:
            raise NotFoundError(f"Attachment {attachment_id} not found") from exc
        return found

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        found = self._attachment(self._user(context), attachment_id)
        return self._after_read(ATTACHMENT_MODEL.validate_json(found.body), context)

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        escape(attachment_id, "attachment")
        self._attachments.pop((self._user(context), attachment_id), None)

    async def delete_unclaimed_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment that no turn has claimed; idempotent. Raises AttachmentClaimedError."""
        escape(attachment_id, "attachment")
        found = self._attachments.get((self._user(context), attachment_id))
        if found and (found.claimed_by or found.thread_id is not None):
            raise AttachmentClaimedError(attachment_id)
        if self._attachments.pop((self._user(context), attachment_id), None) and self.on_delete:
            await self.on_delete("file", attachment_id, context)

    async def claim_attachment(self, attachment_id: str, turn_id: str, context: TContext) -> None:
        """Reserve an attachment for one turn. Raises AttachmentClaimedError or NotFoundError."""
        found = self._attachment(self._user(context), attachment_id)
        if found.thread_id is None and found.expires_at <= self._clock() + TURN_LIFE:
            raise NotFoundError(f"Attachment {attachment_id} not found")
        if found.claimed_by != turn_id and (found.claimed_by or found.thread_id is not None):
            raise AttachmentClaimedError(attachment_id)
        found.claimed_by = turn_id

    async def release_attachment(self, attachment_id: str, turn_id: str, context: TContext) -> None:
        """Free an attachment that a failed turn had claimed; idempotent."""
        found = self._attachments.get((self._user(context), attachment_id))
        if found and found.claimed_by == turn_id and found.thread_id is None:
            found.claimed_by = None
