"""A process with one turn on a DynamoDB server: `python -m tests.fakes.paused_turn ENDPOINT TABLE`.

It prints `thread ID` when the thread exists, `writing` in the middle of the answer, and `ended OUTCOME` at the end.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import boto3
from chatkit.types import ThreadItemDoneEvent, ThreadStreamEvent

from attachments_s3 import S3AttachmentStore
from chat_api.assistant import Turn
from chat_api.server import AssistantServer, StreamingResult
from chat_api.telemetry import TurnMetrics
from chat_api.turn import Timing
from store_dynamo import CLIENT_CONFIG, DynamoStore
from tests.fakes.assistants import message_item, spoken
from tests.fakes.turn import request_context
from tools.client.chatkit import create_thread

KEYS: Any = {"region_name": "eu-west-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}


class Slow:
    """Says words for three seconds, and then a second message."""

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        for number, event in enumerate(spoken(thread, turn, [f"w{word} " for word in range(60)])):
            if number == 20:
                print("writing", flush=True)
            await asyncio.sleep(0.05)
            yield event
        yield ThreadItemDoneEvent(
            item=message_item(thread, turn.store.generate_item_id("message", thread, turn.context), "late")
        )


async def main(endpoint: str, table: str) -> None:
    client: Any = boto3.client("dynamodb", endpoint_url=endpoint, config=CLIENT_CONFIG, **KEYS)
    store: DynamoStore[Any] = DynamoStore(table=table, client=client, user_of=lambda context: context.user_id)
    files: S3AttachmentStore[Any] = S3AttachmentStore(
        bucket="none", client=boto3.client("s3", **KEYS), user_of=lambda context: context.user_id
    )
    ended: list[TurnMetrics] = []
    timing = Timing(journal=0.1, beat=0.5)
    server = AssistantServer(store, files, Slow(), timing=timing, on_turn=ended.append)
    server.load()
    result = await server.process(json.dumps(create_thread("hello")), request_context("ana"))
    assert isinstance(result, StreamingResult)
    async for chunk in result.json_events:
        if chunk.startswith(b'data: {"type":"thread.created"'):
            print("thread", json.loads(chunk[6:])["thread"]["id"], flush=True)
    await result.turn.ended()
    print("ended", ended[0].outcome, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
