"""Sample: an assistant on Amazon Bedrock's ConverseStream, with any model that you have access to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import botocore.session
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

from chat_api.assistant import Assistant, AssistantSettings, Turn

NEWEST_ITEMS = 20


class Sample:
    def __init__(self, settings: AssistantSettings) -> None:
        session: Any = botocore.session.get_session()
        self._bedrock = session.create_client("bedrock-runtime")
        self._model = settings.env["BEDROCK_MODEL"]

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        newest = await turn.store.load_thread_items(thread.id, None, NEWEST_ITEMS, "desc", turn.context)
        item_id = turn.store.generate_item_id("message", thread, turn.context)
        part = AssistantMessageContent(text="")
        item = AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=[part])
        yield ThreadItemAddedEvent(item=item)
        async for event in self._stream(messages(list(reversed(newest.data))), turn):
            if text := event.get("contentBlockDelta", {}).get("delta", {}).get("text"):
                part.text += text
                update = AssistantMessageContentPartTextDelta(content_index=0, delta=text)
                yield ThreadItemUpdatedEvent(item_id=item_id, update=update)
            if usage := event.get("metadata", {}).get("usage"):
                turn.usage(input_tokens=usage["inputTokens"], output_tokens=usage["outputTokens"])
        yield ThreadItemDoneEvent(item=item)

    async def _stream(self, conversation: list[dict[str, Any]], turn: Turn) -> AsyncIterator[dict[str, Any]]:
        """Yield the model's events; botocore blocks, so each step runs in a thread."""
        response = await asyncio.to_thread(
            self._bedrock.converse_stream, modelId=self._model, messages=conversation, system=[{"text": "Be brief."}]
        )
        stream = response["stream"]
        turn.on_stop(stream.close)
        events = iter(stream)
        while (event := await asyncio.to_thread(next, events, None)) is not None:
            yield event


def messages(items: list[ThreadItem]) -> list[dict[str, Any]]:
    """Return the texts as Bedrock takes them: the first one is the user's, and roles alternate."""
    result: list[dict[str, Any]] = []
    for item in items:
        if not isinstance(item, UserMessageItem | AssistantMessageItem):
            continue
        role = "user" if isinstance(item, UserMessageItem) else "assistant"
        text = "".join(part.text for part in item.content).strip()
        if not text or (not result and role == "assistant"):
            continue
        if result and result[-1]["role"] == role:
            result[-1]["content"].append({"text": text})
        else:
            result.append({"role": role, "content": [{"text": text}]})
    return result


def build(settings: AssistantSettings) -> Assistant:
    return Sample(settings)
