"""What a route gets out of an HTTP request: the verified context, the body, a file."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile

from chat_api.context import RequestContext
from chat_api.errors import InvalidRequestError, TooLargeError
from chat_api.identity import TokenVerifier, check_authorizer, token_of
from chat_api.logs import log_keys

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Lambda takes 6 MB, base64 included, which leaves 4.5 MB."""
WITHOUT_LAMBDA = timedelta(minutes=15)
TURN_ID = re.compile(r"[\w-]{8,64}", re.ASCII)


async def context_of(request: Request, verifier: TokenVerifier) -> RequestContext:
    """Return who asks, and until when. Raises IdentityError, VerifierUnavailableError or InvalidRequestError."""
    identity = await verifier.verify(token_of(request.scope["headers"]))
    check_authorizer(request.scope.get("aws.event", {}), identity)
    turn_id = checked_turn_id(request.headers.get("x-turn-id") or f"turn_{uuid.uuid4().hex}")
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


def checked_turn_id(turn_id: str) -> str:
    """Return a turn's id. Raises InvalidRequestError for what cannot be one."""
    if not TURN_ID.fullmatch(turn_id):
        raise InvalidRequestError("x-turn-id: 8 to 64 letters, digits, hyphens or underscores")
    return turn_id


def _remaining(scope: Mapping[str, Any]) -> timedelta:
    lambda_context = scope.get("aws.context")
    if lambda_context is None:
        return WITHOUT_LAMBDA
    return timedelta(milliseconds=lambda_context.get_remaining_time_in_millis())


@asynccontextmanager
async def one_file(request: Request) -> AsyncGenerator[UploadFile]:
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


async def body_of(request: Request) -> bytes:
    """Return the request's body. Raises TooLargeError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(f"the request is over {MAX_BODY_BYTES} bytes; upload files as attachments")
    return bytes(body)
