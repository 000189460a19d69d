"""The prelude of a streamed HTTP response: status and headers as JSON, then eight NULs.

    prelude(Entry.FUNCTION_URL, 200, [(b"content-type", b"text/event-stream")])
    → b'{"statusCode":200,"headers":{"content-type":"text/event-stream"},"cookies":[]}' + 8 × b"\\0"

Function URLs take one string per header and cookies apart; API Gateway (REST) takes a list of strings per header. The
length and the hop-by-hop headers are Lambda's business, so they are dropped. ASGI headers are bytes without a stated
encoding; latin-1 is HTTP's and loses nothing.
Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

import enum
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lambda_streaming.errors import EncodedResponseError, PreludeSizeError

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
DELIMITER = b"\0" * 8
MAX_REST_API_PRELUDE_BYTES = 16 * 1024

# content-length: 502 at API Gateway, renamed by Function URLs. The others describe one connection, not the response.
DROPPED_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)

Headers = Iterable[tuple[bytes, bytes]]


class Entry(enum.Enum):
    """The service in front of the function, as far as it can stream."""

    FUNCTION_URL = "function-url"
    REST_API = "rest-api"

    @classmethod
    def of(cls, event: Mapping[str, Any], setting: str) -> Entry | None:
        """Return the entry that streams the answer to `event`, or None if it must be buffered.

        Nothing in an invocation says its invoke mode, so the event's shape decides. HTTP API events (payload 2.0) look
        like a Function URL's but cannot stream; with payload 1.0 they look like a REST API's but have a `version`.
        """
        context: Mapping[str, Any] = event.get("requestContext") or {}
        if ".lambda-url." in (context.get("domainName") or ""):
            return cls.FUNCTION_URL
        if setting == cls.REST_API.value and "httpMethod" in event and "resource" in event and "version" not in event:
            return cls.REST_API
        return None


def prelude(entry: Entry, status: int, headers: Headers, excluded: Collection[str] = ()) -> bytes:
    """Return status, headers and delimiter as they go to `entry`, without the `excluded` headers (lower case).

    Raises EncodedResponseError for a compressed response, PreludeSizeError above API Gateway's limit.
    """
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    for name, value in pairs:
        if name == "content-encoding" and value.lower() != "identity":
            raise EncodedResponseError(value)
    kept = [(name, value) for name, value in pairs if name not in DROPPED_HEADERS and name not in excluded]
    fields = _folded(kept) if entry is Entry.FUNCTION_URL else _repeated(kept)
    encoded = json.dumps({"statusCode": status, **fields}, separators=(",", ":")).encode() + DELIMITER
    if entry is Entry.REST_API and len(encoded) > MAX_REST_API_PRELUDE_BYTES:
        raise PreludeSizeError(len(encoded), MAX_REST_API_PRELUDE_BYTES)
    return encoded


def _folded(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Join repeated headers as RFC 9110 (5.3) allows for all but Set-Cookie."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in pairs:
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {"headers": headers, "cookies": cookies}


def _repeated(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in pairs:
        headers.setdefault(name, []).append(value)
    return {"multiValueHeaders": headers}
