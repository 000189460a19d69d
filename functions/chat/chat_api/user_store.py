"""A ChatKit store bound to one user: it ignores the context of each call and uses its own.

Assistants get this store, so that a mistake in an assistant cannot reach another user's data.
"""

from __future__ import annotations

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from chat_api.bounds import clean_title
from chat_api.context import RequestContext
from store_dynamo import DynamoStore


class UserStore(Store[RequestContext]):
    """`Store` with a fixed context.

    `thread_id` is the id for the thread that the request creates; the turn's claim already contains it.
    """

    def __init__(
        self, store: DynamoStore[RequestContext], context: RequestContext, thread_id: str | None = None
    ) -> None:
        self._store = store
        self._context = context
        self._thread_id = thread_id
        self._generated: set[str] = set()
        self._loaded: set[str] = set()

    def generate_thread_id(self, context: RequestContext) -> str:
        thread_id, self._thread_id = self._thread_id, None
        return thread_id or self._store.generate_thread_id(self._context)

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: RequestContext) -> str:
        item_id = self._store.generate_item_id(item_type, thread, self._context)
        self._generated.add(item_id)
        return item_id

    def has_generated(self, item_id: str) -> bool:
        """Return whether the id comes from this object's `generate_item_id`."""
        return item_id in self._generated

    def has_loaded(self, item_id: str) -> bool:
        """Return whether an item of this id was read through this object."""
        return item_id in self._loaded

    async def set_automatic_title(self, thread_id: str, title: str) -> str:
        """Set the thread's title unless the user has set one; return the title in effect."""
        return await self._store.set_automatic_title(thread_id, title, self._context)

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        return await self._store.load_thread(thread_id, self._context)

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Save a thread; its title is cleaned first, so that the client sees what is stored."""
        if thread.title is not None:
            thread.title = clean_title(thread.title)
        await self._store.save_thread(thread, self._context)

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: RequestContext
    ) -> Page[ThreadMetadata]:
        return await self._store.load_threads(limit, after, order, self._context)

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        await self._store.delete_thread(thread_id, self._context)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        items = await self._store.load_thread_items(thread_id, after, limit, order, self._context)
        self._loaded.update(item.id for item in items.data)
        return items

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        await self._store.add_thread_item(thread_id, item, self._context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        await self._store.save_item(thread_id, item, self._context)

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        item = await self._store.load_item(thread_id, item_id, self._context)
        self._loaded.add(item.id)
        return item

    async def delete_thread_item(self, thread_id: str, item_id: str, context: RequestContext) -> None:
        await self._store.delete_thread_item(thread_id, item_id, self._context)

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        await self._store.save_attachment(attachment, self._context)

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        return await self._store.load_attachment(attachment_id, self._context)

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        await self._store.delete_attachment(attachment_id, self._context)
