"""The real bootstrap against AWS's own Runtime API, the emulator that comes with aws-sam-cli.

The emulator answers only when the body is complete, shows prelude and delimiter raw, and hides trailers, so it tests
our framing and our use of the API but not the timing. Two concurrent events crash it: one emulator per test, one
event at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys

import httpx
import pytest

from tests.integration.streaming.conftest import LIMIT_SECONDS, event
from tools import ROOT
from tools.local.ministack import free_port

DELIMITER = b"\0" * 8


@pytest.fixture
async def invoke(tmp_path):
    """Start an emulator with our bootstrap, and return a function that sends it one event."""
    found = next(ROOT.glob(".tools/sam/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"))
    emulator = tmp_path / "aws-lambda-rie"
    shutil.copy(found, emulator)
    emulator.chmod(0o755)
    front, api = (f"127.0.0.1:{free_port()}" for _ in range(2))
    addresses = ["--runtime-interface-emulator-address", front, "--runtime-api-address", api]
    handler = "tests.integration.streaming.apps.handler"
    environment = {
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(ROOT),
        "_HANDLER": handler,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(LIMIT_SECONDS),
    }
    log = (tmp_path / "log").open("w")
    command = [str(ROOT / "layers" / "streaming" / "bootstrap"), sys.executable]
    process = await asyncio.create_subprocess_exec(
        str(emulator), *addresses, *command, handler, env=environment, cwd=ROOT, stdout=log, stderr=log
    )
    async with httpx.AsyncClient(timeout=LIMIT_SECONDS) as client:

        async def send(sent) -> httpx.Response:
            async with asyncio.timeout(LIMIT_SECONDS):
                while True:
                    try:
                        return await client.post(f"http://{front}/2015-03-31/functions/function/invocations", json=sent)
                    except httpx.ConnectError:  # not listening yet
                        await asyncio.sleep(0.02)

        yield send
    process.kill()
    await process.wait()
    log.close()


@pytest.mark.promise("L1")
@pytest.mark.promise("L3")
@pytest.mark.promise("L5")
@pytest.mark.promise("L6")
async def test_awss_emulator_understands_what_we_send(invoke):
    """Events one after the other in one emulator: no response, whatever its kind, disturbs the next one."""
    prelude, _, body = (await invoke(event(path="/slow"))).content.partition(DELIMITER)
    assert json.loads(prelude) == {"statusCode": 200, "headers": {"content-type": "text/plain"}, "cookies": []}
    assert body == b"012"

    _, _, body = (await invoke(event(path="/hello", method="HEAD"))).content.partition(DELIMITER)
    assert body == b""

    assert (await invoke({})).json() == {"message": "not an HTTP event: nothing was done"}

    prelude, _, _ = (await invoke(event(path="/fail"))).content.partition(DELIMITER)
    assert json.loads(prelude)["statusCode"] == 500

    await invoke(event(path="/fail_late"))
    await invoke(event(path="/fail_long"))  # trailers over 4 KiB would crash the emulator, and Lambda's Runtime API
    _, _, body = (await invoke(event(path="/hello"))).content.partition(DELIMITER)
    assert body.startswith(b"hello from ")
