"""An assistant on Amazon Bedrock's ConverseStream. ASSISTANT=examples.bedrock:build OPENAI_MODEL=<model or profile>

`OPENAI_MODEL` is the id of a model or of an inference profile, like eu.anthropic.claude-sonnet-4-5-20250929-v1:0. The
function's role needs bedrock:InvokeModelWithResponseStream on it, and the build botocore's description of the service,
`bedrock-runtime`. `make new NAME=shop FROM=bedrock` creates an assistant with both, in iam.json and app.toml; under
`make dev` it calls the real Bedrock with your profile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, HTTPClientError
from chatkit.errors import CustomStreamError
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

from assistant_kit.history import newest_items
from chat_api.assistant import Assistant, AssistantSettings, Turn

SYSTEM = "You are a helpful assistant. Answer briefly, in the language of the user's last message."
ENDINGS = {
    "max_tokens": "\n\n[The answer is cut here, because it reached the model's limit.]",
    "model_context_window_exceeded": "\n\n[The answer is cut here, because the conversation is too long.]",
    "content_filtered": "\n\n[The answer ends here, because the content filter stopped it.]",
    "guardrail_intervened": "\n\n[The answer ends here, because a guardrail stopped it.]",
}
"""Notes for answers that the model did not complete, by `stopReason`."""
BUSY = ("ThrottlingException", "ServiceUnavailableException", "ModelNotReadyException", "InternalServerException")
BUSY_NOW = "The model is busy right now. Please try again in a moment."
NOT_AVAILABLE = "The assistant is not available right now. Please try again later."


class Bedrock:
    attachments = False  # the composer offers no files

    def __init__(self, settings: AssistantSettings) -> None:
        session: Any = botocore.session.get_session()
        self._bedrock: Any = session.create_client("bedrock-runtime")
        self._model = settings.openai_model

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        items = await newest_items(turn.store, thread.id, turn.context)
        item_id = turn.store.generate_item_id("message", thread, turn.context)
        part = AssistantMessageContent(text="")
        item = AssistantMessageItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), content=[part])
        yield ThreadItemAddedEvent(item=item)
        async for event in self._stream(messages(items), turn):
            text = event.get("contentBlockDelta", {}).get("delta", {}).get("text")
            text = text or ENDINGS.get(event.get("messageStop", {}).get("stopReason"))
            if text:
                part.text += text
                update = AssistantMessageContentPartTextDelta(content_index=0, delta=text)
                yield ThreadItemUpdatedEvent(item_id=item_id, update=update)
            if usage := event.get("metadata", {}).get("usage"):
                turn.usage(input_tokens=usage["inputTokens"], output_tokens=usage["outputTokens"])
        yield ThreadItemDoneEvent(item=item)

    async def _stream(self, conversation: list[dict[str, Any]], turn: Turn) -> AsyncIterator[dict[str, Any]]:
        """Yield the model's events; botocore blocks, so each step runs in a thread. Raises CustomStreamError."""
        try:
            response = await asyncio.to_thread(
                self._bedrock.converse_stream, modelId=self._model, messages=conversation, system=[{"text": SYSTEM}]
            )
            turn.on_stop(response["stream"].close)
            events = iter(response["stream"])
            while (event := await asyncio.to_thread(next, events, None)) is not None:
                yield event
        except (ClientError, HTTPClientError) as error:
            code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
            busy = code is None or code in BUSY
            raise CustomStreamError(BUSY_NOW if busy else NOT_AVAILABLE, allow_retry=busy) from error


def messages(items: list[ThreadItem]) -> list[dict[str, Any]]:
    """Return the texts as Bedrock takes them: the first is the user's, roles alternate, and none is blank."""
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
    return Bedrock(settings)
