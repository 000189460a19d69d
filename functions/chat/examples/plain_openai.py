"""An assistant on plain `openai`, for any Chat Completions endpoint. ASSISTANT=examples.plain_openai:build

    Ollama    OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=llama3.3 OPENAI_API_KEY=ollama
    vLLM      OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_MODEL=Qwen/Qwen3-32B OPENAI_API_KEY=<--api-key>
    OpenAI    OPENAI_API_KEY=sk-…

`respond` yields every ChatKit event that a streamed answer needs: the item is added, updated by each delta, and done.
Endpoints differ: chunks may have no choice or no delta, many reject roles that do not alternate, and usage comes only
if requested. An answer that the endpoint cut says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from functools import partial

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
from openai import OpenAIError
from openai.types.chat import ChatCompletionChunk

from assistant_kit.chat_completions import chat_messages
from assistant_kit.failures import explain
from assistant_kit.history import newest_items
from assistant_kit.item_converter import ItemConverter
from assistant_kit.openai_client import OpenAIClient
from assistant_kit.rejections import without_rejected
from chat_api.assistant import AssistantSettings, Turn

INSTRUCTIONS = "You are a helpful assistant. Answer briefly, in the language of the user's last message."
ENDINGS = {
    "length": "\n\n[The answer is cut here, because it reached the model's limit.]",
    "content_filter": "\n\n[The answer ends here, because the content filter stopped it.]",
}
"""Notes for answers that the endpoint did not complete, by `finish_reason`."""


class PlainOpenAI:
    def __init__(self, settings: AssistantSettings) -> None:
        self._model = settings.openai_model
        self._client = OpenAIClient(api_key=settings.api_key, base_url=settings.openai_base_url)

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        items = await newest_items(turn.store, thread.id, turn.context)
        try:
            async with aclosing(without_rejected(thread, turn, items, partial(self._run, thread, turn))) as events:
                async for event in events:
                    yield event
        except OpenAIError as error:
            raise explain(error) from error

    async def _run(
        self, thread: ThreadMetadata, turn: Turn, items: list[ThreadItem]
    ) -> AsyncGenerator[ThreadStreamEvent, None]:
        """Yield the events of one request. Raises OpenAIError."""
        item_id = turn.store.generate_item_id("message", thread, turn.context)
        part = AssistantMessageContent(text="")
        item = AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=[part])
        model_input = await ItemConverter(turn, items).to_agent_input(items)
        async with await self._client.chat.completions.create(
            model=self._model,
            messages=chat_messages(model_input, f"{INSTRUCTIONS}\n- {turn.envelope.rule}"),
            stream=True,
            stream_options={"include_usage": True},
        ) as chunks:
            yield ThreadItemAddedEvent(item=item)
            async for delta in deltas(chunks, turn):
                part.text += delta
                update = AssistantMessageContentPartTextDelta(content_index=0, delta=delta)
                yield ThreadItemUpdatedEvent(item_id=item_id, update=update)
            yield ThreadItemDoneEvent(item=item)

    async def close(self) -> None:
        await self._client.close()


async def deltas(chunks: AsyncIterator[ChatCompletionChunk], turn: Turn) -> AsyncIterator[str]:
    """Yield the words of the answer, and report its tokens."""
    async for chunk in chunks:
        if chunk.usage:
            turn.usage(input_tokens=chunk.usage.prompt_tokens, output_tokens=chunk.usage.completion_tokens)
        for choice in chunk.choices or ():
            if choice.delta and choice.delta.content:  # pyright: ignore[reportUnnecessaryComparison]
                yield choice.delta.content
            if note := ENDINGS.get(choice.finish_reason or ""):
                yield note


def build(settings: AssistantSettings) -> PlainOpenAI:
    return PlainOpenAI(settings)
