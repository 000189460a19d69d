"""The local Function URL's conversion of HTTP requests to events, and of answers to HTTP responses."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from tests.integration.streaming.conftest import event
from tools.local.function.payload import AnswerError, HttpRequest, buffered_response, event_of, split_prelude

DOMAIN = "abcdefghijklmnop.lambda-url.eu-west-1.on.aws"
NOW = datetime(2026, 3, 12, 19, 3, 58, 390_000, UTC)


def built(target: str = "/", headers=(), body: bytes = b"", method: str = "GET") -> dict:
    return event_of(HttpRequest(method, target, [*headers], body, "203.0.113.7"), DOMAIN, "request-1", NOW)


def test_an_event_has_the_documented_shape():
    ours, documented = built(), event("function_url_get")

    assert ours.keys() == documented.keys()
    assert ours["requestContext"].keys() == documented["requestContext"].keys()
    assert ours["requestContext"]["http"].keys() == documented["requestContext"]["http"].keys()
    assert ours["requestContext"]["time"] == documented["requestContext"]["time"]
    assert ours["requestContext"]["timeEpoch"] == documented["requestContext"]["timeEpoch"]


def test_repeated_names_are_joined_and_cookies_are_separate():
    ours = built("/a%20b?x=1&x=%C3%A4&y=", [("x-one", "1"), ("x-one", "2"), ("cookie", "a=1; b=2"), ("cookie", "c=3")])

    assert (ours["rawPath"], ours["rawQueryString"]) == ("/a%20b", "x=1&x=%C3%A4&y=")
    assert ours["queryStringParameters"] == {"x": "1,ä", "y": ""}
    assert ours["headers"]["x-one"] == "1,2"
    assert "cookie" not in ours["headers"]
    assert ours["cookies"] == ["a=1", "b=2", "c=3"]


@pytest.mark.parametrize(
    ("content_type", "body", "is_base64"),
    [
        ("application/json", b"{}", False),
        ("Text/Plain; charset=utf-8", "ä".encode(), False),
        ("text/plain", b"\xff", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("image/png", b"\x89PNG", True),
    ],
)
def test_all_but_text_is_base64(content_type, body, is_base64):
    ours = built("/", [("content-type", content_type)], body, "POST")

    assert ours["isBase64Encoded"] is is_base64
    assert (base64.b64decode(ours["body"]) if is_base64 else ours["body"].encode()) == body


def test_a_prelude_may_come_in_pieces_but_must_come():
    encoded = json.dumps({"statusCode": 201, "cookies": ["a=1"]}).encode() + b"\0" * 8

    assert split_prelude(encoded[:-1]) is None
    response, rest = split_prelude(encoded + b"body") or pytest.fail("no prelude")
    assert (response.status, rest) == (201, b"body")
    assert response.headers == [("content-type", "application/octet-stream"), ("set-cookie", "a=1")]
    with pytest.raises(AnswerError):
        split_prelude(b"." * 100_000)
    with pytest.raises(AnswerError):
        split_prelude(b"{" + b"\0" * 8)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        ({"statusCode": 404, "body": "no"}, 404, b"no"),
        ({"statusCode": 200, "body": "/w==", "isBase64Encoded": True}, 200, b"\xff"),
        ({"statusCode": 204}, 204, b""),
        ({"any": 1}, 200, b'{"any": 1}'),
        ("text", 200, b'"text"'),
    ],
)
def test_a_buffered_answer_is_a_response_or_becomes_the_body_of_one(answer, status, body):
    response = buffered_response(json.dumps(answer).encode())

    assert (response.status, response.body) == (status, body)
