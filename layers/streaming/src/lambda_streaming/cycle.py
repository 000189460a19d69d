"""One HTTP exchange with an ASGI application.

    await HTTPCycle(scope, body, writer).run(app, deadline)

    REQUEST ──http.response.start──▶ RESPONSE ──http.response.body, last──▶ COMPLETE
       └── failure: JSON 500            └── failure: the response ends as failed    └── failure: log only

A client's disconnect never reaches a Lambda function, so `http.disconnect` means only that the response is complete.
Source: https://asgi.readthedocs.io/en/latest/specs/www.html (2.4: `send` raises OSError once the peer is gone)
"""

from __future__ import annotations

import asyncio
import enum
import logging
from typing import Protocol
from urllib.parse import quote

from mangum.types import ASGI, Message, Scope

from lambda_streaming.deadline import Deadline
from lambda_streaming.errors import IncompleteResponseError, UnexpectedMessageError
from lambda_streaming.logs import logger_of
from lambda_streaming.wire import Headers

# JSON without detail: the cause belongs in the log, not in the client's response.
FAILURE_HEADERS = [(b"content-type", b"application/json")]
FAILURE_BODY = b'{"message":"Internal Server Error"}'
PATH_CHARACTERS = "/:@!$&'()*+,;=~"  # besides letters and digits: RFC 3986, 3.3

_logger = logger_of(__name__)
_access_logger = logger_of("mangum.http")  # Mangum's own, so that an application's logging settings apply


class ResponseWriter(Protocol):
    """The destination of a response; only `drain` waits."""

    def start(self, status: int, headers: Headers) -> None: ...

    def write(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: BaseException) -> None: ...

    async def drain(self) -> None: ...

    @property
    def rejected(self) -> bool: ...


class State(enum.Enum):
    """The progress of the response."""

    REQUEST = enum.auto()
    RESPONSE = enum.auto()
    COMPLETE = enum.auto()


class HTTPCycle:
    """Runs the application for one request; `run` returns when the application has."""

    def __init__(self, scope: Scope, body: bytes, writer: ResponseWriter) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._writer = writer
        self._state = State.REQUEST
        self._status = 0
        self._complete = asyncio.Event()
        self._bodiless = scope["method"] == "HEAD"

    async def run(self, app: ASGI, deadline: Deadline) -> None:
        """Call `app`; at `deadline` it is cancelled, which is a failure like any other."""
        try:
            async with deadline.limit():
                await app(self._scope, self.receive, self.send)
            if self._state is not State.COMPLETE:
                raise IncompleteResponseError(self._state.name)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._fail(error)
        finally:
            self._complete.set()

    async def receive(self) -> Message:
        """Return the request, which Lambda delivers whole; afterwards wait for the end of the response."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass one message on at once, then wait until the reader has caught up."""
        match self._state, message["type"]:
            case State.REQUEST, "http.response.start":
                self._start(message["status"], message.get("headers", ()))
            case State.RESPONSE, "http.response.body":
                self._write(message)
            case state, kind:
                raise UnexpectedMessageError(kind, state.name)
        await self._writer.drain()

    def _start(self, status: int, headers: Headers) -> None:
        self._writer.start(status, headers)
        self._status = status
        self._state = State.RESPONSE
        self._bodiless = self._bodiless or status in (204, 304)  # RFC 9110, 6.4.1

    def _write(self, message: Message) -> None:
        data = message.get("body", b"")
        if data and not self._bodiless:
            self._writer.write(bytes(data))
        if not message.get("more_body", False):
            self._state = State.COMPLETE
            self._writer.end()
            self._complete.set()
            self._log_access()

    def _fail(self, error: BaseException) -> None:
        if self._writer.rejected:
            _logger.warning("the application stopped, since its response is no longer read: %r", error)
            return
        failed_in, self._state = self._state, State.COMPLETE
        try:
            self._send_failure(error, failed_in)  # before the log, which may block or fail
        except OSError as rejection:
            _logger.warning("the failure could not be reported to the client: %s", rejection)
        _logger.error("the application failed in state %s", failed_in.name, exc_info=error)

    def _send_failure(self, error: BaseException, state: State) -> None:
        if state is State.REQUEST:
            self._status = 500
            self._writer.start(self._status, FAILURE_HEADERS)
            if not self._bodiless:
                self._writer.write(FAILURE_BODY)
            self._writer.end()
            self._log_access()
        elif state is State.RESPONSE:
            self._writer.fail(error)

    def _log_access(self) -> None:
        if _access_logger.isEnabledFor(logging.INFO):
            # Percent-encoded: a decoded path could contain a line break, or a surrogate that no log can encode.
            method, path = (
                quote(str(self._scope[name]), PATH_CHARACTERS, errors="backslashreplace") for name in ("method", "path")
            )
            _access_logger.info("%s %s %s", method, path, self._status)
