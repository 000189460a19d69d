"""An assistant without OpenAI: it repeats the user's message. ASSISTANT=examples.echo:build"""

from collections.abc import AsyncIterator
from datetime import datetime

from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from chat_api.assistant import Assistant, AssistantSettings, Turn


class Echo:
    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        text = "".join(part.text for part in message.content) if message else "nothing"
        yield ThreadItemDoneEvent(
            item=AssistantMessageItem(
                id=turn.store.generate_item_id("message", thread, turn.context),
                thread_id=thread.id,
                created_at=datetime.now(),
                content=[AssistantMessageContent(text=f"You said: {text}")],
            )
        )


def build(settings: AssistantSettings) -> Assistant:
    return Echo()
