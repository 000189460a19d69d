"""SnapStart through the Runtime API: no connection in the snapshot, and a first turn after the restore."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import psutil
import pytest

from tools.client.chatkit import create_thread
from tools.local.function.payload import HttpRequest, event_of
from tools.local.function.process import FunctionProcess
from tools.local.function.runtime_api import Invocation, Recorder
from tools.local.stack import Stack

SNAPSHOT = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


@pytest.mark.promise("L8")
async def test_a_snapshot_holds_no_connection_and_a_restored_process_answers(
    stack: Stack, token_of: Callable[[str], str]
) -> None:
    headers = [("content-type", "application/json"), ("x-auth-token", token_of("restored"))]
    request = HttpRequest("POST", "/chatkit", headers, json.dumps(create_thread("hello")).encode(), "127.0.0.1")
    event = event_of(request, "restored.lambda-url.eu-west-1.on.aws", "request-1", datetime.now(UTC))
    environment = {**stack.function.environment, **SNAPSHOT}
    function = replace(stack.function, environment=environment, cold_starts=[])
    process, sink = FunctionProcess(function), Recorder()
    await process.start()
    try:
        await process.api.snapshot_ready.wait()
        peers = {
            each.raddr.port for each in psutil.Process(function.cold_starts[0].pid).net_connections() if each.raddr
        }
        process.api.restored.set()
        await process.run(Invocation(json.dumps(event).encode(), sink))
    finally:
        await process.stop(grace_seconds=1)

    assert peers <= {int(process.api.address.rpartition(":")[2])}
    assert b"content_part.text_delta" in sink.body
    assert process.api.restore_error is None
