"""An assistant on plain `openai`, for any Chat Completions endpoint. ASSISTANT=examples.plain_openai:build

`OPENAI_BASE_URL` and `OPENAI_MODEL` select the endpoint and the model. `respond` yields every ChatKit event that a
streamed answer needs: the item is added, updated by each delta, and done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from chat_api.assistant import AssistantSettings, Turn

NEWEST_ITEMS = 20


class PlainOpenAI:
    def __init__(self, settings: AssistantSettings) -> None:
        self._model = settings.openai_model
        self._client = AsyncOpenAI(api_key=settings.api_key, base_url=settings.openai_base_url)

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        newest = await turn.store.load_thread_items(thread.id, None, NEWEST_ITEMS, "desc", turn.context)
        item_id = turn.store.generate_item_id("message", thread, turn.context)
        part = AssistantMessageContent(text="")
        item = AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=[part])
        yield ThreadItemAddedEvent(item=item)
        messages = [chat_message(each) for each in reversed(newest.data) if "message" in each.type]
        async with await self._client.chat.completions.create(
            model=self._model, messages=messages, stream=True
        ) as chunks:
            async for chunk in chunks:
                if chunk.choices and (delta := chunk.choices[0].delta.content):
                    part.text += delta
                    update = AssistantMessageContentPartTextDelta(content_index=0, delta=delta)
                    yield ThreadItemUpdatedEvent(item_id=item_id, update=update)
        yield ThreadItemDoneEvent(item=item)

    async def close(self) -> None:
        await self._client.close()


def chat_message(item: ThreadItem) -> ChatCompletionMessageParam:
    """Convert a message of the user or the assistant to the API's format."""
    assert isinstance(item, UserMessageItem | AssistantMessageItem)
    text = "".join(part.text for part in item.content)
    if isinstance(item, UserMessageItem):
        return {"role": "user", "content": text}
    return {"role": "assistant", "content": text}


def build(settings: AssistantSettings) -> PlainOpenAI:
    return PlainOpenAI(settings)
