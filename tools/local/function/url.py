"""A local Function URL: converts each HTTP request to a Lambda event and streams or buffers the function's response.

    async with FunctionUrl(function, port=0) as front:
        httpx.get(front.url)

It reproduces these properties of the real one: payload format 2.0, one process per concurrent request and 429 above the
function's limit, 6 MB for the event (base64 included), 502 for a function that fails before its response starts, a cut
body for one that fails later, and client disconnects that never reach the function. It serves plain HTTP on the
loopback interface and does not verify signatures. The text of its own error bodies is a guess. Source:
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, …/configuration-response-streaming.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

import h11

from tools.local.function.errors import FunctionError, ThrottledError
from tools.local.function.payload import (
    AnswerError,
    HttpRequest,
    HttpResponse,
    buffered_response,
    event_of,
    split_prelude,
)
from tools.local.function.process import LocalFunction
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


class FunctionUrl(HttpServer):
    """The HTTP server in front of one function; stopping it also stops the function's processes."""

    def __init__(self, function: LocalFunction, port: int = 0, url_id: str = "localfunctionurl") -> None:
        super().__init__(self._forward, port)
        self._function = function
        self._domain = f"{url_id}.lambda-url.{function.region}.on.aws"

    async def stop(self) -> None:
        await super().stop()
        await self._function.stop_processes()

    async def _forward(self, connection: HttpConnection, request: h11.Request) -> None:
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
        except FunctionError as error:
            await relay.fail(str(error) if "SHOW_ERRORS" in self._function.environment else "")

    def _event(self, request: h11.Request, body: bytes, peer: str, request_id: str) -> bytes:
        headers = [(name.decode().lower(), value.decode("latin-1")) for name, value in request.headers]
        received = HttpRequest(request.method.decode(), request.target.decode("latin-1"), headers, body, peer)
        event = event_of(received, self._domain, request_id, datetime.now(UTC))
        return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


class Relay:
    """The sink that converts one answer into an HTTP response as it arrives.

    After the client's disconnect it discards the rest, as Lambda does, and the function continues.
    """

    def __init__(self, connection: HttpConnection, request_id: str) -> None:
        self._connection = connection
        self._identity = ("x-amzn-requestid", request_id)
        self._kind = Kind.BUFFERED
        self._waiting = b""  # an incomplete prelude or a buffered answer
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
        """Do nothing: `LocalFunction.answer` raises FunctionError when the process ends."""

    async def respond(self, response: HttpResponse) -> None:
        """Send a whole response."""
        await self._start(response, [("content-length", str(len(response.body)))])
        await self._data(response.body)
        await self._send(h11.EndOfMessage())

    async def fail(self, reason: str = "") -> None:
        """Send 502, or cut a body that has started: the only way to show the client that a stream failed.

        `reason` is for a developer's machine; AWS tells clients nothing.
        """
        if self._started:
            self._connection.abort()
        elif reason:
            body = {"Message": "Internal Server Error", "message": f"Internal Server Error: {reason}"}
            await self.respond(HttpResponse(502, JSON_HEADERS, json.dumps(body).encode()))
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
