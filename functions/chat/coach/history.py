"""The conversation as model input: the newest thread items that fit a budget, converted for the Responses API.

items = await newest_items(turn.store, thread.id, turn.context)          # oldest first
converter = CoachItemConverter(turn.attachment_content, whole_attachments(items),
                               turn.image_content, whole_image(items))
model_input = await converter.to_agent_input(items)
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from agents import TResponseInputItem
from chatkit.agents import ThreadItemConverter
from chatkit.store import Store
from chatkit.types import (
    Attachment,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    ThreadItem,
    UserMessageItem,
    UserMessageTagContent,
)
from openai.types.responses import ResponseInputContentParam, ResponseInputTextParam
from openai.types.responses.response_input_item_param import Message

from coach.entities import resolve

Context = TypeVar("Context")

PAGE_ITEMS = 30
"""Size of the first page. Most threads are shorter; a second page then covers the whole budget."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one request's history. A token is about four characters."""

    characters: int = 80_000
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
    """Return the number of characters that an item is stored in, without its attachments (`whole_attachments`)."""
    exclude = {"attachments"} if isinstance(item, UserMessageItem) else None
    return len(item.model_dump_json(exclude=exclude, exclude_none=True))


def whole_attachments(items: list[ThreadItem], budget: Budget = BUDGET) -> frozenset[str]:
    """Return the ids of the newest attachments. The model gets their content, and only the names of older ones."""
    ids = [a.id for item in items if isinstance(item, UserMessageItem) for a in item.attachments]
    return frozenset(ids[max(len(ids) - budget.attachments, 0) :])


def whole_image(items: list[ThreadItem]) -> str | None:
    """Return the id of the newest generated image. The model gets it again; it only learns that older ones exist."""
    ids = [item.id for item in items if isinstance(item, GeneratedImageItem) and item.image]
    return ids[-1] if ids else None


class CoachItemConverter(ThreadItemConverter):
    """Converts the items that ChatKit leaves to the assistant: attachments, mentions, hidden context and images."""

    def __init__(
        self,
        attachment_content: Callable[[Attachment], Awaitable[ResponseInputContentParam]],
        whole_attachments: frozenset[str],
        image_content: Callable[[GeneratedImage], Awaitable[ResponseInputContentParam | None]],
        whole_image: str | None,
    ) -> None:
        self._attachment_content = attachment_content
        self._whole_attachments = whole_attachments
        self._image_content = image_content
        self._whole_image = whole_image

    async def attachment_to_message_content(self, attachment: Attachment) -> ResponseInputContentParam:
        if attachment.id in self._whole_attachments:
            return await self._attachment_content(attachment)
        return _text(f"[Attached earlier, content not repeated: {attachment.name} ({attachment.mime_type})]")

    async def tag_to_message_content(self, tag: UserMessageTagContent) -> ResponseInputContentParam:
        entity = resolve(tag.id)
        return _text(f"@{tag.text} is {json.dumps(entity) if entity else 'not a known account or category'}")

    async def hidden_context_to_input(
        self, item: HiddenContextItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        if not isinstance(item.content, str):
            item = item.model_copy(update={"content": json.dumps(item.content)})
        return await super().hidden_context_to_input(item)

    async def generated_image_to_input(
        self, item: GeneratedImageItem
    ) -> TResponseInputItem | list[TResponseInputItem] | None:
        """Mention an image, and send the newest as bytes: its URL expires and may be out of the model's reach."""
        if item.image is None:
            return None
        image = await self._image_content(item.image) if item.id == self._whole_image else None
        content = [_text("[A picture that you generated was shown here.]"), *([image] if image else [])]
        return Message(type="message", role="user", content=content)


def _text(text: str) -> ResponseInputTextParam:
    return cast(ResponseInputTextParam, {"type": "input_text", "text": text})
