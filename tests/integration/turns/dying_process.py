"""A process that runs one turn, for tests that kill or pause it. It prints each event with its time.

python -m tests.integration.turns.dying_process ENDPOINT TABLE REQUEST PREPARES_SECONDS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from chatkit.types import (
    CustomTask,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    Workflow,
    WorkflowItem,
)

from attachments_s3 import S3AttachmentStore, s3_config
from chat_api.assistant import Turn
from chat_api.server import AssistantServer, StreamingResult
from chat_api.settings import LimitSettings
from chat_api.turn import Timing
from store_dynamo import CLIENT_CONFIG, DynamoStore
from tests.fakes.assistants import delta, message_item
from tests.fakes.dead_turn import TURN
from tests.fakes.turn import request_context
from tools.stack.clients import Credentials, local_client

INTERVAL = 0.2
WORDS = 200
ANA = request_context("ana")
KEY = Credentials("local", "local")


class Talking:
    """Shows a running workflow, then stores a message, then says many words slowly."""

    def __init__(self, prepares_seconds: float) -> None:
        self._prepares_seconds = prepares_seconds

    def prepare(self) -> None:
        time.sleep(self._prepares_seconds)

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        def new_id(kind: Any) -> str:
            return turn.store.generate_item_id(kind, thread, turn.context)

        tasks = Workflow(type="custom", tasks=[CustomTask(title="Look", status_indicator="loading")])
        steps = WorkflowItem(id=new_id("workflow"), thread_id=thread.id, created_at=datetime.now(), workflow=tasks)
        yield ThreadItemAddedEvent(item=steps)
        first = message_item(thread, new_id("message"), "Let me look.")
        yield ThreadItemAddedEvent(item=first)
        yield ThreadItemDoneEvent(item=first)
        answer = message_item(thread, new_id("message"))
        yield ThreadItemAddedEvent(item=answer)
        words = [f"w{number} " for number in range(WORDS)]
        for word in words:
            await asyncio.sleep(0.02)
            yield delta(answer.id, word)
        yield ThreadItemDoneEvent(item=steps)
        yield ThreadItemDoneEvent(
            item=message_item(thread, answer.id, "".join(words)).model_copy(update={"created_at": answer.created_at})
        )


def server_of(endpoint: str, table: str, assistant: Any, **options: Any) -> tuple[AssistantServer, DynamoStore[Any]]:
    client = local_client("dynamodb", endpoint, KEY, CLIENT_CONFIG)
    s3 = local_client("s3", endpoint, KEY, s3_config())
    store: DynamoStore[Any] = DynamoStore(
        table=table, client=client, user_of=lambda context: context.user_id, **options
    )
    files: S3AttachmentStore[Any] = S3AttachmentStore(bucket="none", client=s3, user_of=lambda context: context.user_id)
    timing = Timing(cancel_poll=0.2, beat=0.5, journal=INTERVAL, title_wait=0.1)
    no_rates = LimitSettings(requests_per_minute=None, turns_per_minute=None)  # a clock that is late exceeds them
    return AssistantServer(store, files, assistant, limits=no_rates, timing=timing), store


async def main(endpoint: str, table: str, request: str, prepares_seconds: float) -> None:
    server, _ = server_of(endpoint, table, Talking(prepares_seconds))
    result = await server.process(request, replace(request_context("ana"), turn_id=TURN))
    assert isinstance(result, StreamingResult)
    print(json.dumps([time.time(), {"type": "admitted"}]), flush=True)
    async for chunk in result.json_events:
        if chunk.startswith(b"data: "):
            print(json.dumps([time.time(), json.loads(chunk[6:])]), flush=True)
    await result.turn.ended()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
