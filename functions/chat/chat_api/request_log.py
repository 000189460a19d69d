"""Pure ASGI middleware: a request id, one log line per request, and a last resort for what nobody caught.

Nothing may decorate the Lambda handler, because it returns before the app has run; and Starlette's BaseHTTPMiddleware
would buffer the stream. So this wraps the app itself.
"""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat_api.logs import log_keys

logger = logging.getLogger("chat_api.requests")

UNEXPECTED = "something went wrong here; try again, and name the request id if it stays"


class RequestLog:
    """Sets `scope["state"]["request_id"]`, and answers an exception that got this far as a JSON 500 without detail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        log_keys(request_id=request_id)
        started, status = time.perf_counter(), 0
        answered = started

        async def send_with_id(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)
            answered = time.perf_counter()

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            logger.exception("unexpected failure")
            if status:
                raise  # the answer has begun: the runtime ends it with error trailers
            body = {"message": UNEXPECTED, "request_id": request_id}
            await JSONResponse(body, status_code=500)(scope, receive, send_with_id)
        finally:
            # what is loaded behind the answer is no part of it
            fields = {"method": scope["method"], "path": scope["path"], "status": status}
            logger.info("request", extra={**fields, "milliseconds": round((answered - started) * 1000, 1)})


def _request_id(scope: Scope) -> str:
    lambda_context: Any = scope.get("aws.context")
    return str(lambda_context.aws_request_id) if lambda_context is not None else uuid.uuid4().hex
