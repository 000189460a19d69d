"""Maps exceptions to HTTP responses and to events of a stream. The only module that knows status codes.

for error in HANDLED:
    app.add_exception_handler(error, error_response)
"""

from __future__ import annotations

import json
import logging
from typing import Any

from chatkit.errors import CustomStreamError
from chatkit.store import NotFoundError
from chatkit.types import ErrorEvent
from fastapi import Request
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from attachments_s3.errors import ClaimedError, RepeatedFileError, ScanError, StorageError, UnknownFileError
from attachments_s3.errors import InvalidIdError as InvalidFileIdError
from attachments_s3.errors import RefusedError as RefusedFileError
from chat_api.errors import (
    BusyThreadError,
    ConflictError,
    InvalidRequestError,
    ModeratedError,
    NotFoundRequestError,
    RepeatedTurnError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
)
from chat_api.identity import IdentityError, MissingGroupError, SessionEndedError, VerifierUnavailableError
from function_setup import texts
from languages import ENGLISH, language_of, preferred, say, translate
from store_dynamo.errors import InvalidIdError, StoreUnavailableError

logger = logging.getLogger("chat_api.error_responses")

STATUS: dict[type[Exception], int] = {
    InvalidRequestError: 400,
    InvalidIdError: 400,
    InvalidFileIdError: 400,
    RepeatedFileError: 400,
    IdentityError: 401,
    MissingGroupError: 403,
    NotFoundRequestError: 404,
    NotFoundError: 404,
    UnknownFileError: 404,
    ConflictError: 409,
    ClaimedError: 409,
    TooLargeError: 413,
    ModeratedError: 422,
    RefusedFileError: 422,
    TooManyRequestsError: 429,
    CustomStreamError: 502,
    ScanError: 503,
    StorageError: 503,
    StoreUnavailableError: 503,
    UnavailableError: 503,
    VerifierUnavailableError: 503,
}
"""CustomStreamError is an assistant's error in a request without a stream; its message is for the user."""
MAX_HEADER_CHARS = 1_000
BUSY_SECONDS = "2"
"""The wait that a client is told when another turn runs in the thread; it may follow that turn meanwhile."""
HANDLED = (*STATUS, HTTPException)
ROUTING_MESSAGES = {
    404: "not found; the ChatKit protocol is at POST /chatkit",
    405: "method not allowed; the header `allow` lists the allowed methods",
}
ERROR_EVENT = b'data: {"type":"error"'
UNAVAILABLE = say("a required service does not respond; try again in a moment")
GONE = say("this conversation, message or file does not exist (any more): reload the page")


async def error_response(request: Request, error: Exception) -> Response:
    """Return the status, a message for the client, and the request id to report."""
    language = preferred(request.headers.get("accept-language", "")[:MAX_HEADER_CHARS])
    body: dict[str, Any] = {"message": translate(error, language), "request_id": request.state.request_id}
    headers = {"cache-control": "no-store"}
    status = _status(error)
    match error:
        case HTTPException():
            body["message"] = ROUTING_MESSAGES.get(status) or str(error.detail)
            if status == 405:
                headers["allow"] = ", ".join(sorted(_methods(request)))
        case CustomStreamError():
            body["message"] = translate(error.message, language)
        case NotFoundError() if language_of(language) != ENGLISH:  # ChatKit's own names an id
            body["message"] = translate(GONE, language)
        case RefusedFileError(attachment_id=str(attachment_id)):
            body["attachment_id"] = attachment_id
        case SessionEndedError():
            body["reason"] = error.reason
        case RepeatedTurnError():
            body |= {"thread_id": error.thread_id} | ({"resend": True} if error.resend else {})
        case BusyThreadError():
            body |= {"thread_id": error.thread_id, "turn_id": error.turn_id}
            headers["retry-after"] = BUSY_SECONDS
        case TooManyRequestsError():
            headers["retry-after"] = str(error.retry_after_seconds)
        case _:
            pass
    if status == 401:
        headers["www-authenticate"] = 'Bearer error="invalid_token"'
    if status == 503:
        logger.error("a required service is not available", exc_info=error)
        body["message"], headers["retry-after"] = translate(UNAVAILABLE, language), "1"
    logger.info("request refused", extra={"kind": type(error).__name__, "status": status})
    return JSONResponse(body, status, headers)


def _status(error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _methods(request: Request) -> set[str]:
    """Return the methods of all routes with the request's path; Starlette's own 405 lists those of one route only."""
    routes = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in routes for method in route.methods}


def error_event(event: ErrorEvent) -> bytes:
    """Return an event of a stream that ChatKit does not write itself."""
    return b"data: " + event.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n\n"


def reported(event: bytes, request_id: str, cause: BaseException | None = None) -> bytes:
    """Return an event of a stream; an error gets the request id, and the text of `cause`, which can quote users."""
    if not event.startswith(ERROR_EVENT):
        return event
    fields: dict[str, Any] = {**from_json(event.removeprefix(b"data: ")), "request_id": request_id}
    if cause is not None:
        fields |= {"code": "custom", "message": "\n".join(filter(None, (fields.get("message"), texts(cause))))}
    return f"data: {json.dumps(fields, separators=(',', ':'))}\n\n".encode()  # ASCII: a text may have lone surrogates
