"""A ChatKit store that belongs to one user: whatever context it is called with, it uses its own.

Assistants get this one, so that a mistake in an assistant's file cannot reach another user's data.
"""

from __future__ import annotations

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from chat_api.context import RequestContext


class BoundStore(Store[RequestContext]):
    """`Store` with the context fixed when it is made.

    `thread_id` is the id of the thread that the request makes, chosen before: the claim of the turn names it.
    """

    def __init__(self, store: Store[RequestContext], context: RequestContext, thread_id: str | None = None) -> None:
        self._store = store
        self._context = context
        self._thread_id = thread_id
        self._made: set[str] = set()

    def generate_thread_id(self, context: RequestContext) -> str:
        thread_id, self._thread_id = self._thread_id, None
        return thread_id or self._store.generate_thread_id(self._context)

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: RequestContext) -> str:
        item_id = self._store.generate_item_id(item_type, thread, self._context)
        self._made.add(item_id)
        return item_id

    def has_made(self, item_id: str) -> bool:
        """Say whether this object gave out the id."""
        return item_id in self._made

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        return await self._store.load_thread(thread_id, self._context)

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
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
        return await self._store.load_thread_items(thread_id, after, limit, order, self._context)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        await self._store.add_thread_item(thread_id, item, self._context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        await self._store.save_item(thread_id, item, self._context)

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        return await self._store.load_item(thread_id, item_id, self._context)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: RequestContext) -> None:
        await self._store.delete_thread_item(thread_id, item_id, self._context)

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        await self._store.save_attachment(attachment, self._context)

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        return await self._store.load_attachment(attachment_id, self._context)

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        await self._store.delete_attachment(attachment_id, self._context)
