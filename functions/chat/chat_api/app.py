"""HTTP: the routes, and which refusal is which status.

app = create_app(server, verifier)      # an ASGI app; it knows nothing of Lambda

GET  /chatkit   {"status": "ok"}
POST /chatkit   one request of the ChatKit protocol; answers JSON or an event stream
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse

from attachments_s3 import Policy
from attachments_s3.errors import RefusedError as RefusedFileError
from attachments_s3.errors import StorageError
from chat_api.context import RequestContext
from chat_api.errors import ConflictError, InvalidRequestError, NotFoundRequestError, TooLargeError
from chat_api.identity import IdentityError, TokenVerifier, VerifierUnavailableError, check_authorizer, token_of
from chat_api.logs import log_keys
from chat_api.request_log import RequestLog
from chat_api.server import AssistantServer
from store_dynamo.errors import InvalidIdError, StoreUnavailableError

logger = logging.getLogger("chat_api.app")

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Lambda takes 6 MB, base64 included, which leaves 4.5 MB."""

WITHOUT_LAMBDA = timedelta(minutes=15)
TURN_ID = re.compile(r"[\w-]{8,64}", re.ASCII)
CHATKIT_HEADERS = ("chatkit-frame-instance-id", "chatkit-session-id", "chatkit-user-id")
OUR_HEADERS = ("authorization", "content-type", "x-amz-content-sha256", "x-auth-token", "x-turn-id")

STATUS: dict[type[Exception], int] = {
    InvalidRequestError: 400,
    IdentityError: 401,
    NotFoundRequestError: 404,
    NotFoundError: 404,
    ConflictError: 409,
    TooLargeError: 413,
    RefusedFileError: 422,
    InvalidIdError: 400,
    StorageError: 503,
    StoreUnavailableError: 503,
    VerifierUnavailableError: 503,
}
UNAVAILABLE = "a service that is needed for this does not answer now; try again in a moment"

Hook = Callable[[], Awaitable[None]]


def create_app(
    server: AssistantServer,
    verifier: TokenVerifier,
    policy: Policy,
    allowed_origins: Sequence[str] = (),
    on_start: Sequence[Hook] = (),
    on_stop: Sequence[Hook] = (),
) -> FastAPI:
    """Return the ASGI app; `on_start` and `on_stop` run once per process, as ASGI lifespan."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        for hook in on_start:
            await hook()
        yield
        for hook in on_stop:
            await hook()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/chatkit")
    async def health() -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"status": "ok"}

    @app.post("/chatkit")
    async def chatkit(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        context = await _context(request, verifier)
        result = await server.process(await _body(request), context)
        headers = {"x-turn-id": context.turn_id, "cache-control": "no-store"}
        if isinstance(result, StreamingResult):
            return StreamingResponse(result, media_type="text/event-stream", headers=headers)
        return Response(result.json, media_type="application/json", headers=headers)

    @app.get("/chatkit/attachments")
    async def attachment_policy() -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return policy.public()

    @app.post("/chatkit/attachments")
    async def upload(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        context = await _context(request, verifier)
        async with _one_file(request) as file:
            attachment = await server.upload(file.filename or "", file.content_type or "", await file.read(), context)
        return Response(attachment, media_type="application/json", headers={"cache-control": "no-store"})

    for error in (*STATUS, HTTPException):
        app.add_exception_handler(error, _refuse)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=[*OUR_HEADERS, *CHATKIT_HEADERS],
            expose_headers=["x-request-id", "x-turn-id"],
            max_age=7200,
        )
    app.add_middleware(RequestLog)
    return app


async def _context(request: Request, verifier: TokenVerifier) -> RequestContext:
    identity = await verifier.verify(token_of(request.scope["headers"]))
    check_authorizer(request.scope.get("aws.event", {}), identity)
    turn_id = request.headers.get("x-turn-id") or f"turn_{uuid.uuid4().hex}"
    if not TURN_ID.fullmatch(turn_id):
        raise InvalidRequestError("x-turn-id: 8 to 64 letters, digits, hyphens or underscores")
    log_keys(request_id=request.state.request_id, user_id=identity.user_id, turn_id=turn_id)
    return RequestContext(
        user_id=identity.user_id,
        username=identity.username,
        groups=identity.groups,
        locale=request.headers.get("accept-language", "en").split(",")[0].split(";")[0].strip() or "en",
        request_id=request.state.request_id,
        turn_id=turn_id,
        deadline=datetime.now(UTC) + _remaining(request.scope),
    )


def _remaining(scope: Mapping[str, Any]) -> timedelta:
    lambda_context = scope.get("aws.context")
    if lambda_context is None:
        return WITHOUT_LAMBDA
    return timedelta(milliseconds=lambda_context.get_remaining_time_in_millis())


@asynccontextmanager
async def _one_file(request: Request) -> AsyncGenerator[UploadFile]:
    """Yield the form's one file and close it; the whole form is bounded by what Lambda lets through."""
    async with request.form(max_files=1, max_fields=0) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequestError("POST multipart/form-data with one field `file`")
        if (file.size or 0) > MAX_BODY_BYTES:
            raise TooLargeError(
                f"a direct upload takes {MAX_BODY_BYTES} bytes: use the two-phase upload (attachments.create), "
                "which has no such limit"
            )
        yield file


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(f"the request is over {MAX_BODY_BYTES} bytes; upload files as attachments")
    return bytes(body)


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer a refusal: its status, a message for the client, and the request id to quote."""
    if isinstance(error, HTTPException):
        status, message, headers = error.status_code, str(error.detail), dict(error.headers or {})
    else:
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        message, headers = str(error), {}
    if status == 401:
        headers["www-authenticate"] = 'Bearer error="invalid_token"'
    if status == 503:
        logger.error("a service that this request needs is not available", exc_info=error)
        message, headers["retry-after"] = UNAVAILABLE, "1"
    logger.info("request refused", extra={"kind": type(error).__name__, "status": status})
    return JSONResponse({"message": message, "request_id": request.state.request_id}, status, headers)
