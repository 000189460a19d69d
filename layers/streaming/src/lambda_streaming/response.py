"""A streamed response: `StreamingResponse` runs the application, `ResponseStream` sends its messages.

    response = StreamingResponse(loop, Entry.FUNCTION_URL, deadline, run)     # returned by the handler
    connection = response.post("127.0.0.1:9001", request_id, invocation_id)   # runs the application

`awslambdaric` calls the handler, marshals the result and posts it. Posting this result runs the application: its
messages leave while it runs, its tasks are awaited, and only then does the process poll again.

    stream = ResponseStream("127.0.0.1:9001", Entry.FUNCTION_URL, request_head(…))
    stream.start(200, headers); await stream.drain()
    stream.write(b"data: …"); await stream.drain()
    stream.end()
    await stream.accepted()          # raises ResponseRejectedError unless 202
    stream.close()

Each call is one `send` to the kernel, without delay (TCP_NODELAY). Bytes that the kernel does not take are kept, and
`drain` waits until they have gone; so at most one message per waiting sender is held, however long the reader stops.

Any reply before the end means that the response is no longer read (410: the invocation is stale; 413: too large).
Writing then raises at once, and a waiting writer wakes up.

asyncio's transports would do the same with 0.25 ms more to the first byte (measured: `create_connection` takes 0.32
ms, `connect` 0.05 ms, uvicorn's whole first byte 0.46 ms). The connection is the one that delivered the event, so
connecting costs nothing, and it is returned only when everything on it has been answered: idle connections do not
exist, and any failure closes the connection.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Collection

from lambda_streaming import wire
from lambda_streaming.cycle import ResponseWriter
from lambda_streaming.deadline import Deadline
from lambda_streaming.errors import ResponseRejectedError
from lambda_streaming.logs import logger_of
from lambda_streaming.wire import Entry, Headers

# Without a limit the kernel grows the buffer to megabytes for a reader that stopped.
SEND_BUFFER_BYTES = 256 * 1024
# The Runtime API is on the same machine and expects the connection; this limit only matters if it is broken.
CONNECT_SECONDS = 5
MAX_REPLY_BYTES = 64 * 1024
ACCEPTED = 202
REPLY = re.compile(rb"HTTP/1\.[01] (\d{3})\b.*?\r\n\r\n", re.DOTALL)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+) *\r\n", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close *\r\n", re.IGNORECASE)

_logger = logger_of(__name__)


class StreamingResponse:
    """A handler's result whose application has not run yet; `post` runs it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        entry: Entry,
        deadline: Deadline,
        run: Callable[[ResponseWriter], Awaitable[None]],
        excluded_headers: Collection[str] = (),
    ) -> None:
        """Take `run`, which runs the application and its tasks. `excluded_headers` are in lower case."""
        self._loop = loop
        self._entry = entry
        self._deadline = deadline
        self._run = run
        self._excluded_headers = excluded_headers

    def post(
        self, address: str, request_id: str, invocation_id: str | None, connection: socket.socket | None = None
    ) -> socket.socket | None:
        """Run the application, stream its response to the Runtime API at `address`, and return a reusable connection.

        `connection` is a free connection to that address; without it, a new one is made. None is returned if the
        connection cannot be used again. A rejected response is logged, not raised: this invocation is over for Lambda,
        and the process can take the next one.
        """
        try:
            return self._loop.run_until_complete(self._stream(address, request_id, invocation_id, connection))
        except OSError as error:
            _logger.warning("the streamed response to %s was not accepted: %s", request_id, error)
            return None

    async def _stream(
        self, address: str, request_id: str, invocation_id: str | None, connection: socket.socket | None
    ) -> socket.socket | None:
        head = wire.request_head(address, request_id, invocation_id)
        stream = ResponseStream(address, self._entry, head, connection, self._excluded_headers)
        try:
            await self._run(stream)
            async with self._deadline.limit():  # a TimeoutError is an OSError
                await stream.accepted()
            return stream.detach()
        finally:
            stream.close()


