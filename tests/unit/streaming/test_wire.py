"""The bytes of a streamed response, read back by h11 as the Runtime API would, and the entry that an event shows."""

from __future__ import annotations

import base64
import json

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_streaming import wire
from lambda_streaming.errors import EncodedResponseError, PreludeSizeError
from lambda_streaming.wire import DELIMITER, DROPPED_HEADERS, Entry, prelude
from tools.local.function.payload import split_prelude

NAMES = st.sampled_from([b"X-One", b"x-one", b"Set-Cookie", b"vary", b"Content-Type"])
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=40).map(
    lambda text: text.encode("latin-1")
)


def parsed(data: bytes, piece_bytes: int) -> tuple[h11.Request, list[bytes], dict[str, str]]:
    """Parse `data`, arriving in pieces, and return request, chunks and trailers."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=100_000)
    chunks: list[bytes] = []
    chunk = b""
    request = None
    for start in range(0, len(data), piece_bytes):
        connection.receive_data(data[start : start + piece_bytes])
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                chunk += event.data
                if event.chunk_end:
                    chunks.append(chunk)
                    chunk = b""
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                return request, chunks, {name.decode(): value.decode() for name, value in event.headers}
    raise AssertionError("the message does not end")


def head(invocation_id: str | None = None) -> bytes:
    return wire.request_head("127.0.0.1:9001", "request-1", invocation_id)


@pytest.mark.promise("L1")
@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=20), st.integers(1, 9000))
def test_every_message_is_a_chunk_of_its_own(bodies, piece_bytes):
    data = head() + b"".join(wire.chunk(body) for body in bodies) + wire.END

    _, chunks, trailers = parsed(data, piece_bytes)

    assert chunks == bodies
    assert trailers == {}


def test_the_head_declares_a_streamed_http_response():
    request, _, _ = parsed(head() + wire.END, 1000)

    headers = dict(request.headers)
    assert request.target == b"/2018-06-01/runtime/invocation/request-1/response"
    assert headers[b"content-type"] == b"application/vnd.awslambda.http-integration-response"
    assert headers[b"lambda-runtime-function-response-mode"] == b"streaming"
    assert headers[b"trailer"] == b"Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


@pytest.mark.promise("L7")
def test_the_invocation_id_is_echoed_only_if_there_was_one():
    with_id, _, _ = parsed(head("7f") + wire.END, 1000)
    without, _, _ = parsed(head() + wire.END, 1000)

    assert dict(with_id.headers)[b"lambda-runtime-invocation-id"] == b"7f"
    assert b"lambda-runtime-invocation-id" not in dict(without.headers)


def raised(message: str, depth: int = 0) -> Exception:
    def descend(left: int) -> None:
        if left:
            descend(left - 1)
        raise ValueError(message)

    try:
        descend(depth)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.promise("L3")
@given(st.text(), st.sampled_from([1, 50, 5000]), st.integers(0, 30))
def test_error_trailers_are_base64_json_that_go_accepts(text, times, depth):
    message = text * times

    end = wire.error_end(raised(message, depth))

    _, _, trailers = parsed(head() + end, 1000)

    report = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"], validate=True))
    assert trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert report["errorType"] == "ValueError"
    assert message.startswith(report["errorMessage"])
    assert len(end) < 4096  # the read buffer of Go's net/http


@pytest.mark.promise("L3")
def test_a_long_error_keeps_the_innermost_frames():
    _, _, trailers = parsed(head() + wire.error_end(raised("broken", 30)), 1000)

    report = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"]))
    assert report["errorMessage"] == "broken"
    assert "raise ValueError(message)" in report["stackTrace"][-1]


def decoded(entry: Entry, status: int, headers: list[tuple[bytes, bytes]]) -> dict:
    encoded = prelude(entry, status, headers)
    assert encoded.endswith(DELIMITER)
    return json.loads(encoded.removesuffix(DELIMITER))


@pytest.mark.promise("L6")
@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_no_header_is_lost_and_cookies_are_separate(headers):
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
def test_a_compressed_response_is_rejected():
    with pytest.raises(EncodedResponseError) as caught:
        prelude(Entry.FUNCTION_URL, 200, [(b"Content-Encoding", b"gzip")])

    assert caught.value.encoding == "gzip"


@pytest.mark.promise("L6")
def test_a_prelude_too_long_for_api_gateway_is_rejected():
    headers = [(b"x-long", b"." * 16 * 1024)]

    with pytest.raises(PreludeSizeError) as caught:
        prelude(Entry.REST_API, 200, headers)

    assert caught.value.size_bytes > caught.value.limit_bytes
    assert prelude(Entry.FUNCTION_URL, 200, headers)


REST = {"resource": "/", "httpMethod": "GET", "requestContext": {}}


@pytest.mark.parametrize(
    ("event", "setting", "entry"),
    [
        ({"requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws"}}, "function-url", Entry.FUNCTION_URL),
        ({"requestContext": {"domainName": "x.execute-api.eu-west-1.amazonaws.com"}}, "function-url", None),
        ({"requestContext": {}}, "rest-api", None),
        ({"requestContext": None}, "rest-api", None),
        ({"resource": "/", "httpMethod": "GET", "requestContext": {}}, "function-url", None),
        ({"resource": "/", "httpMethod": "GET", "requestContext": {}}, "rest-api", Entry.REST_API),
        ({**REST, "stageVariables": None}, "rest-api", Entry.REST_API),
        ({**REST, "stageVariables": {"other": "x"}}, "function-url", None),
        ({**REST, "stageVariables": {"LAMBDA_STREAMING_ENTRY": "rest-api"}}, "function-url", Entry.REST_API),
        ({**REST, "stageVariables": {"LAMBDA_STREAMING_ENTRY": "function-url"}}, "rest-api", None),
        ({**REST, "stageVariables": {"LAMBDA_STREAMING_ENTRY": "rest-api"}, "version": "1.0"}, "rest-api", None),
        ({"version": "1.0", "resource": "/", "httpMethod": "GET", "requestContext": {}}, "rest-api", None),
    ],
)
def test_the_shape_of_an_event_decides_whether_it_is_streamed(event, setting, entry):
    assert Entry.of(event, setting) is entry
