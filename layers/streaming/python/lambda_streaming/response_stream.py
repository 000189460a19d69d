"""One streamed answer on its way to the Runtime API: an asyncio protocol that writes and is told when to wait.

    stream = await ResponseStream.open("127.0.0.1:9001", Entry.FUNCTION_URL, request_id, invocation_id)
    stream.start(200, headers); await stream.drain()
    stream.write(b"data: …"); await stream.drain()
    stream.end()
    await stream.accepted()          # raises ResponseRejectedError unless 202
    stream.close()

Writes are synchronous and leave at once (TCP_NODELAY, no buffering of our own); what the kernel does not take is kept,
and `drain` then waits until the reader has caught up. Kept bytes are bounded by WRITE_BUFFER_BYTES plus one message.

Any reply before the end means that nobody reads any more (410: the invocation is stale; 413: too large). Writing then
raises at once, and a writer that waits is woken.

A connection serves one answer. Keeping it would save about 0.1 ms, and cost the handling of every way in which an idle
connection dies: closed by the server, left behind by a failed body, or not surviving a snapshot.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from lambda_streaming import framing
from lambda_streaming.errors import ResponseRejectedError
from lambda_streaming.prelude import Entry, Headers, prelude

WRITE_BUFFER_BYTES = 64 * 1024
# Without it the kernel grows the send buffer to megabytes for a reader that stopped.
SEND_BUFFER_BYTES = 256 * 1024
ACCEPTED = 202


class ResponseStream(asyncio.Protocol):
    """The writing end of one `POST …/response`; `open` makes one."""

    def __init__(self, head: bytes, entry: Entry) -> None:
        self._head = head
        self._entry = entry
        self._transport: asyncio.Transport | None = None
        self._reply_bytes = b""
        self._loop = asyncio.get_running_loop()
        self._reply: asyncio.Future[int] = self._loop.create_future()
        self._writable: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, address: str, entry: Entry, request_id: str, invocation_id: str | None) -> ResponseStream:
        """Connect to the Runtime API at `address` (host:port); nothing is sent before `start`."""
        host, _, port = address.partition(":")
        head = framing.request_head(address, request_id, invocation_id)
        _, stream = await asyncio.get_running_loop().create_connection(lambda: cls(head, entry), host, int(port or 80))
        return stream

    # What the application's messages become.

    def start(self, status: int, headers: Headers) -> None:
        """Send the request's head and the whole prelude as one write."""
        self._send(self._head + framing.chunk(prelude(self._entry, status, headers)))

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
        """Wait until the reader has caught up.

        Raises ResponseRejectedError when it no longer reads.
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

    def close(self) -> None:
        """Drop the connection and whatever it still holds."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, data: bytes) -> None:
        self._raise_if_rejected()
        if self._transport is None:
            raise ResponseRejectedError(None, "not connected")
        self._transport.write(data)

    def _raise_if_rejected(self) -> None:
        if self._reply.done():
            raise self._reply.exception() or self._rejection(self._reply.result())

    def _rejection(self, status: int) -> ResponseRejectedError:
        _, _, body = self._reply_bytes.partition(b"\r\n\r\n")
        return ResponseRejectedError(status, body[:500].decode("utf-8", "replace"))

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def data_received(self, data: bytes) -> None:
        self._reply_bytes += data
        if b"\r\n\r\n" in self._reply_bytes and not self._reply.done():
            self._reply.set_result(int(self._reply_bytes.split(b" ", 2)[1]))
            self.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._reply.done():
            self._reply.set_exception(ResponseRejectedError(None, str(exc or "end of file")))
            self._reply.exception()  # retrieved: without a writer nobody else will ask
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
