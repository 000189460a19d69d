"""The application that every subject runs: raw ASGI, so that no framework is measured.

`GET /?chunks=20000&pause_ms=0` streams that many chunks, as a chat does its tokens; each holds the time at which it was
sent (CLOCK_MONOTONIC, ns), which a reader in another process of the same machine can compare with its own. `POST /`
answers with the body it got, as one message. `GET /` is what the Web Adapter asks until the application is ready.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:  # uvicorn shall not carry Mangum about
    from mangum.types import Receive, Scope, Send

CHUNK_BYTES = 64
HEADERS = [(b"content-type", b"text/event-stream")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Stream as many chunks as the query asks for, or the body."""
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
