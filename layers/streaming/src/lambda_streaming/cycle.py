"""One HTTP exchange with an ASGI application.

    REQUEST ──http.response.start──▶ RESPONSE ──http.response.body, last──▶ COMPLETE
       └── failure: JSON 500            └── failure: the answer ends as failed      └── failure: log only

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

from lambda_streaming.errors import IncompleteResponseError, UnexpectedMessageError
from lambda_streaming.prelude import Headers

# JSON without detail: what failed is for the log, not for the client.
FAILURE_HEADERS = [(b"content-type", b"application/json")]
FAILURE_BODY = b'{"message":"Internal Server Error"}'

PATH_CHARACTERS = "/:@!$&'()*+,;=~"  # RFC 3986, 3.3

_logger = logging.getLogger(__name__)
_access_logger = logging.getLogger("mangum.http")  # Mangum's own, so that its settings apply


class Answer(Protocol):
    """Where a response goes; all but `drain` return at once."""

    def start(self, status: int, headers: Headers) -> None: ...

    def write(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def fail(self, error: BaseException) -> None: ...

    async def drain(self) -> None: ...

    @property
    def rejected(self) -> bool: ...


class State(enum.Enum):
    """How far the response is."""

    REQUEST = enum.auto()
    RESPONSE = enum.auto()
    COMPLETE = enum.auto()


class HTTPCycle:
    """Runs the application for one request; `run` returns when the application has."""

    def __init__(self, scope: Scope, body: bytes, answer: Answer) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._answer = answer
        self._state = State.REQUEST
        self._status = 0
        self._complete = asyncio.Event()
        self._bodiless = scope["method"] == "HEAD"

    async def run(self, app: ASGI, deadline: float | None) -> None:
        """Call `app`; at `deadline` (loop time, None: never) it is cancelled, which is a failure like any other."""
        try:
            async with asyncio.timeout_at(deadline):
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
        """Give the request, which Lambda delivers whole; then wait for the end of the response."""
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
        await self._answer.drain()

    def _start(self, status: int, headers: Headers) -> None:
        self._answer.start(status, headers)
        self._status = status
        self._state = State.RESPONSE
        self._bodiless = self._bodiless or status in (204, 304)  # RFC 9110, 6.4.1

    def _write(self, message: Message) -> None:
        data = message.get("body", b"")
        if data and not self._bodiless:
            self._answer.write(bytes(data))
        if not message.get("more_body", False):
            self._state = State.COMPLETE
            self._answer.end()
            self._complete.set()
            self._log_access()

    def _fail(self, error: BaseException) -> None:
        if self._answer.rejected:
            _logger.warning("the application stopped, since nobody takes its response: %r", error)
            return
        _logger.error("the application failed in state %s", self._state.name, exc_info=error)
        try:
            self._answer_failure(error)
        except OSError as rejection:
            _logger.warning("its failure could not be answered: %s", rejection)
        self._state = State.COMPLETE

    def _answer_failure(self, error: BaseException) -> None:
        if self._state is State.REQUEST:
            self._status = 500
            self._answer.start(500, FAILURE_HEADERS)
            if not self._bodiless:
                self._answer.write(FAILURE_BODY)
            self._answer.end()
            self._log_access()
        elif self._state is State.RESPONSE:
            self._answer.fail(error)

    def _log_access(self) -> None:
        if _access_logger.isEnabledFor(logging.INFO):
            # Percent-encoded: a decoded path could hold a line break, or a surrogate that no log can encode.
            method, path = (
                quote(str(self._scope[name]), PATH_CHARACTERS, errors="backslashreplace") for name in ("method", "path")
            )
            _access_logger.info("%s %s %s", method, path, self._status)
