"""H3: a body is one ChatKit request; otherwise the error names its faults without quoting it."""

from __future__ import annotations

import json

import pytest
from chatkit.types import ThreadsListReq
from hypothesis import given
from hypothesis import strategies as st

from chat_api.errors import InvalidRequestError, RefusedError
from chat_api.parsing import parse_request

pytestmark = pytest.mark.promise("H3")


def test_request_is_parsed() -> None:
    request = parse_request(b'{"type": "threads.list", "params": {"limit": 3}}')

    assert isinstance(request, ThreadsListReq)
    assert request.params.limit == 3


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "no body"),
        (b"{}", "type"),
        (b"{", "JSON"),
        (b"[]", "an object"),
        (b"null", "an object"),
        (b'{"type": "threads.explode", "params": {}}', "threads.list"),
        (b'{"type": "threads.get_by_id", "params": {}}', "thread_id"),
        (b'{"type": "threads.create", "params": {"input": {"content": "no list"}}}', "params.input.content"),
        (b'{"type": "threads.list", "params": {"order": "sideways"}}', "params.order"),
        (b"\xff\xfe", "JSON"),
    ],
)
def test_fault_is_named(body: bytes, named: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_request(body)

    assert named in caught.value.message


def test_value_is_not_quoted() -> None:
    body = json.dumps({"type": "threads.get_by_id", "params": {"thread_id": ["my secret"]}}).encode()

    with pytest.raises(InvalidRequestError) as caught:
        parse_request(body)

    assert "my secret" not in caught.value.message


def test_unknown_type_is_not_quoted_and_a_refusal_is_short() -> None:
    bodies: list[object] = [
        {"type": "my secret " * 1000, "params": {}},
        {"type": "threads.add_structured_input", "params": {"input": {"answers": {"my secret " * 1000: 1}}}},
    ]
    for body in bodies:
        with pytest.raises(RefusedError) as caught:
            parse_request(json.dumps(body).encode())

        assert len(caught.value.message) < 1000
        assert "my secret my secret" * 5 not in caught.value.message


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_anything_else_is_refused_not_raised(body: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        parse_request(body)
