"""An assistant on plain `openai`, for any Chat Completions endpoint. ASSISTANT=examples.plain_openai:build

    Ollama    OPENAI_BASE_URL=http://127.0.0.1:11434/v1 OPENAI_MODEL=llama3.3 OPENAI_API_KEY=ollama
    vLLM      OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_MODEL=Qwen/Qwen3-32B OPENAI_API_KEY=<--api-key>
    OpenAI    OPENAI_API_KEY=sk-…

`respond` yields every ChatKit event that a streamed answer needs: the item is added, updated by each delta, and done.
Endpoints differ: chunks may have no choice or no delta, many reject roles that do not alternate, and usage comes only
if requested. An answer that the endpoint cut says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from openai import AsyncOpenAI, OpenAIError

from assistant_kit.chat_completions import chat_messages
from assistant_kit.failures import explain
from assistant_kit.history import newest_items
from assistant_kit.item_converter import ItemConverter
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
        self._client = AsyncOpenAI(api_key=settings.api_key, base_url=settings.openai_base_url)

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        item_id = turn.store.generate_item_id("message", thread, turn.context)
        part = AssistantMessageContent(text="")
        item = AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=[part])
        yield ThreadItemAddedEvent(item=item)
        async for delta in self._answer(thread, turn):
            part.text += delta
            update = AssistantMessageContentPartTextDelta(content_index=0, delta=delta)
            yield ThreadItemUpdatedEvent(item_id=item_id, update=update)
        yield ThreadItemDoneEvent(item=item)

    async def _answer(self, thread: ThreadMetadata, turn: Turn) -> AsyncIterator[str]:
        """Yield the words of the answer. Raises CustomStreamError with a message for the user."""
        items = await newest_items(turn.store, thread.id, turn.context)
        model_input = await ItemConverter(turn, items).to_agent_input(items)
        messages = chat_messages(model_input, f"{INSTRUCTIONS}\n- {turn.envelope.rule}")
        try:
            async with await self._client.chat.completions.create(
                model=self._model, messages=messages, stream=True, stream_options={"include_usage": True}
            ) as chunks:
                async for chunk in chunks:
                    if chunk.usage:
                        usage = chunk.usage
                        turn.usage(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)
                    for choice in chunk.choices or ():
                        if choice.delta and choice.delta.content:  # pyright: ignore[reportUnnecessaryComparison]
                            yield choice.delta.content
                        if note := ENDINGS.get(choice.finish_reason or ""):
                            yield note
        except OpenAIError as error:
            raise explain(error) from error

    async def close(self) -> None:
        await self._client.close()


def build(settings: AssistantSettings) -> PlainOpenAI:
    return PlainOpenAI(settings)
