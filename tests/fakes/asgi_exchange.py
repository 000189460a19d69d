"""One request to an ASGI app whose response the test reads piece by piece, like the streaming layer.

exchange = Exchange(app, create_thread("hello"), {"x-auth-token": token})
event = await exchange.event()              # the next event; None at the end
exchange.hold()                             # the reader stops: `send` waits
exchange.refuse()                           # the reader has left: `send` raises OSError
await exchange.rest()
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]
LIMIT_SECONDS = 10


@dataclass
class LambdaContext:
    """The part of Lambda's context that the app reads."""

    milliseconds: int
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


class Exchange:
    """Runs the app in a task of its own, started by the constructor."""

    def __init__(
        self,
        app: Any,
        request: Event,
        headers: Mapping[str, str],
        path: str = "/chatkit",
        context: LambdaContext | None = None,
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self._request: bytes | None = json.dumps(request).encode()
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._refusing = False
        self._taking = asyncio.Event()
        self._taking.set()
        self.waiting = asyncio.Event()
        """Set while `send` waits for the held reader."""
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "https",
            "server": ("test", 443),
            "client": ("127.0.0.1", 1),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            **({"aws.context": context} if context else {}),
        }
        self.task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: Any, scope: Any) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._arrived.put_nowait(None)

    async def _receive(self) -> Event:
        body, self._request = self._request, None
        if body is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Event) -> None:
        if not self._taking.is_set():
            self.waiting.set()
            await self._taking.wait()
            self.waiting.clear()
        if self._refusing:
            raise OSError("the reader has left")
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["body"]:
            self._arrived.put_nowait(message["body"])

    def hold(self) -> None:
        """Stop reading."""
        self._taking.clear()

    def refuse(self) -> None:
        """Leave: everything that is sent from now on is refused."""
        self._refusing = True
        self.take()

    def take(self) -> None:
        """Resume reading."""
        self._taking.set()

    async def chunk(self) -> bytes | None:
        """Return the next piece of the body; None at its end."""
        async with asyncio.timeout(LIMIT_SECONDS):
            chunk = await self._arrived.get()
        if chunk is not None:
            self.chunks.append(chunk)
        return chunk

    async def event(self, kind: str | None = None) -> Event | None:
        """Return the next event, or the next of a kind; None at the end."""
        while (chunk := await self.chunk()) is not None:
            if chunk.startswith(b"data: "):
                event: Event = json.loads(chunk.removeprefix(b"data: "))
                if kind in (None, event["type"]):
                    return event
        return None

    async def rest(self) -> list[Event]:
        """Return all further events, when the app has ended."""
        events: list[Event] = []
        while (event := await self.event()) is not None:
            events.append(event)
        async with asyncio.timeout(LIMIT_SECONDS):
            await asyncio.wait({self.task})
        return events

    async def body(self) -> Any:
        """Return the whole body as JSON."""
        while await self.chunk() is not None:
            pass
        return json.loads(b"".join(self.chunks))
