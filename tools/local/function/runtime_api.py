"""Lambda's Runtime API for one function process, used by `tools.local.function.process` and the tests.

    async with RuntimeApi() as api:                      # AWS_LAMBDA_RUNTIME_API=api.address
        invocation = Invocation(b"{}", sink=Recorder())
        api.submit(invocation)
        await invocation.finished.wait()                 # the process polls again (or ended: `api.lost()`)
        invocation.sink.body

    submitted ──next──▶ delivered ──POST response──▶ answering ──▶ answered ──next──▶ finished
                            └──────POST error──────────────────────────┘

The API passes every answer to the invocation's `sink`, chunk by chunk as the process sends it. A sink that waits stops
the process (back-pressure). If it raises `Refusal`, the API responds with that status at once; if it raises
`ConnectionAbortedError`, the API closes the connection.
Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, …/runtimes-custom.html; error types and states
as in aws-lambda-runtime-interface-emulator.
"""

from __future__ import annotations

import asyncio
import enum
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import h11

from tools.local.http_server import HttpConnection, HttpServer

REQUEST_ID = "Lambda-Runtime-Aws-Request-Id"
DEADLINE_MS = "Lambda-Runtime-Deadline-Ms"
FUNCTION_ARN = "Lambda-Runtime-Invoked-Function-Arn"
TRACE_ID = "Lambda-Runtime-Trace-Id"
CLIENT_CONTEXT = "Lambda-Runtime-Client-Context"
COGNITO_IDENTITY = "Lambda-Runtime-Cognito-Identity"
TENANT_ID = "Lambda-Runtime-Aws-Tenant-Id"
INVOCATION_ID = "Lambda-Runtime-Invocation-Id"
RESPONSE_MODE = "Lambda-Runtime-Function-Response-Mode"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
VERSION = "/2018-06-01/runtime"
MAX_BUFFERED_BYTES = 6 * 1024 * 1024 + 1024


class Refusal(Exception):
    """Raised by a sink: respond to the process with `status` now, even if its message is incomplete."""

    def __init__(self, status: int, error_type: str) -> None:
        super().__init__(f"{status} {error_type}")
        self.status = status
        self.error_type = error_type


class Kind(enum.Enum):
    """Kind of a post from the process."""

    STREAMED = "streamed response"
    BUFFERED = "buffered response"
    ERROR = "error"


class Sink(Protocol):
    """Receiver of one answer."""

    async def begin(self, kind: Kind, headers: Mapping[str, str]) -> None:
        """Handle the start of a post; names in `headers` are lower case."""
        ...

    async def chunk(self, data: bytes) -> None:
        """Handle one chunk as the process framed it, or the bytes that arrived of an unchunked body."""
        ...

    async def end(self, trailers: Mapping[str, str]) -> None:
        """Handle the end of the body; `trailers` contain the error of a streamed response that failed."""
        ...

    async def lost(self) -> None:
        """Handle the end of the connection within the body."""
        ...


@dataclass
class Recorder:
    """A sink that records everything with its arrival time (`time.monotonic`)."""

    kind: Kind | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    chunks: list[bytes] = field(default_factory=list[bytes])
    times: list[float] = field(default_factory=list[float])
    trailers: Mapping[str, str] = field(default_factory=dict[str, str])
    ended: bool = False

    @property
    def body(self) -> bytes:
        """The bytes that have arrived so far."""
        return b"".join(self.chunks)

    async def begin(self, kind: Kind, headers: Mapping[str, str]) -> None:
        self.kind, self.headers = kind, headers

    async def chunk(self, data: bytes) -> None:
        self.chunks.append(data)
        self.times.append(time.monotonic())

    async def end(self, trailers: Mapping[str, str]) -> None:
        self.trailers, self.ended = trailers, True

    async def lost(self) -> None:
        """Do nothing: `chunks` holds the part that arrived."""


