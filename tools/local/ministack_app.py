"""MiniStack behind a check of its callers; `tools.local.ministack` starts it in MiniStack's own environment.

MiniStack answers every origin with `access-control-allow-origin: *` and accepts its root key with any signature, so any
page in the developer's browser could read the tables and files of `make dev`.

MiniStack saves its state when it ends. Here it also does after requests, because a terminal that is closed or a process
that is killed must not cost conversations; and it ends with the process that started it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import Any

from ministack import app as server  # pyright: ignore
from ministack.core.persistence import (  # pyright: ignore[reportMissingImports]
    PERSIST_STATE,  # pyright: ignore[reportUnknownVariableType]
    save_all,  # pyright: ignore[reportUnknownVariableType]
)

from tools.local.callers import AWS_DOMAINS, refusal

PARENT = "PARENT_PID"
WATCH_SECONDS = 0.5
SAVE_SECONDS = 2.0
SLOWEST_SHARE = 0.05
"""Largest share of time for saving, which blocks other requests."""

ministack: Any = server.app  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_changed = asyncio.Event()
_tasks = set[asyncio.Task[None]]()


async def _end_with_parent() -> None:
    parent = int(os.environ.get(PARENT, "0"))
    while parent and os.getppid() == parent:  # noqa: ASYNC110 (the kernel sets no event)
        await asyncio.sleep(WATCH_SECONDS)
    if parent:
        os.kill(os.getpid(), signal.SIGTERM)


async def _save_changes() -> None:
    while True:
        await _changed.wait()
        _changed.clear()
        started = time.monotonic()
        with suppress(Exception):  # a service that cannot be saved now is saved later, or at the end
            save_all(server._build_persistence_save_dict())  # pyright: ignore
        await asyncio.sleep(max(SAVE_SECONDS, (time.monotonic() - started) / SLOWEST_SHARE))


def _begin() -> None:
    for work in (_end_with_parent, *((_save_changes,) if PERSIST_STATE else ())):
        _tasks.add(asyncio.get_running_loop().create_task(work()))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Forward accepted requests, and refuse others with 403 and without CORS headers."""
    if scope["type"] == "lifespan":
        _begin()
    if scope["type"] in ("http", "websocket"):
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope.get("method") == "OPTIONS" and scope["path"].count("/") > 1:
            # Asks for a bucket's CORS rules about an object. The request that may follow is checked.
            headers = {"host": headers.get("host", "")}
        reason = refusal(headers, scope["query_string"].decode("latin-1"), AWS_DOMAINS)
        if reason is not None:
            await _refuse(scope["type"], reason, send)
            return
    try:
        await ministack(scope, receive, send)
    finally:
        if scope["type"] == "http" and scope["method"] != "GET":
            _changed.set()  # not before: a save in the middle of the request would miss its change


async def _refuse(kind: str, reason: str, send: Any) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": reason.encode()})
