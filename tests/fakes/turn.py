"""A turn without an endpoint: a user, a store in memory, and messages as ChatKit would store them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    GeneratedImage,
    InferenceOptions,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)
from openai.types.responses import ResponseInputContentParam

from chat_api.assistant import Turn
from chat_api.context import RequestContext
from tests.fakes.memory_store import MemoryStore


def request_context(user_id: str = "user-1") -> RequestContext:
    """Return the context of a verified user. An hour is left, because modules create one at collection time."""
    return RequestContext(
        user_id=user_id,
        username=f"{user_id}@example.com",
        groups=frozenset(),
        locale="en",
        request_id="request-1",
        turn_id="turn-1",
        deadline=datetime.now(UTC) + timedelta(hours=1),
    )


async def no_image(image: GeneratedImage) -> ResponseInputContentParam | None:
    """Return None, as for an image that cannot be sent again."""
    return None


async def address_only(image: str, partial: bool) -> str:
    """Return a URL without storing the image."""
    return "attachment:generated/partial" if partial else "attachment:generated/whole"


async def named_only(attachment: Attachment) -> ResponseInputContentParam:
    """Return a text with the attachment's name instead of the file's content."""
    return {"type": "input_text", "text": f"content of {attachment.name}"}


class Conversation:
    """One thread of one user; `say` stores a message, `turn` is the assistant's argument."""

    def __init__(self, user_id: str = "user-1", store: MemoryStore[RequestContext] | None = None) -> None:
        self.store: MemoryStore[RequestContext] = store or MemoryStore()
        self.context = request_context(user_id)
        self.thread = ThreadMetadata(id="thread-1", created_at=datetime.now())

    def turn(self) -> Turn:
        return Turn(
            context=self.context,
            store=self.store,
            attachment_content=named_only,
            image_content=no_image,
            save_image=address_only,
        )

    async def items(self) -> list[ThreadItem]:
        """Return the stored items, oldest first."""
        return (await self.store.load_thread_items(self.thread.id, None, 1000, "asc", self.context)).data

    async def add(self, item: ThreadItem) -> None:
        """Store an item, and with the first item the thread."""
        await self.store.save_thread(self.thread, self.context)
        await self.store.add_thread_item(self.thread.id, item, self.context)

    async def say(self, text: str, attachments: Sequence[Attachment] = ()) -> UserMessageItem:
        """Store a message of the user and return it."""
        message = UserMessageItem(
            id=self.store.generate_item_id("message", self.thread, self.context),
            thread_id=self.thread.id,
            created_at=datetime.now(),
            content=[UserMessageTextContent(text=text)],
            attachments=list(attachments),
            inference_options=InferenceOptions(),
        )
        await self.add(message)
        return message

    async def answer(self, text: str) -> AssistantMessageItem:
        """Store an answer of the assistant and return it."""
        item = AssistantMessageItem(
            id=self.store.generate_item_id("message", self.thread, self.context),
            thread_id=self.thread.id,
            created_at=datetime.now(),
            content=[AssistantMessageContent(text=text)],
        )
        await self.add(item)
        return item
