"""An assistant with moderation and a malware scan; Echo answers. ASSISTANT=examples.guarded:build

`Guarded.moderate` calls OpenAI's moderation endpoint. `ClamAV` sends each upload to a clamd daemon (`CLAMD=host:3310`),
`GuardDuty` waits for the tag that GuardDuty Malware Protection for S3 sets on a new object: use one of them.
"""

from __future__ import annotations

import asyncio
import os
import struct
from typing import Any

from assistant_kit.openai_client import OpenAIClient
from attachments_s3 import ScannedFile
from chat_api.assistant import AssistantSettings, Statement
from chat_api.context import RequestContext
from examples.echo import Echo

CHUNK_BYTES = 65_536


class ClamAV:
    """clamd's INSTREAM command: chunks with their length, a zero, then one line."""

    def __init__(self, host: str, port: int = 3310) -> None:
        self._address = host, port

    async def scan(self, file: ScannedFile) -> str | None:
        data = await file.read()
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(data), CHUNK_BYTES):
                chunk = data[start : start + CHUNK_BYTES]
                writer.write(struct.pack("!L", len(chunk)) + chunk)
                await writer.drain()
            writer.write(struct.pack("!L", 0))
            reply = (await reader.readuntil(b"\0")).decode().rstrip("\0")
        finally:
            writer.close()
        if reply == "stream: OK":
            return None
        if reply.endswith(" FOUND"):
            return reply.removeprefix("stream: ").removesuffix(" FOUND")
        raise RuntimeError("clamd did not scan the file")


class GuardDuty:
    """The tag of GuardDuty Malware Protection for S3; the function needs s3:GetObjectTagging on `pending/*`."""

    def __init__(self, s3: Any, poll_seconds: float = 0.5) -> None:
        self._s3 = s3
        self._poll_seconds = poll_seconds

    async def scan(self, file: ScannedFile) -> str | None:
        while True:  # the library ends it after 20 seconds, and the request gets a 503
            answer = await asyncio.to_thread(self._s3.get_object_tagging, Bucket=file.bucket, Key=file.key)
            tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
            match tags.get("GuardDutyMalwareScanStatus"):
                case "NO_THREATS_FOUND":
                    return None
                case "THREATS_FOUND":
                    return "found by GuardDuty"
                case None:
                    await asyncio.sleep(self._poll_seconds)
                case status:
                    raise RuntimeError(f"GuardDuty did not scan the file: {status}")


class Guarded(Echo):
    def __init__(self, settings: AssistantSettings, scanner: ClamAV | GuardDuty) -> None:
        self._client = OpenAIClient(api_key=settings.api_key, base_url=settings.openai_base_url)
        self._scanner = scanner

    async def moderate(self, statement: Statement, context: RequestContext) -> str | None:
        found = await self._client.moderations.create(model="omni-moderation-latest", input=statement.text)
        return "This is against our rules. Please write it differently." if found.results[0].flagged else None

    async def scan(self, file: ScannedFile) -> str | None:
        return await self._scanner.scan(file)

    async def close(self) -> None:
        await self._client.close()


def build(settings: AssistantSettings) -> Guarded:
    host, _, port = os.environ["CLAMD"].partition(":")
    return Guarded(settings, ClamAV(host, int(port or 3310)))
