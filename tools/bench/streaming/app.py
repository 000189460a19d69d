"""The application that every subject runs: raw ASGI, so that no framework affects the figures.

`GET /?chunks=20000&pause_ms=0` streams that many chunks, like the tokens of a chat. Each chunk contains its send time
(CLOCK_MONOTONIC, ns), which readers in other processes of the machine can compare with their own clock. `POST /`
returns the request's body as one message. The Web Adapter requests `GET /` until the application is ready.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:  # keeps Mangum out of the uvicorn process
    from mangum.types import Receive, Scope, Send

CHUNK_BYTES = 64
HEADERS = [(b"content-type", b"text/event-stream")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Stream the requested number of chunks, or return the body."""
    if scope["method"] == "POST":
        body = await read(receive)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": body, "more_body": False})
        return
    query = parse_qs(scope["query_string"].decode())
    chunks, pause_seconds = int(query.get("chunks", ["1"])[0]), float(query.get("pause_ms", ["0"])[0]) / 1000
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    for _ in range(chunks):
        data = b"%d" % time.monotonic_ns()
        await send({"type": "http.response.body", "body": data.ljust(CHUNK_BYTES, b"."), "more_body": True})
        if pause_seconds:
            await asyncio.sleep(pause_seconds)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def read(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)
