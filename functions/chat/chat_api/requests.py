"""A ChatKit request, parsed once.

request = parse(body)          # one of ChatKit's 16 request types
"""

from __future__ import annotations

from chatkit.types import ChatKitReq
from pydantic import TypeAdapter, ValidationError

from chat_api.errors import InvalidRequestError

_REQUEST: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)
FAULTS_SHOWN = 5


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
    shown = [f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:FAULTS_SHOWN]]
    more = len(faults) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")
