"""A small HTTP/1.1 server: h11 over asyncio streams, with one handler for all requests.

    async with HttpServer(handle) as server:     # async def handle(connection, request): …
        server.url                               # "http://127.0.0.1:43210"

The handler receives chunks and trailers as they arrive and decides when to read on; frameworks hide both. A handler
that does not read stops its peer (back-pressure). If it returns before the end of a message, the connection closes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import h11

from tools.local.callers import refusal

READ_BYTES = 64 * 1024
MAX_HEAD_BYTES = 64 * 1024


class HttpConnection:
    """The server's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def receive(self) -> h11.Event | type[h11.PAUSED]:
        """Return the next event of the request. Raises h11.RemoteProtocolError if the peer violates HTTP."""
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            self._h11.receive_data(await self._reader.read(READ_BYTES))
        return event  # pyright: ignore[reportReturnType]

    async def request(self) -> h11.Request | None:
        """Return the next request's head, or None at the end of the connection."""
        event = await self.receive()
        return event if isinstance(event, h11.Request) else None

    async def body(self, limit_bytes: int) -> bytes | None:
        """Read the whole body and return it, or None if it is larger than `limit_bytes`."""
        body = bytearray()
        while isinstance(event := await self.receive(), h11.Data):
            if len(body) <= limit_bytes:
                body += event.data
        return bytes(body) if len(body) <= limit_bytes else None

    async def send(self, *events: h11.Event) -> None:
        """Send `events` in one write and wait until the peer has caught up."""
        self._writer.write(b"".join(self._h11.send(event) or b"" for event in events))
        await self._writer.drain()

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole response with its content length."""
        fields = [*headers, ("content-length", str(len(body)))]
        events: list[h11.Event] = [h11.Response(status_code=status, headers=fields), h11.EndOfMessage()]
        if body and self._h11.their_state is not h11.ERROR and not self.bodiless(status):
            events.insert(1, h11.Data(data=body))
        await self.send(*events)

    def bodiless(self, status: int) -> bool:
        """Return whether a response with `status` to this request has an empty body (RFC 9112, 6.3)."""
        return status in (204, 304) or self.method == b"HEAD"

    method = b""

    def next_request(self) -> bool:
        """Prepare for the next request. Return False if the connection cannot be reused."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    def peer(self) -> str:
        """Return the peer's address."""
        return str(self._writer.get_extra_info("peername")[0])

    def abort(self) -> None:
        """Cut the connection, so that the peer detects an incomplete message."""
        self._writer.transport.abort()


Handle = Callable[[HttpConnection, h11.Request], Awaitable[None]]


class HttpServer:
    """Listens on the loopback interface and calls `handle` for every request. An asynchronous context manager.

    Requests of other sites' pages get 403 (see `callers`), unless the server stands in for one (`any_caller`).
    """

    def __init__(self, handle: Handle, port: int = 0, *, any_caller: bool = False) -> None:
        self._handle = handle
        self._any_caller = any_caller
        self._port = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    @property
    def url(self) -> str:
        """The server's address without a trailing slash."""
        return f"http://{self.address}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen on the port, or on a free one if it is 0."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port, limit=READ_BYTES, ssl=tls)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = HttpConnection(reader, writer)
        try:
            while (request := await connection.request()) is not None:
                connection.method = request.method
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
                if not self._any_caller and (reason := refusal(headers)):
                    await connection.respond(403, [("content-type", "text/plain")], reason.encode())
                    break
                await self._handle(connection, request)
                if not connection.next_request():
                    break
        except (ConnectionError, h11.ProtocolError):
            writer.transport.abort()  # the peer disconnected or sent something other than HTTP
        finally:
            writer.close()
