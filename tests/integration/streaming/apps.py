"""The ASGI application that tests run in real processes, with one path per behaviour."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress

from snapshot_restore_py import register_after_restore, register_before_snapshot

from lambda_streaming import StreamingMangum

HEADERS = [(b"content-type", b"text/plain")]
background: list[asyncio.Task] = []


async def start(send, status: int = 200, headers=HEADERS) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send, data: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def hello(scope, receive, send) -> None:
    await start(send)
    await body(send, b"hello from %d" % os.getpid())


async def echo(scope, receive, send) -> None:
    request = await receive()
    await start(send, 201, [*HEADERS, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-name", b"Zo\xeb")])
    await body(send, request["body"])


async def headers(scope, receive, send) -> None:
    await start(send)
    await body(send, b"\n".join(b"%b: %b" % (name, value) for name, value in scope["headers"]))


async def state(scope, receive, send) -> None:
    await start(send)
    await body(send, str(scope["state"]["starts"]).encode())


async def slow(scope, receive, send) -> None:
    await start(send)
    for number in range(3):
        await body(send, b"%d" % number, more=True)
        await asyncio.sleep(0.05)
    await body(send, b"")


async def large(scope, receive, send) -> None:
    await start(send)
    try:
        for _ in range(1000):
            await body(send, b"." * 65536, more=True)
            print("sent", flush=True)
    except OSError as error:
        print(f"stopped by {error!r}")
        raise
    await body(send, b"")


async def fail(scope, receive, send) -> None:
    raise ValueError("before the start")


async def fail_late(scope, receive, send) -> None:
    await start(send)
    await body(send, b"some", more=True)
    raise ValueError("after the start")


async def fail_with_surrogate(scope, receive, send) -> None:
    await start(send)
    raise ValueError("cannot read \ud83d")


async def fail_long(scope, receive, send) -> None:
    await start(send)
    raise ValueError("x" * 100_000)


async def task(scope, receive, send) -> None:
    async def go_on() -> None:
        await asyncio.sleep(0.5)
        print("the task has ended")

    background.append(asyncio.create_task(go_on()))
    await hello(scope, receive, send)


async def tail(scope, receive, send) -> None:
    """Complete the body, then work on in the application itself, in a background task, and in a thread."""
    await hello(scope, receive, send)
    background.append(asyncio.create_task(work("the created task", 0.3)))
    await work("the background task", 0.2)


async def work(name: str, seconds: float) -> None:
    print(f"{name} has started", flush=True)
    await asyncio.sleep(seconds)
    print(f"{name} has ended", flush=True)


async def endless(scope, receive, send) -> None:
    await hello(scope, receive, send)
    try:
        await work("the endless task", 3600)
    finally:
        print("the endless task was cancelled")


async def stream_endlessly(scope, receive, send) -> None:
    await start(send)
    await body(send, b"some", more=True)
    await endless_words(send)


async def endless_words(send) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        print("the partial answer is stored")


async def hang(scope, receive, send) -> None:
    await start(send)
    await body(send, b"some", more=True)
    time.sleep(60)  # noqa: ASYNC251  # blocks the loop, so only Lambda can end it


async def hang_before(scope, receive, send) -> None:
    time.sleep(60)  # noqa: ASYNC251


async def crash(scope, receive, send) -> None:
    os._exit(7)


async def crash_late(scope, receive, send) -> None:
    await start(send)
    await body(send, b"some", more=True)
    os._exit(7)


ROUTES = {f"/{route.__name__}": route for route in [
    hello, echo, headers, state, slow, large, fail, fail_late, fail_long, task,
    fail_with_surrogate, tail, endless, stream_endlessly, hang, hang_before, crash, crash_late,
]}  # fmt: skip
starts = 0


async def app(scope, receive, send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    else:
        await ROUTES[scope["path"]](scope, receive, send)


async def lifespan(scope, receive, send) -> None:
    global starts
    await receive()
    if os.environ.get("FAIL_AT_START"):
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        return
    starts += 1
    scope["state"]["starts"] = starts
    print("lifespan started")
    ticking = asyncio.create_task(asyncio.Event().wait())  # lives as long as the process
    await send({"type": "lifespan.startup.complete"})
    await receive()
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    print("lifespan stopped")
    await send({"type": "lifespan.shutdown.complete"})


register_before_snapshot(lambda: print("before the snapshot"))
register_after_restore(lambda: print("after the restore"))
handler = StreamingMangum(app)


def plain_handler(event, context):
    """Return a result as a function without HTTP does, or raise."""
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"tenant": context.tenant_id, **event}
