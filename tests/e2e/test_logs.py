"""H9 in a real process: all output at every level, searched for every word and secret that went in."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.e2e.test_function_url import ask
from tools import ROOT
from tools.client.chatkit import ChatKitClient, create_thread
from tools.local.function.errors import FunctionError
from tools.local.stack import Stack, janitor_function
from tools.workspace import source

pytestmark = pytest.mark.promise("H9")

WORDS = "ZEBRA-PRIVATE-WORDS-4711"
PACKAGES = ("chat_api", "function_setup", "store_dynamo", "attachments_s3")


def variables(level: str) -> dict[str, str]:
    folders = [*(str(source(name).resolve()) for name in PACKAGES), str(ROOT)]
    path, assistant = os.pathsep.join(folders), "tests.fakes.leaking_assistant:build"
    return {"LOG_LEVEL": level, "AWS_LAMBDA_LOG_LEVEL": "DEBUG", "ASSISTANT": assistant, "PYTHONPATH": path}


async def written_since(log: Path, offset: int) -> str:
    return (await asyncio.to_thread(log.read_text))[offset:]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN", "ERROR"])
async def test_no_level_writes_what_went_in(stack: Stack, token_of: Callable[[str], str], level: str) -> None:
    token = token_of("ana")
    await asyncio.to_thread(stack.log.touch)
    offset = len(await asyncio.to_thread(stack.log.read_text))
    async with stack.sibling(60, **variables(level)) as url, ChatKitClient(url, token) as client:
        file = await client.upload(f"{WORDS}.txt", "text/plain", WORDS.encode())
        begun = await ask(client, create_thread("emoji"))
        thread_id = begun[0].event["thread"]["id"]
        await client.call({"type": "threads.update", "params": {"thread_id": thread_id, "title": f"title {WORDS}"}})
        ends = [
            [received.event["type"] for received in await ask(client, create_thread(f"{kind} {WORDS}", files))]
            for kind, files in (("leak", (file["id"],)), ("panic", ()), ("exit", ()))
        ]

    written: str = await written_since(stack.log, offset)
    secrets = [
        str(stack.aws.chat_credentials.secret_key),
        WORDS,
        "ZEBRA",
        *parse_qs(urlsplit(file["upload_descriptor"]["url"]).query)["X-Amz-Signature"],
        "X-Amz-Signature",
        token,
        "eyJ",
        "sk-",
        str(stack.aws.chat_credentials.token),
    ]
    assert [end[-1] for end in ends] == ["error"] * 3
    assert [secret for secret in secrets if secret in written] == []
    lines: list[dict[str, Any]] = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    assert [line for line in written.splitlines() if not line.startswith("{")] == []
    assert all(line["release"] and line["level"] and line["timestamp"] for line in lines)
    assert [line["outcome"] for line in lines if "_aws" in line and "Turns" in line] == ["answered", *["failed"] * 3]
    assert any(line["level"] == "ERROR" for line in lines)
    assert ("a line of the assistant" in written) == (level in ("DEBUG", "INFO"))


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN", "ERROR"])
async def test_the_janitor_writes_no_content(stack: Stack, tmp_path: Path, level: str) -> None:
    """It fails with exceptions that quote their input: an image, a key or a file's key."""
    log = tmp_path / "janitor.log"
    janitor = janitor_function(stack.aws, log, LOG_LEVEL=level, AWS_LAMBDA_LOG_LEVEL="DEBUG")
    words = {"S": f"{WORDS} \ud83d"}
    keys = {"pk": {"S": "USER#ana"}, "sk": {"S": "THREAD#thr_1"}}
    images: list[dict[str, Any]] = [
        {"Keys": keys, "OldImage": {**keys, "item": words, "s3_keys": {"N": WORDS}}},
        {"Keys": keys, "NewImage": {**keys, "deleted_at": words, "expires_at": {"N": WORDS}}},
        {"Keys": {"pk": words, "sk": {"N": WORDS}}, "OldImage": {"pk": words}},
        {"Keys": words, "OldImage": {"s3_key": {"S": f"files/{WORDS}"}}},
    ]
    try:
        for number, image in enumerate(images):
            record = {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": f"{number}", **image}}
            with suppress(FunctionError):
                await janitor.invoke({"Records": [record]})
        with pytest.raises(FunctionError):
            await janitor.invoke({"Records": [{"dynamodb": WORDS}]})
    finally:
        await janitor.stop_processes()

    written = await asyncio.to_thread(log.read_text)
    secrets = [WORDS, "ZEBRA", str(stack.aws.janitor_credentials.secret_key), str(stack.aws.janitor_credentials.token)]
    assert [secret for secret in secrets if secret in written] == []
    assert [line for line in written.splitlines() if not line.startswith("{")] == []
    assert any(json.loads(line)["level"] == "ERROR" for line in written.splitlines())


async def test_an_emoji_in_two_deltas_is_joined_and_stored(stack: Stack, token_of: Callable[[str], str]) -> None:
    url_of = stack.sibling(60, **variables("INFO"))
    async with url_of as url, ChatKitClient(url, token_of("ana")) as client:
        stream = await ask(client, create_thread("emoji"))
        page = await client.call({"type": "items.list", "params": {"thread_id": stream[0].event["thread"]["id"]}})

    items = page["data"]
    deltas = [each.event["update"].get("delta") for each in stream if each.event["type"] == "thread.item.updated"]
    assert "".join(deltas) == "a \U0001f600 b "
    assert "a \U0001f600 b \ufffd" in json.dumps(items, ensure_ascii=False)
