"""Status and headers as they go to a Function URL and to API Gateway, and which events are streamed at all."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_streaming.errors import EncodedResponseError, PreludeSizeError
from lambda_streaming.prelude import DELIMITER, DROPPED_HEADERS, Entry, prelude
from tools.local.function.payload import split_prelude

NAMES = st.sampled_from([b"X-One", b"x-one", b"Set-Cookie", b"vary", b"Content-Type"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40).map(
    lambda text: text.encode("latin-1")
)


def decoded(entry: Entry, status: int, headers: list[tuple[bytes, bytes]]) -> dict:
    encoded = prelude(entry, status, headers)
    assert encoded.endswith(DELIMITER)
    return json.loads(encoded.removesuffix(DELIMITER))


@pytest.mark.promise("L6")
@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_no_header_is_lost_and_cookies_are_apart(headers):
    fields = decoded(Entry.FUNCTION_URL, 200, headers)

    values = {}
    for name, value in headers:
        values.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
    assert fields["cookies"] == values.pop("set-cookie", [])
    assert fields["headers"] == {name: ", ".join(several) for name, several in values.items()}


@pytest.mark.promise("L6")
@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_a_rest_api_gets_every_value_in_a_list(headers):
    fields = decoded(Entry.REST_API, 200, headers)

    expected = {}
    for name, value in headers:
        expected.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
    assert fields == {"statusCode": 200, "multiValueHeaders": expected}


@pytest.mark.promise("L6")
@given(VALUES, st.binary(max_size=50))
def test_the_front_reads_back_what_was_written(value, body):
    split = split_prelude(prelude(Entry.FUNCTION_URL, 201, [(b"content-type", b"a/b"), (b"x-value", value)]) + body)

    assert split is not None
    response, rest = split
    assert response.status == 201
    assert dict(response.headers)["x-value"].encode("latin-1") == value
    assert rest == body


@pytest.mark.promise("L6")
def test_length_and_hop_by_hop_headers_are_dropped():
    headers = [(name.encode(), b"identity") for name in DROPPED_HEADERS]

    assert decoded(Entry.FUNCTION_URL, 200, headers)["headers"] == {}


@pytest.mark.promise("L6")
def test_a_compressed_response_is_refused():
    with pytest.raises(EncodedResponseError) as caught:
        prelude(Entry.FUNCTION_URL, 200, [(b"Content-Encoding", b"gzip")])

    assert caught.value.encoding == "gzip"


@pytest.mark.promise("L6")
def test_api_gateway_gets_no_prelude_in_which_it_would_not_find_the_delimiter():
    headers = [(b"x-long", b"." * 16 * 1024)]

    with pytest.raises(PreludeSizeError) as caught:
        prelude(Entry.REST_API, 200, headers)

    assert caught.value.size_bytes > caught.value.limit_bytes
    assert prelude(Entry.FUNCTION_URL, 200, headers)


@pytest.mark.parametrize(
    ("event", "setting", "entry"),
    [
        ({"requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws"}}, "function-url", Entry.FUNCTION_URL),
        ({"requestContext": {"domainName": "x.execute-api.eu-west-1.amazonaws.com"}}, "function-url", None),
        ({"requestContext": {}}, "rest-api", None),
        ({"requestContext": None}, "rest-api", None),
        ({"resource": "/", "httpMethod": "GET", "requestContext": {}}, "function-url", None),
        ({"resource": "/", "httpMethod": "GET", "requestContext": {}}, "rest-api", Entry.REST_API),
        ({"version": "1.0", "resource": "/", "httpMethod": "GET", "requestContext": {}}, "rest-api", None),
    ],
)
def test_the_shape_of_an_event_decides_whether_it_is_streamed(event, setting, entry):
    assert Entry.of(event, setting) is entry
