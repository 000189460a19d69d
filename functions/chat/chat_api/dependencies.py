"""FastAPI dependencies and request readers: the current user, the body, an uploaded file.

@app.get("/chatkit/overview")
async def overview(context: User) -> Response: …
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Request
from pydantic_core import from_json
from starlette.datastructures import UploadFile

from chat_api.bounds import check_value
from chat_api.context import RequestContext
from chat_api.errors import InvalidRequestError, TooLargeError
from chat_api.identity import TokenVerifier, check_authorizer, token_of
from chat_api.limits import CHARGES, FOLLOW
from function_setup import log_keys
from languages import preferred, say

if TYPE_CHECKING:
    from chat_api.server import AssistantServer

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Lambda accepts 6 MB including base64, that is 4.5 MB of data."""
PROTOCOL = "POST /chatkit"
EVENTS = "GET /chatkit/turns/{turn_id}/events"
TIMEOUT_WITHOUT_LAMBDA = timedelta(minutes=15)
TURN_ID = re.compile(r"[\w-]{8,64}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,9}")
TRUSTED_HOPS = 2
"""CloudFront appends the viewer's address; the entry behind it may append CloudFront's."""
ADDRESS = re.compile(r"[0-9A-Fa-f.:]{2,45}")


async def current_user(request: Request) -> RequestContext:
    """Authenticate the caller and return the request's context.

    Raises IdentityError, MissingGroupError, VerifierUnavailableError, InvalidRequestError for a bad `x-turn-id`, or
    TooLargeError for a long `accept-language` or `x-forwarded-for`.
    """
    verifier: TokenVerifier = request.app.state.verifier
    identity = await verifier.verify(token_of(request.scope["headers"]))
    check_authorizer(request.scope.get("aws.event", {}), identity)
    turn_id = checked_turn_id(request.headers.get("x-turn-id") or f"turn_{uuid.uuid4().hex}")
    log_keys(request_id=request.state.request_id, user_id=identity.user_id, turn_id=turn_id)
    return RequestContext(
        user_id=identity.user_id,
        username=identity.username,
        groups=identity.groups,
        locale=_locale(request),
        request_id=request.state.request_id,
        turn_id=turn_id,
        deadline=datetime.now(UTC) + _remaining_time(request.scope),
        signed_in_at=identity.signed_in_at,
        source=_source(request),
    )


async def counted_user(request: Request, context: Annotated[RequestContext, Depends(current_user)]) -> RequestContext:
    """Count the request by its route in `limits.CHARGES`; the ChatKit protocol is counted by its type, at admission.

    Raises TooManyRequestsError, or IdentityError if the sign-in has ended.
    """
    route = f"{request.method} {request.scope['route'].path}"
    if route != PROTOCOL:
        server: AssistantServer = request.app.state.server
        follows = route == EVENTS and "after" in request.query_params
        await server.limits.count(FOLLOW if follows else CHARGES[route], context)
    return context


User = Annotated[RequestContext, Depends(counted_user)]


def checked_turn_id(turn_id: str) -> str:
    """Return a valid turn id unchanged. Raises InvalidRequestError."""
    if not TURN_ID.fullmatch(turn_id):
        raise InvalidRequestError("x-turn-id: must be 8 to 64 letters, digits, hyphens or underscores")
    return turn_id


def _source(request: Request) -> str:
    """Return the client's address: the last ones of `x-forwarded-for`, which AWS appends; the first can be forged."""
    forwarded = check_value("header x-forwarded-for", request.headers.get("x-forwarded-for", ""))
    hops = forwarded.split(",")[-TRUSTED_HOPS:]
    return ",".join(hop.strip() for hop in hops if ADDRESS.fullmatch(hop.strip()))


def _locale(request: Request) -> str:
    """Return the client's preferred language of those that we speak, else its first one; English if malformed."""
    languages = check_value("header accept-language", request.headers.get("accept-language", ""))
    return preferred(languages)


def query_of(request: Request) -> str:
    """Return the query parameter `q`. Raises TooLargeError."""
    check_value("query string", request.url.query)
    return check_value("query q", request.query_params.get("q", ""))


def cursor_of(request: Request) -> str | None:
    """Return the query parameter `after`. Raises TooLargeError."""
    after = request.query_params.get("after")
    return None if after is None else check_value("query after", after)


def number_of(request: Request) -> int | None:
    """Return the query parameter `after` of a reader of events. Raises InvalidRequestError."""
    after = request.query_params.get("after")
    if after is not None and not NUMBER.fullmatch(after):
        raise InvalidRequestError("query after: must be the number of the next event, from 0 to 999999999")
    return None if after is None else int(after)


def _remaining_time(scope: Mapping[str, Any]) -> timedelta:
    lambda_context = scope.get("aws.context")
    if lambda_context is None:
        return TIMEOUT_WITHOUT_LAMBDA
    return timedelta(milliseconds=lambda_context.get_remaining_time_in_millis())


@asynccontextmanager
async def one_file(request: Request) -> AsyncGenerator[UploadFile]:
    """Yield the form's only file and close it. Lambda's payload limit bounds the size of the form.

    Raises InvalidRequestError or TooLargeError.
    """
    check_value("header content-type", request.headers.get("content-type", ""))
    async with request.form(max_files=1, max_fields=0) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequestError("POST multipart/form-data with exactly one field, `file`")
        check_value("form file name", file.filename or "")
        check_value("form file type", file.content_type or "")
        if (file.size or 0) > MAX_BODY_BYTES:
            raise TooLargeError(
                say(
                    "the file is larger than {limit} bytes, the limit of direct uploads: "
                    "use the two-phase upload (attachments.create)",
                    limit=MAX_BODY_BYTES,
                )
            )
        yield file


async def object_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request's body. Raises InvalidRequestError or TooLargeError."""
    try:
        value = from_json(await body_of(request))
    except ValueError as error:
        raise InvalidRequestError(f"body: invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequestError("body: must be a JSON object")
    return check_value("body of a change or report", cast("dict[str, Any]", value))


async def body_of(request: Request) -> bytes:
    """Return the request's body. Raises TooLargeError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(
                say("the request is larger than {limit} bytes; upload files as attachments", limit=MAX_BODY_BYTES)
            )
    return bytes(body)
