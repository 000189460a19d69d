"""A Function URL on this machine: HTTP in, one Lambda event per request, streamed or buffered answers out.

    async with FunctionUrl(function, port=0) as front:
        httpx.get(front.url)

What it keeps of the real one: payload format 2.0, one process per concurrent request and 429 above the function's
limit, 6 MB for the event (base64 included), 502 for a function that fails before its response starts and a cut body for
one that fails after it, and a client's disconnect that never reaches the function. It answers plain HTTP on the
loopback interface and checks no signature. The wording of its own error bodies is a guess.
Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, …/configuration-response-streaming.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import h11

from tools.local.function.payload import (
    AnswerError,
    HttpRequest,
    HttpResponse,
    buffered_response,
    event_of,
    split_prelude,
)
from tools.local.function.process import FunctionError, LocalFunction, ThrottledError
from tools.local.function.runtime_api import Kind, Refusal
from tools.local.http_server import HttpConnection, HttpServer

MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_STREAMED_BYTES = 200 * 1024 * 1024
INTEGRATION_RESPONSE = "application/vnd.awslambda.http-integration-response"
JSON_HEADERS = [("content-type", "application/json")]

INTERNAL_ERROR = HttpResponse(502, JSON_HEADERS, b'{"Message":"Internal Server Error"}')
TOO_LARGE = HttpResponse(413, JSON_HEADERS, b'{"Message":"Request must be smaller than 6291456 bytes"}')
THROTTLED = HttpResponse(
    429, JSON_HEADERS, b'{"Message":"Rate Exceeded.","Reason":"ConcurrentInvocationLimitExceeded","Type":"User"}'
)


class FunctionUrl:
    """The HTTP front of one function; an asynchronous context manager."""

    def __init__(self, function: LocalFunction, port: int = 0, url_id: str = "localfunctionurl") -> None:
        self._function = function
        self._port = port
        self._domain = f"{url_id}.lambda-url.{function.region}.on.aws"
        self._server = HttpServer(self._handle)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{self._server.address}"

    async def __aenter__(self) -> Self:
        await self._server.start(self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._server.stop()
        await self._function.stop_processes()

    async def _handle(self, connection: HttpConnection, request: h11.Request) -> None:
        request_id = str(uuid.uuid4())
        relay = Relay(connection, request_id)
        body = await connection.body(MAX_EVENT_BYTES)
        event = b"" if body is None else self._event(request, body, connection.peer(), request_id)
        if body is None or len(event) > MAX_EVENT_BYTES:
            await relay.respond(TOO_LARGE)
            return
        try:
            await self._function.answer(event, relay, request_id)
        except ThrottledError:
            await relay.respond(THROTTLED)
        except FunctionError:
            await relay.fail()

    def _event(self, request: h11.Request, body: bytes, peer: str, request_id: str) -> bytes:
        headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in request.headers]
        received = HttpRequest(request.method.decode(), request.target.decode("latin-1"), headers, body, peer)
        event = event_of(received, self._domain, request_id, datetime.now(UTC))
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


class Relay:
    """The sink that turns one answer into an HTTP response, as it comes.

    Once the client is gone it takes the rest and drops it: the function never learns.
    """

    def __init__(self, connection: HttpConnection, request_id: str) -> None:
        self._connection = connection
        self._identity = ("x-amzn-requestid", request_id)
        self._kind = Kind.BUFFERED
        self._waiting = b""  # a prelude that is not complete, or a buffered answer
        self._bodiless = False
        self._started = False
        self._client_gone = False
        self._sent_bytes = 0

    async def begin(self, kind: Kind, headers: Mapping[str, str]) -> None:
        self._kind = kind
        if kind is Kind.STREAMED and headers.get("content-type") != INTEGRATION_RESPONSE:
            await self._start(HttpResponse(200, [("content-type", headers.get("content-type", ""))]))

    async def chunk(self, data: bytes) -> None:
        if self._started:
            await self._data(data)
            return
        self._waiting += data
        if self._kind is not Kind.STREAMED:
            if len(self._waiting) > MAX_EVENT_BYTES:
                await self.respond(INTERNAL_ERROR)
                raise Refusal(413, "Function.ResponseSizeTooLarge")
            return
        try:
            split = split_prelude(self._waiting)
        except AnswerError:
            await self.respond(INTERNAL_ERROR)
            raise Refusal(400, "InvalidPrelude") from None
        if split is not None:
            response, rest = split
            await self._start(response)
            await self._data(rest)

    async def end(self, trailers: Mapping[str, str]) -> None:
        if self._kind is Kind.STREAMED and self._started and not trailers:
            await self._send(h11.EndOfMessage())
        elif self._kind is Kind.BUFFERED:
            try:
                await self.respond(buffered_response(self._waiting))
            except AnswerError:
                await self.respond(INTERNAL_ERROR)
        else:
            await self.fail()

    async def lost(self) -> None:
        """Do nothing: the process is gone too, or will be."""

    async def respond(self, response: HttpResponse) -> None:
        """Answer with a whole response."""
        await self._start(response, [("content-length", str(len(response.body)))])
        await self._data(response.body)
        await self._send(h11.EndOfMessage())

    async def fail(self) -> None:
        """Answer 502, or cut the body: a client can see in no other way that a stream has failed."""
        if self._started:
            self._connection.abort()
        else:
            await self.respond(INTERNAL_ERROR)

    async def _start(self, response: HttpResponse, more: list[tuple[str, str]] | None = None) -> None:
        self._started = True
        self._bodiless = self._connection.bodiless(response.status)
        headers = [*response.headers, *(more or []), self._identity]
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await self._send(h11.Response(status_code=response.status, headers=encoded))

    async def _data(self, data: bytes) -> None:
        self._sent_bytes += len(data)
        if self._sent_bytes > MAX_STREAMED_BYTES:
            self._connection.abort()
            raise Refusal(413, "Function.ResponseSizeTooLarge")
        if data and not self._bodiless:
            await self._send(h11.Data(data=data))

    async def _send(self, event: h11.Event) -> None:
        if self._client_gone:
            return
        try:
            await self._connection.send(event)
        except ConnectionError:
            self._client_gone = True
