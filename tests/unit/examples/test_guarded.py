"""The example of moderation and malware scans, against stand-ins of OpenAI's endpoint, clamd and S3's tags."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import boto3
import pytest
from moto import mock_aws

from attachments_s3 import ScannedFile
from chat_api.assistant import AssistantSettings, Statement, SupportsModeration
from examples.guarded import ClamAV, GuardDuty, build
from tests.fakes.turn import request_context


def scanned(data: bytes) -> ScannedFile:
    async def read() -> bytes:
        return data

    return ScannedFile("atc_1", "a.png", "image/png", len(data), "bucket", "pending/ana/atc_1", '"etag"', read)


@pytest.fixture
async def clamd() -> AsyncIterator[int]:
    """A daemon that speaks INSTREAM on the loopback interface."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        data = b""
        while size := struct.unpack("!L", await reader.readexactly(4))[0]:
            data += await reader.readexactly(size)
        found = b"Eicar-Test FOUND" if b"EICAR" in data else b"OK"
        writer.write((b"INSTREAM size limit exceeded. ERROR" if b"HUGE" in data else b"stream: " + found) + b"\0")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.feature("malware-scan")
async def test_clamd_finds_what_it_is_sent(clamd: int) -> None:
    scanner = ClamAV("127.0.0.1", clamd)

    assert await scanner.scan(scanned(b"x" * 200_000)) is None
    assert await scanner.scan(scanned(b"x" * 100_000 + b"EICAR")) == "Eicar-Test"
    with pytest.raises(RuntimeError, match="did not scan"):
        await scanner.scan(scanned(b"HUGE"))


@pytest.mark.feature("malware-scan")
async def test_guardduty_answers_by_a_tag() -> None:
    with mock_aws():
        s3: Any = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="pending/ana/atc_1", Body=b"x")
        scan = asyncio.create_task(GuardDuty(s3, 0.01).scan(scanned(b"x")))
        await asyncio.sleep(0.05)
        assert not scan.done()  # no tag yet

        def tag(status: str) -> None:
            tags = [{"Key": "GuardDutyMalwareScanStatus", "Value": status}]
            s3.put_object_tagging(Bucket="bucket", Key="pending/ana/atc_1", Tagging={"TagSet": tags})

        tag("NO_THREATS_FOUND")
        assert await scan is None
        tag("THREATS_FOUND")
        assert await GuardDuty(s3).scan(scanned(b"x")) == "found by GuardDuty"
        tag("FAILED")
        with pytest.raises(RuntimeError, match="FAILED"):
            await GuardDuty(s3).scan(scanned(b"x"))
        s3.close()


class Moderations(BaseHTTPRequestHandler):
    """OpenAI's moderation endpoint: flags texts with the word `rude`."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        result = {"flagged": "rude" in body["input"], "categories": {}, "category_scores": {}}
        answer = json.dumps({"id": "modr-1", "model": body["model"], "results": [result]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@pytest.mark.feature("moderation")
async def test_openai_moderates(monkeypatch: pytest.MonkeyPatch) -> None:
    async def key() -> str:
        return "sk-test"

    monkeypatch.setenv("CLAMD", "127.0.0.1:3310")
    with ThreadingHTTPServer(("127.0.0.1", 0), Moderations) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        assistant = build(AssistantSettings("none", f"http://127.0.0.1:{server.server_port}/v1", key))
        try:
            assert isinstance(assistant, SupportsModeration)
            assert await assistant.moderate(Statement("message", "hello"), request_context()) is None
            assert "rules" in str(await assistant.moderate(Statement("answer", "rude"), request_context()))
        finally:
            await assistant.close()
            server.shutdown()
            thread.join()
