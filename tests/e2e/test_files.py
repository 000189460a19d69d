"""Files through the whole stack with real bytes: uploads, refusals, and URLs that are never logged or stored."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import psutil
import pytest

from tests.e2e.test_function_url import ask
from tools.client.chatkit import ChatKitClient, Event, RefusedError, add_message, create_thread
from tools.local.files import PDF, PNG
from tools.local.stack import Stack

MB = 1024 * 1024


@pytest.mark.promise("A1")
async def test_wrong_uploads_are_refused_by_the_bucket(ana: ChatKitClient) -> None:
    attachment = await ana.register("a.png", "image/png", len(PNG))

    assert await ana.put(attachment, PNG + b"x") == 403
    assert await ana.put(attachment, PNG[:-1]) == 403
    attachment["upload_descriptor"]["headers"]["Content-Type"] = "text/html"
    assert await ana.put(attachment, PNG) == 403


@pytest.mark.promise("A3")
async def test_message_before_its_upload_is_refused(ana: ChatKitClient) -> None:
    attachment = await ana.register("a.png", "image/png", len(PNG))

    with pytest.raises(RefusedError, match="not been uploaded") as refused:
        await ask(ana, create_thread("look", (attachment["id"],)))

    assert 400 <= refused.value.status < 500
    assert (await ana.call({"type": "threads.list", "params": {}}))["data"] == []


@pytest.mark.promise("A3")
async def test_two_messages_at_once_cannot_both_have_a_file(ana: ChatKitClient) -> None:
    attachment = await ana.upload("a.png", "image/png", PNG)

    async def send(text: str) -> int:
        try:
            await ask(ana, create_thread(text, (attachment["id"],)))
        except RefusedError as error:
            return error.status
        return 200

    assert sorted(await asyncio.gather(send("one"), send("two"))) == [200, 409]


@pytest.mark.promise("A4")
@pytest.mark.promise("A5")
@pytest.mark.promise("H9")
async def test_no_presigned_url_is_logged_or_stored(stack: Stack, ana: ChatKitClient) -> None:
    image = await ana.upload("a.png", "image/png", PNG)
    paper = await ana.upload("a.pdf", "application/pdf", PDF)
    stream = await ask(ana, create_thread("What is in these files?", (image["id"], paper["id"])))
    thread_id = stream[0].event["thread"]["id"]
    items = (await ana.call({"type": "items.list", "params": {"thread_id": thread_id}}))["data"]

    with closing(stack.server.client("dynamodb")) as dynamodb:
        records = dynamodb.scan(TableName=stack.aws.table)["Items"]
    log = await asyncio.to_thread(stack.log.read_text)

    assert any("X-Amz-Signature" in json.dumps(item) for item in items)  # previews are signed on load
    assert "upload_descriptor" not in json.dumps(items)
    assert len(records) > 5
    assert "X-Amz-Signature" not in str(records)
    assert "request admitted" in log
    assert not any(secret in log for secret in ("X-Amz-Signature", "eyJ", "What is in these files"))


@pytest.mark.slow
@pytest.mark.promise("A8")
async def test_files_of_every_size_pass_and_the_function_stays_small(stack: Stack, ana: ChatKitClient) -> None:
    thread_id = (await ask(ana, create_thread("hello")))[0].event["thread"]["id"]
    process = psutil.Process(stack.function.cold_starts[-1].pid)
    before = process.memory_info().rss

    for size in (1, 1000, 5 * MB, 47 * MB):
        file = await ana.upload("notes.txt", "text/plain", b"a" * size) if size < MB else await _paper(ana, size)
        stream = await ask(ana, add_message(thread_id, f"a file of {size} bytes", (file["id"],)))
        assert "error" not in [received.event["type"] for received in stream]

    # Inline files cost about four times their size during the request to the model (docs/understand/attachments.md).
    assert process.memory_info().rss - before < 300 * MB


async def _paper(ana: ChatKitClient, size: int) -> Event:
    return await ana.upload("paper.pdf", "application/pdf", b"%PDF-1.7\n" + b"%" * (size - len(PDF) - 9) + PDF)