@dataclass
class Invocation:
    """One event and the state of its processing."""

    event: bytes
    sink: Sink
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    timeout_seconds: float = 60
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Additional headers of `next`, e.g. INVOCATION_ID or TENANT_ID."""
    delivered: asyncio.Event = field(default_factory=asyncio.Event)
    answered: bool = False
    """Whether an answer has begun."""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the whole answer has arrived."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)


class RuntimeApi(HttpServer):
    """The Runtime API of one process. `address` is the value of AWS_LAMBDA_RUNTIME_API."""

    def __init__(self) -> None:
        super().__init__(self._route)
        self._submitted: asyncio.Queue[Invocation] = asyncio.Queue()
        self._current: Invocation | None = None
        self.polled = asyncio.Event()
        """Set when the process polls for its first event, i.e. when its initialisation is complete."""
        self.first_poll_time = 0.0
        self.init_error: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        self.snapshot_ready = asyncio.Event()
        """Set when the process calls `restore/next`."""
        self.restored = asyncio.Event()
        """Set by the owner to let `restore/next` return."""
        self.restore_error: dict[str, object] | None = None

    def submit(self, invocation: Invocation) -> None:
        """Queue `invocation` for the process's next poll."""
        self._submitted.put_nowait(invocation)

    async def _route(self, connection: HttpConnection, request: h11.Request) -> None:
        path = request.target.decode()
        match request.method, path.removeprefix(VERSION).split("/")[1:]:
            case b"GET", ["invocation", "next"]:
                await self._next(connection)
            case b"POST", ["invocation", request_id, ("response" | "error") as kind]:
                await self._answer(connection, request, request_id, kind)
            case b"POST", ["init", "error"]:
                self.init_error.set_result(json.loads(await connection.body(MAX_BUFFERED_BYTES) or b"{}"))
                await _reply(connection, 202)
            case b"GET", ["restore", "next"]:
                await connection.receive()
                self.snapshot_ready.set()
                await self.restored.wait()
                await _reply(connection, 200)
            case b"POST", ["restore", "error"]:
                self.restore_error = json.loads(await connection.body(MAX_BUFFERED_BYTES) or b"{}")
                await _reply(connection, 202)
            case _:
                await _reply(connection, 404, "NotFound")

    async def _next(self, connection: HttpConnection) -> None:
        await connection.receive()  # the end of the request
        self.lost()
        if not self.polled.is_set():
            self.first_poll_time = asyncio.get_running_loop().time()
            self.polled.set()
        invocation = await self._submitted.get()
        self._current = invocation
        deadline_ms = int((time.time() + invocation.timeout_seconds) * 1000)
        headers = {
            "Content-Type": "application/json",
            REQUEST_ID: invocation.request_id,
            DEADLINE_MS: str(deadline_ms),
            FUNCTION_ARN: "arn:aws:lambda:eu-west-1:000000000000:function:local",
            TRACE_ID: f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            **invocation.headers,
        }
        invocation.delivered.set()
        await connection.respond(200, list(headers.items()), invocation.event)

    def lost(self) -> None:
        """Finish the current invocation, if any, because the process polled again or ended."""
        if self._current is not None:
            self._current.finished.set()
            self._current = None

    async def _answer(self, connection: HttpConnection, request: h11.Request, request_id: str, path: str) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        invocation = self._current
        try:
            if invocation is None or invocation.request_id != request_id:
                raise Refusal(400, "InvalidRequestID")
            expected = invocation.headers.get(INVOCATION_ID)
            if headers.get(INVOCATION_ID.lower(), expected) != expected:
                raise Refusal(410, "InvocationIdMismatch")
            if invocation.answered:
                raise Refusal(403, "InvalidStateTransition")
            invocation.answered = True
            streamed = headers.get(RESPONSE_MODE.lower()) == "streaming"
            kind = Kind.ERROR if path == "error" else Kind.STREAMED if streamed else Kind.BUFFERED
            await _pump(connection, kind, headers, invocation.sink)
            invocation.complete.set()
        except Refusal as refusal:
            await _reply(connection, refusal.status, refusal.error_type)
        except ConnectionAbortedError:
            connection.abort()
        else:
            await _reply(connection, 202)


async def _pump(connection: HttpConnection, kind: Kind, headers: Mapping[str, str], sink: Sink) -> None:
    """Pass a post to `sink` in the chunks that the process framed, independent of how they arrived."""
    await sink.begin(kind, headers)
    chunk = bytearray()
    chunked = "chunked" in headers.get("transfer-encoding", "")
    try:
        while isinstance(event := await connection.receive(), h11.Data):
            chunk += event.data
            if event.chunk_end or not chunked:
                await sink.chunk(bytes(chunk))
                chunk.clear()
    except (ConnectionError, h11.RemoteProtocolError):
        await sink.lost()
        raise
    assert isinstance(event, h11.EndOfMessage)
    await sink.end({name.decode().lower(): value.decode("latin-1") for name, value in event.headers})


async def _reply(connection: HttpConnection, status: int, error_type: str | None = None) -> None:
    body = {"errorMessage": error_type, "errorType": error_type} if error_type else {"status": "OK"}
    await connection.respond(status, [("Content-Type", "application/json")], json.dumps(body).encode())
