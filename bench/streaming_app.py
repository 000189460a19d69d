"""The application that `bench.streaming` runs under each server: raw ASGI, so that no framework is measured.

`/?chunks=20000&pause_ms=0` sends that many chunks, each holding the time at which it was sent (CLOCK_MONOTONIC, ns),
which a reader in another process of the same machine can compare with its own.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import parse_qs

from mangum import Mangum
from mangum.types import Receive, Scope, Send

from lambda_streaming import StreamingMangum

CHUNK_BYTES = 64
HEADERS = [(b"content-type", b"text/event-stream")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Send as many chunks as the query asks for."""
    query = parse_qs(scope["query_string"].decode())
    chunks, pause_seconds = int(query["chunks"][0]), float(query["pause_ms"][0]) / 1000
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    for _ in range(chunks):
        data = b"%d" % time.monotonic_ns()
        await send({"type": "http.response.body", "body": data.ljust(CHUNK_BYTES, b"."), "more_body": True})
        if pause_seconds:
            await asyncio.sleep(pause_seconds)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


streaming_handler = StreamingMangum(app, lifespan="off")
buffered_handler = Mangum(app, lifespan="off")
