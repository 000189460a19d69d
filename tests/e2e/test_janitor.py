"""S8, A6: the running stack removes the records and files of a deleted thread."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing

import pytest

from tests.e2e.test_function_url import ask
from tools.client.chatkit import ChatKitClient, create_thread
from tools.local.files import PNG
from tools.local.stack import Stack

LIMIT_SECONDS = 60


@pytest.mark.promise("S8")
@pytest.mark.promise("A6")
async def test_deleted_thread_takes_its_items_and_files_along(stack: Stack, ana: ChatKitClient) -> None:
    image = await ana.upload("a.png", "image/png", PNG)
    stream = await ask(ana, create_thread("look", (image["id"],)))
    thread_id = stream[0].event["thread"]["id"]

    await ana.call({"type": "threads.delete", "params": {"thread_id": thread_id}})

    assert await asyncio.to_thread(_remaining, stack, thread_id, image["id"]) == []


def _remaining(stack: Stack, thread_id: str, file_id: str) -> list[str]:
    """Wait until no key is left or the time is over, and return the remaining keys."""
    limit = time.monotonic() + LIMIT_SECONDS
    while (left := _left_behind(stack, thread_id, file_id)) and time.monotonic() < limit:
        time.sleep(0.2)
    return left


def _left_behind(stack: Stack, thread_id: str, file_id: str) -> list[str]:
    """Return existing keys of the thread's items, the file's record and its object. The tombstone stays."""
    with closing(stack.server.client("dynamodb")) as dynamodb, closing(stack.server.client("s3")) as s3:
        records = [f"{r['pk']['S']} {r['sk']['S']}" for r in dynamodb.scan(TableName=stack.aws.table)["Items"]]
        objects = [o["Key"] for o in s3.list_objects_v2(Bucket=stack.aws.bucket).get("Contents", [])]
    items = [key for key in records if f"#THREAD#{thread_id}" in key or file_id in key]
    return items + [key for key in objects if file_id in key]
