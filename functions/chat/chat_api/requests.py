"""A ChatKit request, parsed once.

request = parse(body)          # one of ChatKit's 16 request types
"""

from __future__ import annotations

from chatkit.types import ChatKitReq
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from chat_api.errors import InvalidRequestError

_REQUEST: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)
FAULTS_SHOWN = 5
MAX_NAME_CHARS = 64


def parse(body: str | bytes | bytearray) -> ChatKitReq:
    """Return the ChatKit request that `body` holds.

    Raises InvalidRequestError that names the faulty fields without quoting their values.
    """
    if not body:
        raise InvalidRequestError("the request has no body: POST one ChatKit request as JSON")
    try:
        return _REQUEST.validate_json(body)
    except ValidationError as error:
        raise InvalidRequestError(f"not a ChatKit request: {_describe(error)}") from error


def _describe(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False)
    more = len(faults) - FAULTS_SHOWN
    return "; ".join(map(_fault, faults[:FAULTS_SHOWN])) + (f"; and {more} more" if more > 0 else "")


def _fault(fault: ErrorDetails) -> str:
    """Name one fault: where, in names that may be the client's own and of any length, and what should be there."""
    place = ".".join(str(part)[:MAX_NAME_CHARS] for part in fault["loc"]) or "body"
    if fault["type"] == "union_tag_invalid":  # pydantic's own words quote what was found
        context = fault.get("ctx", {})
        return f"{place}: {context['discriminator']} is none of the expected tags {context['expected_tags']}"
    return f"{place}: {fault['msg']}"
