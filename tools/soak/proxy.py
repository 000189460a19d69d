"""A reverse proxy between the function and a service that causes faults on demand.

    async with FaultyProxy("http://127.0.0.1:4566") as proxy:
        proxy.url                                          # AWS_ENDPOINT_URL of the function
        proxy.fault = Fault((Deed.FAIL,), dynamodb, 0.05)  # from now on; None ends it

The proxy forwards requests byte for byte, including the Host header, so that SigV4 signatures stay valid. It changes
only `Connection` and `Expect`, which are never signed: one request per connection. An identical request after a fault
counts as a retry.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 64 * 1024
DYNAMODB = "DynamoDB_20120810."


class Deed(Enum):
    """The proxy's treatment of a request."""

    PASS = "forwarded"
    DELAY = "delayed"
    THROTTLE = "throttled"
    FAIL = "answered with a 500"
    LOSE = "executed, response lost"
    HANG_UP = "connection closed"
    CUT = "cut during the response"
    SILENCE = "silent during the response"


@dataclass(frozen=True)
class Head:
    """The head of a request."""

    method: str
    target: str
    headers: dict[str, str]
    raw: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        first, *lines = raw.decode("latin-1").rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return cls(method, target, headers, raw)

    @property
    def operation(self) -> str:
        """DynamoDB's operation; empty for other services."""
        return self.headers.get("x-amz-target", "").removeprefix(DYNAMODB)

    def forwarded(self) -> bytes:
        """Return the bytes to forward."""
        lines = self.raw.rstrip(b"\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith((b"connection:", b"expect:"))]
        return b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n"


@dataclass(frozen=True)
class Fault:
    """A set of treatments and the requests that they apply to."""

    deeds: tuple[Deed, ...]
    to: Callable[[Head], bool]
    probability: float = 1.0
    seconds: float = 0.0
    """Length of a delay."""
    chunks: int = 12
    """Number of chunks before a response is cut or goes silent."""

    def on(self, head: Head) -> Deed:
        if not self.to(head) or random.random() >= self.probability:
            return Deed.PASS
        return random.choice(self.deeds)


def dynamodb(head: Head) -> bool:
    return bool(head.operation)


def s3(head: Head) -> bool:
    return "x-amz-target" not in head.headers and "/s3/" in head.headers.get("authorization", "")


def model(head: Head) -> bool:
    return head.method == "POST"


@dataclass
class FaultyProxy:
    """A proxy in front of one server; an asynchronous context manager."""

    upstream: str
    fault: Fault | None = None
    requests: int = 0
    done: Counter[Deed] = field(default_factory=Counter[Deed])
    retried: int = 0

    def __post_init__(self) -> None:
        address = urlsplit(self.upstream)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._broken: Counter[bytes] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{urlsplit(self.upstream).path}"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, tb: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    def take_counts(self) -> dict[str, int]:
        """Return the counts since the last call and reset them."""
        counts = {deed.value: count for deed, count in self.done.most_common() if deed is not Deed.PASS}
        result = {"requests": self.requests, **counts, "retried": self.retried}
        self.requests, self.retried = 0, 0
        self.done.clear()
        self._broken.clear()
        return result

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                head = Head.parse(await reader.readuntil(b"\r\n\r\n"))
                if "expect" in head.headers:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(int(head.headers.get("content-length", "0")))
                await self._answer(head, body, reader, writer)
        finally:
            writer.close()

    async def _answer(
        self, head: Head, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        deed = self.fault.on(head) if self.fault else Deed.PASS
        self._count(head, body, deed)
        match deed:
            case Deed.THROTTLE | Deed.FAIL:
                writer.write(refusal(head, deed))
                await writer.drain()
                return
            case Deed.HANG_UP:
                writer.transport.abort()
                return
            case Deed.DELAY if self.fault:
                await asyncio.sleep(self.fault.seconds)
            case _:
                pass
        passing = asyncio.create_task(self._pass_on(head, body, writer, deed))
        gone = asyncio.create_task(
            reader.read(1)
        )  # clients send one request per connection, so this returns at its end
        try:
            await asyncio.wait({passing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            passing.cancel()
            await asyncio.wait({gone, passing})
        if not passing.cancelled() and (error := passing.exception()) is not None:
            raise error

    async def _pass_on(self, head: Head, body: bytes, writer: asyncio.StreamWriter, deed: Deed) -> None:
        upstream_reader, upstream = await asyncio.open_connection(self._host, self._port)
        try:
            upstream.write(head.forwarded() + body)
            chunks = 0
            while chunk := await upstream_reader.read(MAX_HEAD_BYTES):
                chunks += 1
                if deed is Deed.LOSE:
                    continue
                if deed in (Deed.CUT, Deed.SILENCE) and self.fault and chunks > self.fault.chunks:
                    if deed is Deed.SILENCE:
                        await asyncio.Event().wait()  # until the client disconnects
                    writer.transport.abort()
                    return
                writer.write(chunk)
                await writer.drain()
            if deed is Deed.LOSE:
                writer.transport.abort()
        finally:
            upstream.close()

    def _count(self, head: Head, body: bytes, deed: Deed) -> None:
        self.requests += 1
        self.done[deed] += 1
        like = hashlib.sha256(f"{head.method} {head.target} {head.operation}".encode() + body).digest()
        if self._broken[like]:
            self._broken[like] -= 1
            self.retried += 1
        if deed not in (Deed.PASS, Deed.DELAY):
            self._broken[like] += 1


def refusal(head: Head, deed: Deed) -> bytes:
    """Return the response with which the service itself would refuse a request."""
    throttled = deed is Deed.THROTTLE
    if head.operation:
        kind = "ThrottlingException" if throttled else "InternalServerError"
        status, media = (400, "application/x-amz-json-1.0") if throttled else (500, "application/x-amz-json-1.0")
        body = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": "on purpose"}).encode()
    elif s3(head):
        status, media = 503, "application/xml"
        body = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
    else:
        status, media = (429, "application/json") if throttled else (500, "application/json")
        body = b'{"error": {"message": "on purpose", "type": "server_error", "code": null, "param": null}}'
    head_lines = f"HTTP/1.1 {status} Broken\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n"
    return head_lines.encode() + b"Connection: close\r\n\r\n" + (b"" if head.method == "HEAD" else body)
