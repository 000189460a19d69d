"""A user's connection that searches every received byte for the marks of other users.

client = watched_client(url, token, mark, on_strangers)
client = watched_client(url, token, mark, on_strangers, receive_bytes=4096)     # a small receive buffer
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable

import httpx

from tools.client.chatkit import ChatKitClient
from tools.soak.marks import LONGEST_MARK, strangers

OnStrangers = Callable[[set[str], str], None]
"""Called with the foreign marks and the request whose response contained them."""


class WatchedStream(httpx.AsyncByteStream):
    """A response's body; marks are also found across chunk borders."""

    def __init__(self, body: httpx.AsyncByteStream, mark: str, found: Callable[[set[str]], None]) -> None:
        self._body, self._mark, self._found = body, mark, found

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in self._body:
            rest += chunk
            if marks := strangers(rest, self._mark):
                self._found(marks)
            rest = rest[-LONGEST_MARK + 1 :]
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


class WatchedTransport(httpx.AsyncHTTPTransport):
    """HTTP transport that searches all responses."""

    def __init__(self, mark: str, on_strangers: OnStrangers, receive_bytes: int | None) -> None:
        options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)] if receive_bytes else None
        super().__init__(socket_options=options)
        self._mark, self._on_strangers = mark, on_strangers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        where = f"{request.method} {request.url.path}"
        response.stream = WatchedStream(response.stream, self._mark, lambda marks: self._on_strangers(marks, where))
        return response


def watched_client(
    url: str, token: str, mark: str, on_strangers: OnStrangers, receive_bytes: int | None = None
) -> ChatKitClient:
    """Return a client of one user; the caller closes it."""
    return ChatKitClient(url, token, WatchedTransport(mark, on_strangers, receive_bytes))
