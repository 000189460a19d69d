"""The part of a conversation that the model gets: its newest thread items that fit a budget.

items = await newest_items(turn.store, thread.id, turn.context)          # oldest first
whole_attachments(items), whole_image(items)                             # sent with their content
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from chatkit.store import Store
from chatkit.types import GeneratedImageItem, ThreadItem, UserMessageItem, UserMessageTagContent

Context = TypeVar("Context")

PAGE_ITEMS = 30
"""Size of the first page. Most threads are shorter; a second page then covers the whole budget."""
MENTION_CHARACTERS = 200
"""Characters that the explanation of a mention adds to the input of the model."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one request's history. A token is about four characters.

    `characters` bounds all items together, except that the newest is always sent; `item_characters` bounds the text of
    one item, the newest included (`guarded_items` cuts it).
    """

    characters: int = 80_000
    item_characters: int = 120_000
    items: int = 200
    attachments: int = 4


BUDGET = Budget()


async def newest_items(
    store: Store[Context], thread_id: str, context: Context, budget: Budget = BUDGET
) -> list[ThreadItem]:
    """Return the newest items within the budget, oldest first. The newest one is always included.

    Reads at most two pages, because the call to the model waits for each.
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
    """Return an item's share of the budget: the characters that it is stored in, and those that its mentions add.

    Attachments have limits of their own (`whole_attachments`).
    """
    if not isinstance(item, UserMessageItem):
        return len(item.model_dump_json(exclude_none=True))
    mentions = sum(isinstance(part, UserMessageTagContent) for part in item.content)
    return len(item.model_dump_json(exclude={"attachments"}, exclude_none=True)) + mentions * MENTION_CHARACTERS


def whole_attachments(items: list[ThreadItem], budget: Budget = BUDGET) -> frozenset[str]:
    """Return the ids of the newest attachments. The model gets their content, and only the names of older ones."""
    ids = [a.id for item in items if isinstance(item, UserMessageItem) for a in item.attachments]
    return frozenset(ids[max(len(ids) - budget.attachments, 0) :])


def whole_image(items: list[ThreadItem]) -> str | None:
    """Return the id of the newest generated image. The model gets it again; it only learns that older ones exist."""
    ids = [item.id for item in items if isinstance(item, GeneratedImageItem) and item.image]
    return ids[-1] if ids else None
