"""A model on one machine: OpenAI's streaming `/v1/responses` over HTTP, with answers by rules.

    with ModelServer.start(delay_seconds=0.02) as model:
        client = AsyncOpenAI(base_url=model.url, api_key=API_KEY)
        ...
        model.requests[-1].first_delta_at       # epoch seconds, to compare with another process's clock

    python -m local.model_server --port 8123    # the same; GET /_requests tells what it saw

The real `openai` client and Agents SDK talk to it, so the code under test is the same with a key and without. Each
delta leaves at its own time, stamped just before it is written; a client that goes away is noticed at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import uvicorn

from local.model_checks import MODELS, checked, describe, unauthorized
from local.model_script import play
from local.model_trouble import Failure, Script
from local.responses_events import Answer, Event, identifier

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API_KEY = "sk-local-model"
KEPT_REQUESTS = 500
START_LIMIT_SECONDS = 10


@dataclass
class RecordedRequest:
    """What one request looked like from here; times are epoch seconds of this machine's clock."""

    path: str
    received_at: float
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    status: int | None = None
    events: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    """Each event's type and when it left."""
    closed_early_at: float | None = None
    """When the client went away before the answer was complete."""
    completed_at: float | None = None

    @property
    def delta_times(self) -> list[float]:
        """When each delta of text left."""
        return [at for kind, at in self.events if kind == "response.output_text.delta"]

    @property
    def first_delta_at(self) -> float | None:
        return next(iter(self.delta_times), None)

    def summary(self) -> dict[str, Any]:
        """Return it as JSON for `GET /_requests`."""
        fields = ("path", "received_at", "status", "delta_times", "first_delta_at", "closed_early_at", "completed_at")
        return {name: getattr(self, name) for name in fields} | {"body": self.body}


class ModelServer:
    """One running server in its own thread; `stop()` it or use it as a context manager."""

    def __init__(self, delay_seconds: float, port: int) -> None:
        self.delay_seconds = delay_seconds
        self.requests: deque[RecordedRequest] = deque(maxlen=KEPT_REQUESTS)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_level=logging.CRITICAL,  # a cut on purpose is not worth a traceback
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="model", daemon=True)

    @classmethod
    def start(cls, delay_seconds: float = 0.02, port: int = 0) -> Self:
        """Start a server on the loopback interface and wait until it answers; `port` 0 takes a free one."""
        model = cls(delay_seconds, port)
        model._thread.start()
        limit = time.monotonic() + START_LIMIT_SECONDS
        while not model._server.started:
            if time.monotonic() > limit or not model._thread.is_alive():
                raise RuntimeError("the model server did not start")
            time.sleep(0.005)
        return model

    def stop(self) -> None:
        """End the server and every open answer; a second call does nothing."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    async def _app(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        record = RecordedRequest(scope["path"], time.time())
        exchange = _Exchange(record, receive, send, self.delay_seconds)
        if scope["path"] == "/v1/responses":
            self.requests.append(record)
        match scope["method"], scope["path"]:
            case "GET", "/_requests":
                await exchange.json(200, {"requests": [request.summary() for request in self.requests]})
            case _ if failure := unauthorized(_authorization(scope)):
                await exchange.fail(failure)
            case "GET", "/v1/models":
                await exchange.json(200, {"object": "list", "data": [describe(name) for name in MODELS]})
            case "POST", "/v1/responses":
                await exchange.respond()
            case _:
                await exchange.fail(Failure(404, f"Invalid URL ({scope['method']} {scope['path']})"))


class _Exchange:
    """One request and its answer."""

    def __init__(self, record: RecordedRequest, receive: Receive, send: Send, delay_seconds: float) -> None:
        self._record = record
        self._receive = receive
        self._send = send
        self._delay_seconds = delay_seconds

    async def respond(self) -> None:
        """Answer `POST /v1/responses`, and stop at once when the client goes away."""
        body = await self._body()
        if isinstance(body, Failure):
            await self.fail(body)
            return
        self._record.body = body
        answer = asyncio.create_task(self._answer(body))
        gone = asyncio.create_task(self._client_gone())
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        answer.cancel()
        for result in await asyncio.gather(answer, gone, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _client_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._record.completed_at is None:
            self._record.closed_early_at = time.time()

    async def _body(self) -> dict[str, Any] | Failure:
        data = bytearray()
        while True:
            message = await self._receive()
            data += message.get("body", b"")
            if not message.get("more_body"):
                break
        try:
            body = json.loads(data)
        except ValueError:
            return Failure(400, "We could not parse the JSON body of your request.")
        return checked(body)

    async def _answer(self, body: dict[str, Any]) -> None:
        script = play(body)
        if isinstance(script, Failure):
            if script.status == 0:
                await asyncio.Event().wait()
            await self.fail(script)
            return
        answer = Answer(body, script.outputs, script.ending)
        if body.get("stream"):
            await self._stream(answer, script)
            return
        for event in answer.events():
            if event["type"].endswith(".delta"):
                await asyncio.sleep(self._delay(script))
        await self.json(200, answer.response)

    async def _stream(self, answer: Answer, script: Script) -> None:
        await self._start(200, b"text/event-stream; charset=utf-8")
        deltas = 0
        for event in answer.events():
            if event["type"] == "response.output_item.added" and event["output_index"] == 0:
                await asyncio.sleep(script.silence_seconds)
            if event["type"].endswith(".delta"):
                if deltas == script.cut_after_deltas:
                    return  # without the last chunk: uvicorn closes the connection
                deltas += 1
                await asyncio.sleep(self._delay(script))
            await self._event(event)
        await self._finish(b"")

    def _delay(self, script: Script) -> float:
        return self._delay_seconds if script.delay_seconds is None else script.delay_seconds

    async def _event(self, event: Event) -> None:
        data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        self._record.events.append((event["type"], time.time()))
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def fail(self, failure: Failure) -> None:
        """Send an error as OpenAI does."""
        await self.json(failure.status, failure.body())

    async def json(self, status: int, content: dict[str, Any]) -> None:
        """Send a whole JSON answer."""
        await self._start(status, b"application/json")
        await self._finish(json.dumps(content).encode())

    async def _finish(self, data: bytes) -> None:
        self._record.completed_at = time.time()  # before: afterwards the client may leave
        await self._send({"type": "http.response.body", "body": data})

    async def _start(self, status: int, content_type: bytes) -> None:
        self._record.status = status
        headers = [(b"content-type", content_type), (b"x-request-id", identifier("req").encode())]
        if status == 429:
            headers.append((b"retry-after-ms", b"50"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})


def _authorization(scope: MutableMapping[str, Any]) -> str:
    return dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")


def main() -> None:
    """Run a server until interrupted."""
    parser = argparse.ArgumentParser(description="A stand-in for OpenAI's Responses API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-seconds", type=float, default=0.02)
    arguments = parser.parse_args()
    with ModelServer.start(arguments.delay_seconds, arguments.port) as model, contextlib.suppress(KeyboardInterrupt):
        print(model.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
