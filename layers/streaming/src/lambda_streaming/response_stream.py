"""One streamed answer on its way to the Runtime API: a socket that is written to at once, and says when to wait.

    stream = ResponseStream("127.0.0.1:9001", Entry.FUNCTION_URL, request_id, invocation_id)
    stream.start(200, headers); await stream.drain()
    stream.write(b"data: …"); await stream.drain()
    stream.end()
    await stream.accepted()          # raises ResponseRejectedError unless 202
    stream.close()

Each call is one `send` to the kernel, without delay (TCP_NODELAY). What the kernel does not take is kept, and `drain`
waits until it has gone; so no more than one message per waiting sender is ever held, however long the reader stops.

Any reply before the end means that nobody reads any more (410: the invocation is stale; 413: too large). Writing then
raises at once, and a writer that waits is woken.

asyncio's transports would do the same with 0.25 ms more to the first byte (measured: `create_connection` takes 0.32 ms,
`connect` 0.05 ms, uvicorn's whole first byte 0.46 ms). The connection is the one that the event came over, so nothing
has to be connected, and it is given back only when everything on it has been answered: no connection is ever kept idle,
and whatever failed closes it.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Collection

from lambda_streaming import framing
from lambda_streaming.errors import ResponseRejectedError
from lambda_streaming.prelude import Entry, Headers, prelude

# Without a limit the kernel grows the buffer to megabytes for a reader that stopped.
SEND_BUFFER_BYTES = 256 * 1024
# The Runtime API is in the same machine and waits for us; this only ends a wait for one that is broken.
CONNECT_SECONDS = 5
MAX_REPLY_BYTES = 64 * 1024
ACCEPTED = 202
REPLY = re.compile(rb"HTTP/1\.[01] (\d{3})\b.*?\r\n\r\n", re.DOTALL)
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+) *\r\n", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close *\r\n", re.IGNORECASE)


class ResponseStream:
    """The writing end of one `POST …/response`; all but `drain` and `accepted` return at once."""

    def __init__(
        self,
        address: str,
        entry: Entry,
        request_id: str,
        invocation_id: str | None,
        connection: socket.socket | None = None,
        excluded_headers: Collection[str] = (),
    ) -> None:
        """Take a connection to the Runtime API at `address` (host:port), or make one; `start` sends first."""
        host, _, port = address.partition(":")
        self._head = framing.request_head(address, request_id, invocation_id)
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
        # asyncio's selectors write a socket out (repr: two calls to the kernel) when they look for it; not so a number
        self._descriptor = self._socket.fileno()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._loop.add_reader(self._descriptor, self._receive)

    def start(self, status: int, headers: Headers) -> None:
        """Send the request's head and the whole prelude as one write."""
        self._send(self._head + framing.chunk(prelude(self._entry, status, headers, self._excluded_headers)))

    def write(self, data: bytes) -> None:
        """Send `data`, which must not be empty, as one chunk."""
        self._send(framing.chunk(data))

    def end(self) -> None:
        """Complete the body."""
        self._send(framing.END)

    def fail(self, error: BaseException) -> None:
        """End the body with trailers that name `error`."""
        self._send(framing.error_end(error))

    async def drain(self) -> None:
        """Wait until the kernel has taken everything.

        Raises ResponseRejectedError when nobody reads it any more.
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
        """Whether the Runtime API has stopped listening."""
        return self._reply.done()

    def detach(self) -> socket.socket | None:
        """Give up the connection and return it, if another request may follow on it."""
        head, _, body = self._reply_bytes.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n")
        if length is None or len(body) != int(length[1]) or CLOSE.search(head + b"\r\n"):
            return None
        self._loop.remove_reader(self._descriptor)
        self._socket.setblocking(True)
        self._detached = True
        return self._socket

    def close(self) -> None:
        """Drop the connection, unless it was given up.

        Without a reply it drops also what the kernel still holds, so that the body is seen to be cut.
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
            self._receive()  # the reason, if the Runtime API gave one before it hung up
            if not self._reply.done():
                self._hung_up(str(error))
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
            self._hung_up(str(error))
            return
        self._reply_bytes += data
        if reply := REPLY.match(self._reply_bytes):
            self._replied(int(reply[1]))
        elif not data or len(self._reply_bytes) > MAX_REPLY_BYTES:
            self._hung_up("no HTTP reply")

    def _replied(self, status: int) -> None:
        self._loop.remove_reader(self._descriptor)
        self._reply.set_result(status)
        self._unsent.clear()
        self._wake()

    def _hung_up(self, reason: str) -> None:
        self._loop.remove_reader(self._descriptor)
        self._reply.set_exception(ResponseRejectedError(None, reason))
        self._reply.exception()  # retrieved: a writer that has finished will not ask
        self._unsent.clear()
        self._wake()

    def _raise_if_rejected(self) -> None:
        if self._reply.done():
            raise self._reply.exception() or self._rejection(self._reply.result())

    def _rejection(self, status: int) -> ResponseRejectedError:
        _, _, body = self._reply_bytes.partition(b"\r\n\r\n")
        return ResponseRejectedError(status, body[:500].decode("utf-8", "replace"))
