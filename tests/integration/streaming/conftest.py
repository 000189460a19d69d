"""Fixtures that run the layer against our Runtime API, over real sockets.

`runtime` runs AWS's own event handling with our client in a thread of this process: the application is a function in
the test, which can inspect both ends. `function` runs the real bootstrap in separate processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from awslambdaric import bootstrap
from awslambdaric.lambda_context import LambdaContext

from lambda_streaming import StreamingMangum
from lambda_streaming.client import StreamingRuntimeClient
from tools import ROOT
from tools.local.function.process import FunctionProcess, LocalFunction
from tools.local.function.runtime_api import Invocation, Kind, Recorder, Refusal, RuntimeApi
from tools.workspace import source

EVENTS = ROOT / "tests" / "events"
LIMIT_SECONDS = 20
# For the ordinary runtime, `Function(layer=None)`: this package, which Lambda would import from the layer.
ORDINARY = {"PYTHONPATH": f"{ROOT}:{source('lambda_streaming')}"}


def event(name: str = "function_url_get", **fields: Any) -> dict[str, Any]:
    """Return the event of `tests/events/{name}.json`; `path` and `method` go into `requestContext.http`."""
    loaded = json.loads((EVENTS / f"{name}.json").read_text())
    for key in {"path", "method"} & fields.keys():
        loaded["requestContext"]["http"][key] = fields.pop(key)
    return loaded | fields


def event_bytes() -> bytes:
    """Return a Function URL's event as Lambda sends it."""
    return json.dumps(event()).encode()


async def eventually(predicate: Callable[[], object]) -> None:
    """Wait until `predicate` is true; for conditions that another thread or process fulfils."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not predicate():  # noqa: ASYNC110  # no event to await: the other side is not in this loop
            await asyncio.sleep(0.005)


class Gate:
    """An event that an application awaits in its loop, and a test opens from another thread."""

    def __init__(self) -> None:
        self._open = threading.Event()

    async def wait(self) -> None:
        while not self._open.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    def open(self) -> None:
        self._open.set()


@dataclass
class Script(Recorder):
    """A recorder that can stop reading, reject the response, or close the connection."""

    read: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is unset, reading stops after `chunks_before` chunks."""
    chunks_before: int = 1_000_000
    refuse: Refusal | None = None
    hang_up: bool = False

    async def chunk(self, data: bytes) -> None:
        await super().chunk(data)
        if len(self.chunks) > self.chunks_before:
            if self.refuse is not None:
                raise self.refuse
            if self.hang_up:
                raise ConnectionAbortedError
            await self.read.wait()

    async def end(self, trailers: Mapping[str, str]) -> None:
        await super().end(trailers)
        if self.refuse is not None:
            raise self.refuse


def context(seconds: float = 5) -> Any:
    """Return the context of an invocation that has `seconds` left."""
    return LambdaContext("request-1", None, None, int((time.time() + seconds) * 1000))


def prelude_of(recorder: Recorder) -> dict[str, Any]:
    """Return the prelude's JSON, after checking that the first chunk is exactly the prelude and its delimiter."""
    assert recorder.kind is Kind.STREAMED
    encoded, delimiter, rest = recorder.chunks[0].partition(b"\0" * 8)
    assert (delimiter, rest) == (b"\0" * 8, b"")
    return json.loads(encoded)


def body_of(recorder: Recorder) -> bytes:
    """Return the body after the prelude."""
    return b"".join(recorder.chunks[1:])


class Runtime:
    """The layer in a thread of this process, polling `api`."""

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api

    async def run(
        self, app: Any, sent: Any = None, sink: Recorder | None = None, timeout_seconds: float = 10, headers: Any = ()
    ) -> Recorder:
        """Run one invocation of `app`; returns when the process would poll again."""
        sink = sink or Recorder()
        adapter: StreamingMangum = await asyncio.to_thread(StreamingMangum, app, lifespan="off")
        try:
            await self.run_with(adapter, sent, sink, timeout_seconds, headers)
        finally:
            await asyncio.to_thread(adapter.close)
        return sink

    async def run_with(
        self, handler: Any, sent: Any, sink: Recorder, timeout_seconds: float = 10, headers: Any = ()
    ) -> None:
        encoded = json.dumps(event() if sent is None else sent).encode()
        self.api.submit(Invocation(encoded, sink, timeout_seconds=timeout_seconds, headers=dict(headers)))
        await asyncio.to_thread(self._handle_one, handler)
        self.api.lost()

    def _handle_one(self, handler: Any) -> None:
        client = StreamingRuntimeClient(self.api.address)
        connection = http.client.HTTPConnection(self.api.address)
        with contextlib.closing(client), contextlib.closing(connection), bootstrap.StandardLogSink() as log_sink:
            connection.request("GET", "/2018-06-01/runtime/invocation/next")
            reply = connection.getresponse()
            bootstrap.handle_event_request(
                client,
                handler,
                reply.headers["Lambda-Runtime-Aws-Request-Id"],
                reply.read(),
                reply.headers["Content-Type"],
                None,
                None,
                reply.headers["Lambda-Runtime-Invoked-Function-Arn"],
                int(reply.headers["Lambda-Runtime-Deadline-Ms"]),
                reply.headers["Lambda-Runtime-Aws-Tenant-Id"],
                log_sink,
                reply.headers["Lambda-Runtime-Invocation-Id"],
            )


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    async with RuntimeApi() as api:
        yield Runtime(api)


class Function(LocalFunction):
    """The function `tests.integration.streaming.apps` under the real bootstrap; `lines` is its log."""

    def __init__(self, **options: Any) -> None:
        self.lines: list[str] = []
        self.started: list[FunctionProcess] = []
        options.setdefault("handler", "tests.integration.streaming.apps.handler")
        options.setdefault("layer", ROOT / "layers" / "streaming")
        super().__init__(code=[ROOT], log=self.lines.append, **options)

    async def start(self) -> FunctionProcess:
        """Start a process that the test drives itself."""
        process = FunctionProcess(self)
        self.started.append(process)
        await process.start()
        return process

    def logged(self, text: str) -> bool:
        return any(text in line for line in self.lines)


@pytest.fixture
async def function() -> AsyncIterator[Callable[..., Function]]:
    """Return a factory of functions whose processes end with the test."""
    made: list[Function] = []

    def make(**options: Any) -> Function:
        made.append(Function(**options))
        return made[-1]

    yield make
    for one in made:
        await one.stop_processes()
        for process in one.started:
            await process.stop(grace_seconds=0)


async def run_in(process: FunctionProcess, sent: Any, sink: Recorder | None = None, headers: Any = ()) -> Recorder:
    """Run one event in `process` until it polls again."""
    sink = sink or Recorder()
    encoded = json.dumps(sent).encode()
    await process.run(Invocation(encoded, sink, timeout_seconds=LIMIT_SECONDS, headers=dict(headers)))
    return sink
