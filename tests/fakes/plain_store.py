"""A ChatKit Store in two dictionaries: one user, no claims, no hooks; and broken variants of it.

It implements the abstract methods and nothing else, in the style of ChatKit's documentation.
"""

from __future__ import annotations

from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata


class PlainStore(Store[Any]):
    """Has no users, no copies and no checks."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadMetadata] = {}
        self.items: dict[str, list[ThreadItem]] = {}
        self.attachments: dict[str, Attachment] = {}

    async def load_thread(self, thread_id: str, context: Any) -> ThreadMetadata:
        if thread_id not in self.threads:
            raise NotFoundError(f"Thread {thread_id} not found")
        return self.threads[thread_id]

    async def save_thread(self, thread: ThreadMetadata, context: Any) -> None:
        self.threads[thread.id] = thread

    async def load_threads(self, limit: int, after: str | None, order: str, context: Any) -> Page[ThreadMetadata]:
        return self._page(list(self.threads.values()), after, limit, order)

    async def delete_thread(self, thread_id: str, context: Any) -> None:
        self.threads.pop(thread_id, None)
        self.items.pop(thread_id, None)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Any
    ) -> Page[ThreadItem]:
        return self._page(self.items.get(thread_id, []), after, limit, order)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        self.items.setdefault(thread_id, []).append(item)

    async def save_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        items = self.items.setdefault(thread_id, [])
        for n, each in enumerate(items):
            if each.id == item.id:
                items[n] = item
                return
        items.append(item)

    async def load_item(self, thread_id: str, item_id: str, context: Any) -> ThreadItem:
        for each in self.items.get(thread_id, []):
            if each.id == item_id:
                return each
        raise NotFoundError(f"Item {item_id} not found")

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Any) -> None:
        self.items[thread_id] = [each for each in self.items.get(thread_id, []) if each.id != item_id]

    async def save_attachment(self, attachment: Attachment, context: Any) -> None:
        self.attachments[attachment.id] = attachment

    async def load_attachment(self, attachment_id: str, context: Any) -> Attachment:
        if attachment_id not in self.attachments:
            raise NotFoundError(f"Attachment {attachment_id} not found")
        return self.attachments[attachment_id]

    async def delete_attachment(self, attachment_id: str, context: Any) -> None:
        self.attachments.pop(attachment_id, None)

    def _page(self, entries: list[Any], after: str | None, limit: int, order: str) -> Page[Any]:
        entries = sorted(entries, key=lambda each: each.created_at, reverse=order == "desc")
        start = next((n + 1 for n, each in enumerate(entries) if each.id == after), 0)
        data, more = entries[start : start + limit], len(entries) > start + limit
        return Page(data=data, has_more=more, after=data[-1].id if more else None)


class NamesACursorOnTheLastPage(PlainStore):
    def _page(self, entries: list[Any], after: str | None, limit: int, order: str) -> Page[Any]:
        page = super()._page(entries, after, limit, order)
        return page.model_copy(update={"after": page.data[-1].id if page.data else None})


class PagesByTimeAlone(PlainStore):
    """Continues behind the cursor's time, and so loses items of the same moment."""

    def _page(self, entries: list[Any], after: str | None, limit: int, order: str) -> Page[Any]:
        if after is not None:
            at = next(each.created_at for each in entries if each.id == after)
            entries = [each for each in entries if (each.created_at > at if order == "asc" else each.created_at < at)]
        return super()._page(entries, None, limit, order)


class ReturnsNoneForAMissingThread(PlainStore):
    async def load_thread(self, thread_id: str, context: Any) -> Any:
        return self.threads.get(thread_id)


class MovesASavedItemToTheEnd(PlainStore):
    async def save_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        await self.delete_thread_item(thread_id, item.id, context)
        await self.add_thread_item(thread_id, item, context)
