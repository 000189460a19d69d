"""The bytes of one streamed answer: request head, chunks, and the end of the body with or without an error.

    POST /2018-06-01/runtime/invocation/{id}/response
    Transfer-Encoding: chunked
    Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body
    ⏎
    {size in hex}⏎{prelude, 8 NULs}⏎       chunk(prelude(…))
    {size in hex}⏎{body}⏎                  chunk(body), once per ASGI message
    0⏎⏎                                    END, or error_end(error): 0⏎{trailers}⏎⏎

`http.client` cannot write trailers, hence our own framing (RFC 9112, 7.1).
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import base64
import json
import traceback

from lambda_streaming.prelude import CONTENT_TYPE

RESPONSE_MODE_HEADER = "Lambda-Runtime-Function-Response-Mode"
INVOCATION_ID_HEADER = "Lambda-Runtime-Invocation-Id"
ERROR_TYPE_TRAILER = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY_TRAILER = "Lambda-Runtime-Function-Error-Body"
END = b"0\r\n\r\n"

# Go's net/http, which serves the Runtime API, refuses trailers that do not fit into its 4 KiB read buffer
# ("suspiciously long trailer after chunked body"). base64 makes 4 bytes of 3.
MAX_ERROR_BYTES = 2500
MAX_ERROR_MESSAGE_CHARACTERS = 500


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


def chunk(data: bytes) -> bytes:
    """Return `data` framed; it must not be empty, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def error_end(error: BaseException) -> bytes:
    """Return the end of a body that failed: last chunk and error trailers.

    The type is sent as `Function.{class}`, the form in which Lambda keeps it (`Category.Reason`).
    """
    body = base64.b64encode(_error_json(error)).decode()
    end = f"0\r\n{ERROR_TYPE_TRAILER}: Function.{type(error).__name__}\r\n{ERROR_BODY_TRAILER}: {body}\r\n\r\n"
    return end.encode("ascii", "replace")


def _error_json(error: BaseException) -> bytes:
    message, frames = str(error), traceback.format_tb(error.__traceback__)
    while True:
        report = {"errorMessage": message, "errorType": type(error).__name__[:200], "stackTrace": frames}
        if len(encoded := json.dumps(report).encode()) <= MAX_ERROR_BYTES:
            return encoded
        # Where it was raised matters most, so the outermost frames go first.
        message, frames = message[:MAX_ERROR_MESSAGE_CHARACTERS], frames[1:]
        if not frames:
            message = message[: len(message) // 2]
