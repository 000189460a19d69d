"""Sources under an answer. This assistant needs no model; a model's own citations arrive the same way."""

from __future__ import annotations

from collections.abc import AsyncIterator

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    URLSource,
    UserMessageItem,
)

from assistant_kit.items import item_fields
from chat_api.assistant import Assistant, AssistantSettings, Turn

TEXT = "Grind the beans just before you brew them."


class Guide:
    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        source = URLSource(url="https://shop.example/brewing", title="How to brew")
        content = AssistantMessageContent(text=TEXT, annotations=[Annotation(source=source, index=len(TEXT))])
        fields = item_fields("message", thread, turn.store, turn.context)
        yield ThreadItemDoneEvent(item=AssistantMessageItem(**fields, content=[content]))


def build(settings: AssistantSettings) -> Assistant:
    return Guide()
