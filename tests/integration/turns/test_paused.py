"""SIGSTOP, takeover, SIGCONT: a process that wakes up leaves the store as its taker wrote it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from attachments_s3 import MessageFiles
from chat_api.attach.takeover import Takeover
from store_dynamo import CLIENT_CONFIG, DynamoStore
from store_dynamo.expressions import utc_now
from tests.fakes.dynamo_backend import create_table
from tests.fakes.turn import request_context
from tools import ROOT
from tools.local.dynamodb_local import DynamoDBLocal, MissingToolError

ANA = request_context("ana")


class NoFiles:
    async def free(self, *_: Any) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[DynamoDBLocal]:
    try:
        with DynamoDBLocal.start() as server:
            yield server
    except MissingToolError as error:
        pytest.skip(str(error))


@pytest.mark.promise("R4")
@pytest.mark.feature("fenced-turns")
async def test_a_process_that_wakes_up_changes_nothing(server: DynamoDBLocal) -> None:
    client: Any = server.client(CLIENT_CONFIG)
    admin = server.client()  # a fresh server is slow on a busy machine
    create_table(admin, table := f"chat-{uuid.uuid4()}", stream=False)
    admin.close()
    store: DynamoStore[Any] = DynamoStore(
        table=table,
        client=client,
        user_of=lambda context: context.user_id,
        clock=lambda: utc_now() + timedelta(seconds=30),  # the taker looks half a minute later
    )
    command = [sys.executable, "-m", "tests.fakes.paused_turn", client.meta.endpoint_url, table]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        _, thread_id = (await process.stdout.readline()).decode().split()
        assert await process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.2)

        turn = await store.running.find(thread_id, ANA)
        assert turn is not None
        assert await Takeover(store, cast("MessageFiles[Any]", NoFiles())).of(turn, ANA) is not None
        taken = (await store.load_thread_items(thread_id, None, 50, "asc", ANA)).data
        process.send_signal(signal.SIGCONT)
        outcome = (await process.stdout.readline()).decode().strip()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    left = (await store.load_thread_items(thread_id, None, 50, "asc", ANA)).data
    client.close()
    assert outcome == "ended superseded"
    assert left == taken
    assert [item.type for item in left] == ["user_message", "assistant_message", "sdk_hidden_context"]
