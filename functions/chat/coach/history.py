"""Which part of a thread the model is sent: the newest items that fit a budget, in order.

items = await newest_items(store, thread.id, context, BUDGET)     # oldest of them first
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from chatkit.store import Store
from chatkit.types import GeneratedImageItem, ThreadItem, UserMessageItem

Context = TypeVar("Context")

PAGE_ITEMS = 30
"""Of the first page, which most threads end in; the second page is all that may be needed beyond it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one request's history; a token is about four characters."""

    characters: int = 80_000
    items: int = 200
    attachments: int = 4


BUDGET = Budget()


async def newest_items(
    store: Store[Context], thread_id: str, context: Context, budget: Budget = BUDGET
) -> list[ThreadItem]:
    """Return the newest items within the budget, oldest first; the very newest is always among them.

    Two pages at most, however long the thread is: the model waits for each.
    """
    newest_first: list[ThreadItem] = []
    left, after, limit = budget.characters, None, PAGE_ITEMS
    while True:
        page = await store.load_thread_items(thread_id, after, limit, "desc", context)
        for item in page.data:
            left -= size(item)
            if newest_first and (left < 0 or len(newest_first) == budget.items):
                return newest_first[::-1]
            newest_first.append(item)
        after, limit = page.after, max(budget.items - len(newest_first) + 1, 1)
        if not page.has_more or after is None:
            return newest_first[::-1]


def size(item: ThreadItem) -> int:
    """Return an item's characters as stored; attached files do not count, see `whole_attachments`."""
    exclude = {"attachments"} if isinstance(item, UserMessageItem) else None
    return len(item.model_dump_json(exclude=exclude, exclude_none=True))


def whole_attachments(items: list[ThreadItem], budget: Budget = BUDGET) -> frozenset[str]:
    """Return the ids of the newest attachments, which the model is sent whole; older ones are only named."""
    ids = [a.id for item in items if isinstance(item, UserMessageItem) for a in item.attachments]
    return frozenset(ids[max(len(ids) - budget.attachments, 0) :])


def whole_picture(items: list[ThreadItem]) -> str | None:
    """Return the id of the newest generated picture, which the model is sent again; older ones are only named."""
    ids = [item.id for item in items if isinstance(item, GeneratedImageItem) and item.image]
    return ids[-1] if ids else None
