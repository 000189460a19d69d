"""A user's connection whose every byte is searched for the marks of other users, at any pace.

client = watched_client(url, token, mark, on_strangers)
client = watched_client(url, token, mark, on_strangers, receive_bytes=4096)     # takes little at a time
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable

import httpx

from tools.client.chatkit import ChatKitClient
from tools.soak.marks import LONGEST_MARK, strangers

OnStrangers = Callable[[set[str], str], None]
"""Called with the strangers' marks and the request in which they came."""


class WatchedStream(httpx.AsyncByteStream):
    """A response's body; marks are found across chunks too."""

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
    """HTTP whose responses are searched."""

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
