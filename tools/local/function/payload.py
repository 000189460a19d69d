"""Conversion between HTTP and Lambda: events in payload format 2.0, and the answers that a Function URL accepts.

Pure functions. Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html. AWS does not document, and
this module assumes, that all bodies except textual media types are base64, that paths stay percent-encoded, and that
header values are latin-1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from urllib.parse import parse_qsl

DELIMITER = b"\0" * 8
MAX_PRELUDE_BYTES = 64 * 1024
TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")


@dataclass(frozen=True)
class HttpRequest:
    """A client's request; header names in lower case, repeated headers in order."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str


@dataclass(frozen=True)
class HttpResponse:
    """A response to a client; `body` is empty when it is streamed separately."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    body: bytes = b""


class AnswerError(Exception):
    """A Function URL cannot convert the function's answer to an HTTP response."""


def event_of(request: HttpRequest, domain: str, request_id: str, now: datetime) -> dict[str, Any]:
    """Return the event for `request` to the Function URL at `domain`."""
    path, _, query = request.target.partition("?")
    headers, cookies = _folded(request.headers)
    headers["host"] = domain  # the client's host is a local address
    headers |= {"x-forwarded-for": request.source_ip, "x-forwarded-proto": "https", "x-forwarded-port": "443"}
    url_id = domain.partition(".")[0]
    http = {
        "method": request.method,
        "path": path,
        "protocol": "HTTP/1.1",
        "sourceIp": request.source_ip,
        "userAgent": headers.get("user-agent", ""),
    }
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": url_id,
            "domainName": domain,
            "domainPrefix": url_id,
            "http": http,
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S %z"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        **_body(request.body, headers.get("content-type", "")),
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    return event


def _folded(pairs: list[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    cookies = [cookie.strip() for name, value in pairs if name == "cookie" for cookie in value.split(";")]
    return _joined([pair for pair in pairs if pair[0] not in ("cookie", "connection", "transfer-encoding")]), cookies


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {"isBase64Encoded": False}
    if content_type.lower().startswith(TEXT_TYPES):
        try:
            return {"body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # invalid text is sent as binary
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def split_prelude(received: bytes) -> tuple[HttpResponse, bytes] | None:
    """Return the head of a streamed response and the bytes after it, or None while the delimiter is missing.

    Raises AnswerError for a prelude that is not JSON or too long.
    """
    head, delimiter, rest = received.partition(DELIMITER)
    if not delimiter:
        if len(received) > MAX_PRELUDE_BYTES:
            raise AnswerError(f"no delimiter within {MAX_PRELUDE_BYTES} bytes")
        return None
    try:
        prelude = json.loads(head)
    except ValueError as error:
        raise AnswerError("the prelude is not JSON") from error
    return _response(prelude, b"", "application/octet-stream"), rest


def buffered_response(answer: bytes) -> HttpResponse:
    """Return the response for a buffered answer. Without a `statusCode` the answer is the body of a 200."""
    try:
        value: Any = json.loads(answer)
    except ValueError as error:
        raise AnswerError("the answer is not JSON") from error
    if not isinstance(value, dict) or "statusCode" not in value:
        return HttpResponse(200, [("content-type", "application/json")], answer)
    fields = cast("dict[str, Any]", value)
    body = str(fields.get("body") or "").encode()
    return _response(fields, base64.b64decode(body) if fields.get("isBase64Encoded") else body, "application/json")


def _response(fields: Mapping[str, Any], body: bytes, default_type: str) -> HttpResponse:
    stated: dict[str, Any] = fields.get("headers") or {}
    headers = [(name.lower(), str(value)) for name, value in stated.items()]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", default_type))
    # Function URLs frame the body themselves and remove the encoding.
    dropped = ("content-length", "transfer-encoding", "content-encoding", "connection")
    kept = [pair for pair in headers if pair[0] not in dropped]
    cookies: list[str] = fields.get("cookies") or []
    return HttpResponse(int(fields.get("statusCode", 200)), kept + [("set-cookie", cookie) for cookie in cookies], body)
