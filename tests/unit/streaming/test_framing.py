"""The bytes of a streamed answer, read back by h11 as the Runtime API would."""

from __future__ import annotations

import base64
import json

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_streaming import framing


def parsed(data: bytes, piece_bytes: int) -> tuple[h11.Request, list[bytes], dict[str, str]]:
    """Return request, chunks and trailers of `data` as it arrives in pieces."""
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
    return framing.request_head("127.0.0.1:9001", "request-1", invocation_id)


@pytest.mark.promise("L1")
@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=20), st.integers(1, 9000))
def test_every_message_is_a_chunk_of_its_own(bodies, piece_bytes):
    data = head() + b"".join(framing.chunk(body) for body in bodies) + framing.END

    _, chunks, trailers = parsed(data, piece_bytes)

    assert chunks == bodies
    assert trailers == {}


def test_the_head_says_that_the_body_is_a_streamed_http_response():
    request, _, _ = parsed(head() + framing.END, 1000)

    headers = dict(request.headers)
    assert request.target == b"/2018-06-01/runtime/invocation/request-1/response"
    assert headers[b"content-type"] == b"application/vnd.awslambda.http-integration-response"
    assert headers[b"lambda-runtime-function-response-mode"] == b"streaming"
    assert headers[b"trailer"] == b"Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


@pytest.mark.promise("L7")
def test_the_invocation_id_is_echoed_only_if_there_was_one():
    with_id, _, _ = parsed(head("7f") + framing.END, 1000)
    without, _, _ = parsed(head() + framing.END, 1000)

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

    end = framing.error_end(raised(message, depth))

    _, _, trailers = parsed(head() + end, 1000)

    report = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"], validate=True))
    assert trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    assert report["errorType"] == "ValueError"
    assert message.startswith(report["errorMessage"])
    assert len(end) < 4096  # the read buffer of Go's net/http


@pytest.mark.promise("L3")
def test_a_long_error_keeps_the_innermost_frames():
    _, _, trailers = parsed(head() + framing.error_end(raised("broken", 30)), 1000)

    report = json.loads(base64.b64decode(trailers["lambda-runtime-function-error-body"]))
    assert report["errorMessage"] == "broken"
    assert "raise ValueError(message)" in report["stackTrace"][-1]
