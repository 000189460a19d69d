"""Parsing of a request's body, with errors that name the faulty fields without quoting them.

request = parse_request(body)       # InvalidRequestError, TooLargeError
"""

from __future__ import annotations

from chatkit.types import ChatKitReq
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from chat_api.bounds import check_document
from chat_api.errors import InvalidRequestError

FAULTS_SHOWN = 5
MAX_NAME_CHARS = 64
JSON_WORDS = {"model_attributes_type": "an object", "model_type": "an object", "dict_type": "an object"}
"""The expected JSON, where pydantic names a Python type."""

_REQUEST: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)


def parse_request(body: str | bytes | bytearray) -> ChatKitReq:
    """Return the ChatKit request in `body`, one of ChatKit's 16 types.

    Raises InvalidRequestError, which names the faulty fields without quoting their values, or TooLargeError. The bounds
    of the fields are checked before pydantic, which describes each faulty element of a long list.
    """
    if not body:
        raise InvalidRequestError("the request has no body: POST one ChatKit request as JSON")
    try:
        document = from_json(body)
    except ValueError as error:
        raise InvalidRequestError(f"not a ChatKit request: body: Invalid JSON: {error}") from error
    check_document(document)
    try:
        return _REQUEST.validate_python(document)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        more = len(faults) - FAULTS_SHOWN
        shown = "; ".join(map(_fault, faults[:FAULTS_SHOWN])) + (f"; and {more} more" if more > 0 else "")
        raise InvalidRequestError(f"not a ChatKit request: {shown}") from error


def _fault(fault: ErrorDetails) -> str:
    """Describe one fault by its place and the expected value. A place may contain the client's own, long names."""
    place = ".".join(str(part)[:MAX_NAME_CHARS] for part in fault["loc"]) or "body"
    if fault["type"] == "union_tag_invalid":  # pydantic's message quotes the value
        context = fault.get("ctx", {})
        return f"{place}: {context['discriminator']} must be one of {context['expected_tags']}"
    if expected := JSON_WORDS.get(fault["type"]):
        return f"{place}: Input should be {expected}"
    return f"{place}: {fault['msg']}"
