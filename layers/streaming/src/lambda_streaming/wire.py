"""The bytes of a streamed response: request head, prelude, chunks, and the end of the body with or without an error.

    POST /2018-06-01/runtime/invocation/{id}/response       request_head(…)
    Transfer-Encoding: chunked
    Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body
    ⏎
    {size in hex}⏎{prelude, 8 NULs}⏎                         chunk(prelude(…))
    {size in hex}⏎{body}⏎                                    chunk(body), one per ASGI message
    0⏎⏎                                                      END, or error_end(error): 0⏎{trailers}⏎⏎

The prelude is the response's status and headers as JSON:

    prelude(Entry.FUNCTION_URL, 200, [(b"content-type", b"text/event-stream")])
    → b'{"statusCode":200,"headers":{"content-type":"text/event-stream"},"cookies":[]}' + 8 × b"\\0"

Function URLs take one string per header, with cookies apart; API Gateway (REST) takes a list of strings per header.
ASGI headers are bytes without a stated encoding; latin-1 is HTTP's and loses nothing. Everything here is a pure
function, and the framing is our own because `http.client` cannot write trailers (RFC 9112, 7.1).
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming,
https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

import base64
import enum
import json
import traceback
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lambda_streaming.errors import EncodedResponseError, PreludeSizeError

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
RESPONSE_MODE_HEADER = "Lambda-Runtime-Function-Response-Mode"
INVOCATION_ID_HEADER = "Lambda-Runtime-Invocation-Id"
ERROR_TYPE_TRAILER = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY_TRAILER = "Lambda-Runtime-Function-Error-Body"
DELIMITER = b"\0" * 8
END = b"0\r\n\r\n"

MAX_REST_API_PRELUDE_BYTES = 16 * 1024
# content-length: 502 at API Gateway, renamed by Function URLs. The others describe one connection, not the response.
DROPPED_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)

# Go's net/http, which serves the Runtime API, rejects trailers that do not fit into its 4 KiB read buffer
# ("suspiciously long trailer after chunked body"). base64 makes 4 bytes of 3.
MAX_ERROR_BYTES = 2500
MAX_ERROR_MESSAGE_CHARACTERS = 500

Headers = Iterable[tuple[bytes, bytes]]


# A variable of the function's environment, or of a REST API's stage: the kind of entry that may stream.
ENTRY_VARIABLE = "LAMBDA_STREAMING_ENTRY"


class Entry(enum.Enum):
    """A service in front of the function that can stream."""

    FUNCTION_URL = "function-url"
    REST_API = "rest-api"

    @classmethod
    def of(cls, event: Mapping[str, Any], setting: str) -> Entry | None:
        """Return the entry that streams the response to `event`, or None if it must be buffered.

        An invocation does not state its invoke mode, so the event's shape decides. HTTP API events (payload 2.0) look
        like a Function URL's but cannot stream; with payload 1.0 they look like a REST API's but have a `version`.
        A REST API streams if its stage says so in a variable, which every event carries, else by `setting`. The stage's
        variable holds for exactly this event, also while a deployment replaces one entry by another.
        """
        context: Mapping[str, Any] = event.get("requestContext") or {}
        if ".lambda-url." in (context.get("domainName") or ""):
            return cls.FUNCTION_URL
        if "httpMethod" not in event or "resource" not in event or "version" in event:
            return None
        stage: Mapping[str, Any] = event.get("stageVariables") or {}
        return cls.REST_API if stage.get(ENTRY_VARIABLE, setting) == cls.REST_API.value else None


def request_head(host: str, request_id: str, invocation_id: str | None) -> bytes:
    """Return the head of the POST; `invocation_id` is echoed only if the invocation came with one."""
    lines = [
        f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1",
        f"Host: {host}",
        f"Content-Type: {CONTENT_TYPE}",
        f"{RESPONSE_MODE_HEADER}: streaming",
        "Transfer-Encoding: chunked",
        f"Trailer: {ERROR_TYPE_TRAILER}, {ERROR_BODY_TRAILER}",
        *([f"{INVOCATION_ID_HEADER}: {invocation_id}"] if invocation_id else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def prelude(entry: Entry, status: int, headers: Headers, excluded: Collection[str] = ()) -> bytes:
    """Return status, headers and delimiter in the form that `entry` takes, without the `excluded` headers (lower case).

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


def chunk(data: bytes) -> bytes:
    """Return `data` framed; it must not be empty, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def error_end(error: BaseException) -> bytes:
    """Return the end of a failed body: last chunk and error trailers.

    The type is sent as `Function.{class}`, the form that Lambda keeps unchanged (`Category.Reason`).
    """
    body = base64.b64encode(_error_json(error)).decode()
    end = f"0\r\n{ERROR_TYPE_TRAILER}: Function.{type(error).__name__}\r\n{ERROR_BODY_TRAILER}: {body}\r\n\r\n"
    return end.encode("ascii", "replace")


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


def _error_json(error: BaseException) -> bytes:
    message, frames = str(error), traceback.format_tb(error.__traceback__)
    while True:
        report = {"errorMessage": message, "errorType": type(error).__name__[:200], "stackTrace": frames}
        if len(encoded := json.dumps(report).encode()) <= MAX_ERROR_BYTES:
            return encoded
        # The frame that raised matters most, so the outermost frames go first.
        message, frames = message[:MAX_ERROR_MESSAGE_CHARACTERS], frames[1:]
        if not frames:
            message = message[: len(message) // 2]
