"""MiniStack behind a check of its callers; `tools.local.ministack` starts it in MiniStack's own environment.

MiniStack answers every origin with `access-control-allow-origin: *` and accepts its root key with any signature, so any
page in the developer's browser could read the tables and files of `make dev`.
"""

from __future__ import annotations

from typing import Any

from ministack.app import app as ministack  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

from tools.local.callers import AWS_DOMAINS, refusal


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Forward accepted requests, and refuse others with 403 and without CORS headers."""
    if scope["type"] in ("http", "websocket"):
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope.get("method") == "OPTIONS" and scope["path"].count("/") > 1:
            # Asks for a bucket's CORS rules about an object. The request that may follow is checked.
            headers = {"host": headers.get("host", "")}
        reason = refusal(headers, scope["query_string"].decode("latin-1"), AWS_DOMAINS)
        if reason is not None:
            await _refuse(scope["type"], reason, send)
            return
    await ministack(scope, receive, send)


async def _refuse(kind: str, reason: str, send: Any) -> None:
    if kind == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": reason.encode()})
