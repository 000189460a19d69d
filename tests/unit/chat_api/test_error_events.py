"""Error events: each has the request id, and on a developer's machine the exception's text."""

from __future__ import annotations

import json

import pytest
from chatkit.types import ErrorEvent

from chat_api.error_responses import error_event, reported

FAILED = error_event(ErrorEvent(code="custom", message="the model is busy", allow_retry=True))


def fields(event: bytes) -> dict[str, object]:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    return json.loads(event[6:])


@pytest.mark.promise("B2")
class TestReported:
    def test_an_error_has_the_request_id(self) -> None:
        assert fields(reported(FAILED, "r1")) == {
            "type": "error",
            "code": "custom",
            "message": "the model is busy",
            "allow_retry": True,
            "request_id": "r1",
        }

    def test_other_events_stay_as_they_are(self) -> None:
        event = b'data: {"type":"thread.item.done","item":{"text":"\\"type\\":\\"error\\""}}\n\n'

        assert reported(event, "r1", ValueError("x")) is event
        assert reported(b": keep-alive\n\n", "r1") == b": keep-alive\n\n"

    def test_a_developer_sees_the_text_with_its_causes(self) -> None:
        cause = ValueError("the shop is closed")
        cause.__cause__ = KeyError("hours")

        found = fields(reported(FAILED, "r1", cause))

        assert found["code"] == "custom"
        assert found["message"] == "the model is busy\nValueError: the shop is closed\nKeyError: 'hours'"

    def test_a_text_with_half_a_surrogate_pair(self) -> None:
        assert "ValueError" in str(fields(reported(FAILED, "r1", ValueError("\ud800\u2028")))["message"])