class ResponseStream:
    """The writing end of one `POST …/response`; only `drain` and `accepted` wait."""

    def __init__(
        self,
        address: str,
        entry: Entry,
        head: bytes,
        connection: socket.socket | None = None,
        excluded_headers: Collection[str] = (),
    ) -> None:
        """Take the request's `head` and a connection to the Runtime API at `address` (host:port), or make one."""
        host, _, port = address.partition(":")
        self._head = head
        self._entry = entry
        self._excluded_headers = excluded_headers
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._writable: asyncio.Future[None] | None = None
        self._reply_bytes = b""
        self._reply: asyncio.Future[int] = self._loop.create_future()
        self._socket = connection or socket.create_connection((host, int(port or 80)), CONNECT_SECONDS)
        self._detached = False
        self._socket.setblocking(False)
        # A number: asyncio's selectors call repr() on a socket when they look it up, which asks the kernel twice.
        self._descriptor = self._socket.fileno()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._loop.add_reader(self._descriptor, self._receive)

    def start(self, status: int, headers: Headers) -> None:
        """Send the request's head and the whole prelude as one write."""
        self._send(self._head + wire.chunk(wire.prelude(self._entry, status, headers, self._excluded_headers)))

    def write(self, data: bytes) -> None:
        """Send `data`, which must not be empty, as one chunk."""
        self._send(wire.chunk(data))

    def end(self) -> None:
        """Complete the body."""
        self._send(wire.END)

    def fail(self, error: BaseException) -> None:
        """End the body with trailers that name `error`."""
        self._send(wire.error_end(error))

    async def drain(self) -> None:
        """Wait until the kernel has taken everything.

        Raises ResponseRejectedError when the Runtime API no longer reads the response.
        """
        if self._writable is not None:
            await asyncio.shield(self._writable)  # shared: cancelling one sender must not cancel the others
        self._raise_if_rejected()

    async def accepted(self) -> None:
        """Wait for the Runtime API's reply to a complete body.

        Raises ResponseRejectedError unless it is 202.
        """
        status = await asyncio.shield(self._reply)
        if status != ACCEPTED:
            raise self._rejection(status)

    @property
    def rejected(self) -> bool:
        """Whether the Runtime API has stopped reading."""
        return self._reply.done()

    def detach(self) -> socket.socket | None:
        """Release the connection and return it; None if another request must not follow on it."""
        head, _, body = self._reply_bytes.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n")
        if length is None or len(body) != int(length[1]) or CLOSE.search(head + b"\r\n"):
            return None
        self._loop.remove_reader(self._descriptor)
        self._socket.setblocking(True)
        self._detached = True
        return self._socket

    def close(self) -> None:
        """Close the connection, unless `detach` released it.

        Without a reply, the bytes that the kernel still holds are discarded too, so that the peer sees a cut body.
        """
        if self._detached:
            return
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        if not self._reply.done():
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _send(self, data: bytes) -> None:
        self._raise_if_rejected()
        if not self._unsent:
            sent = self._send_some(data)
            if sent == len(data):
                return
            self._raise_if_rejected()
            data = data[sent:]
            self._writable = self._loop.create_future()
            self._loop.add_writer(self._descriptor, self._send_rest)
        self._unsent += data

    def _send_rest(self) -> None:
        del self._unsent[: self._send_some(self._unsent)]
        if not self._unsent:
            self._wake()

    def _send_some(self, data: bytes | bytearray) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._receive()  # reads the reason, if the Runtime API sent one before it closed the connection
            if not self._reply.done():
                self._closed_by_peer(str(error))
            return 0

    def _wake(self) -> None:
        self._loop.remove_writer(self._descriptor)
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def _receive(self) -> None:
        try:
            data = self._socket.recv(MAX_REPLY_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._closed_by_peer(str(error))
            return
        self._reply_bytes += data
        if reply := REPLY.match(self._reply_bytes):
            self._replied(int(reply[1]))
        elif not data or len(self._reply_bytes) > MAX_REPLY_BYTES:
            self._closed_by_peer("not an HTTP reply")

    def _replied(self, status: int) -> None:
        self._loop.remove_reader(self._descriptor)
        self._reply.set_result(status)
        self._unsent.clear()
        self._wake()

    def _closed_by_peer(self, reason: str) -> None:
        self._loop.remove_reader(self._descriptor)
        self._reply.set_exception(ResponseRejectedError(None, reason))
        self._reply.exception()  # marks it as retrieved: a writer that has finished does not await it
        self._unsent.clear()
        self._wake()

    def _raise_if_rejected(self) -> None:
        if self._reply.done():
            raise self._reply.exception() or self._rejection(self._reply.result())

    def _rejection(self, status: int) -> ResponseRejectedError:
        _, _, body = self._reply_bytes.partition(b"\r\n\r\n")
        return ResponseRejectedError(status, body[:500].decode("utf-8", "replace"))
