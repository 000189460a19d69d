"""The fuzzer's verdict names each kind of fault in a response."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.fuzz.verdict import MAX_SECONDS, faults_of, moved_wrongly
from tools.local.function.payload import HttpRequest, HttpResponse

SENT = HttpRequest("POST", "/chatkit", [("x-auth-token", "t" * 200)], b'{"type": "x"}', "203.0.113.7")
STREAM = [("content-type", "text/event-stream")]
ERROR = '{"level": "ERROR", "location": "f:1", "message": "unexpected failure", "exception": "…"}'


def refusal(message: str, status: int = 400, request_id: str = "r-1") -> HttpResponse:
    body = json.dumps({"message": message, "request_id": request_id}).encode()
    return HttpResponse(status, [("content-type", "application/json"), ("x-request-id", "r-1")], body)


GOOD = refusal("the message is empty")


def judged(answer: HttpResponse, log: str = "", seconds: float = 0) -> str:
    return "; ".join(faults_of(SENT, answer, log, seconds, ["secret-of-bob"]))


@pytest.mark.parametrize(
    "answer",
    [GOOD, HttpResponse(200, STREAM, b'data: {"type":"x"}\n\n: end\n'), HttpResponse(200, [], b"{}")],
)
def test_a_good_answer_is_good(answer: HttpResponse) -> None:
    assert judged(answer) == ""


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (refusal("a service is not available", 503), "status 503"),
        (HttpResponse(307, [("location", "https://elsewhere")]), "status 307"),
        (HttpResponse(400, [], b"<html>"), "not JSON"),
        (refusal("Bad"), "sentence"),
        (refusal("the message is empty", request_id="r-2"), "request id"),
        (refusal("it is too long " * 1000), "kilobytes"),
        (refusal("it broke in /work/app/server.py line 3"), "internal"),
        (refusal("a KeyError came in the way"), "internal"),
        (refusal("that belongs to secret-of-bob and you"), "another user's data"),
        (HttpResponse(200, [("x-name", "secret-of-bob")], b"{}"), "another user's data"),
        (HttpResponse(200, STREAM, b'data: {"type":"x"}\n'), "within an event"),
        (HttpResponse(200, STREAM, b"data: {\n\n"), "not JSON"),
        (HttpResponse(200, STREAM, b'data: {"type":"error","code":"stream.error"}\n\n'), "without a reason"),
    ],
)
def test_a_bad_answer_is_named(answer: HttpResponse, fault: str) -> None:
    assert fault in judged(answer)


def test_a_failure_that_only_the_log_knows_is_named() -> None:
    assert "unexpected failure" in judged(GOOD, log=ERROR)
    assert "token" in judged(GOOD, log="t" * 200)
    assert "too much processor time" in judged(GOOD, seconds=MAX_SECONDS + 1)


def stored(dollars: float = 2.5, status: str = "done", by: str = "ana", key: str = "apr_1") -> dict[str, str]:
    """Return a dump with a transfer of $2.50 and an approval."""
    asked = {"arguments": json.dumps({"amount_dollars": dollars, "source": "cash", "target": "savings"})}
    approval = {"body": {"S": json.dumps(asked)}, "status": {"S": status}, "decided_by": {"S": by}}
    transfer = {"body": {"S": json.dumps(["2026-01-01", "cash", "savings", 250])}}
    return {
        "accounts ana TRANSFER#apr_1": json.dumps(transfer),
        f"chat USER#ana#THREAD#thr_1 APPROVAL#{key}": json.dumps(approval),
    }


@pytest.mark.promise("P1")
@pytest.mark.parametrize("change", [{"dollars": 3}, {"status": "denied"}, {"by": "bob"}, {"key": "apr_2"}])
def test_money_that_moved_without_its_approval_is_named(change: dict[str, Any]) -> None:
    assert moved_wrongly(stored()) == []
    assert moved_wrongly(stored(**change)) == ["money moved without its approval: accounts ana TRANSFER#apr_1"]
