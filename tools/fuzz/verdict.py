"""Rules that every response must follow, for any request.

    faults_of(sent, answer, log, seconds, secrets)       # [] or one short phrase per broken rule
    moved_wrongly(dump)                                  # [] or the transfers that no approval explains

Faults are: a 5xx, a failure in a stream or the log, an internal detail, another user's data, a refusal without a
sentence or a request id, a stream that ends within an event, and a response that takes too much processor time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from tools.local.function.payload import HttpRequest, HttpResponse

MAX_SECONDS = 10
"""Of processor time. A request that waits is ended after `HANG_SECONDS` of tools.fuzz.batch."""
COMMENT = re.compile(rb"^: [a-z]+( \d+)?\n", re.MULTILINE)
"""A comment about a turn's stream: its end, the number of the next event, or when to ask again."""
MAX_REFUSAL_BYTES = 4096
TRANSFER = "TRANSFER#"
SENTENCE = re.compile(r"\w+\W+\w+\W+\w+")
INTERNAL = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/work/|/var/task|/opt/python|pydantic|botocore|boto3|starlette|fastapi"
    r"|mangum|chat_api|store_dynamo|attachments_s3|lambda_streaming|dynamodb|ValidationException|ConditionalCheck"
    r"|\b[A-Z]\w+(?:Error|Exception)\b|object at 0x|<class |NoneType|__fake_id__|X-Amz-Security-Token|sk-local",
    re.IGNORECASE,
)


def faults_of(sent: HttpRequest, answer: HttpResponse, log: str, seconds: float, secrets: Sequence[str]) -> list[str]:
    """Return the rules that a response or its log output breaks; `seconds` are of the processor."""
    found: list[str] = []
    headers = dict(answer.headers)
    if seconds > MAX_SECONDS:
        found.append("took too much processor time")
    if answer.status >= 500 or 300 <= answer.status < 400:
        found.append(f"status {answer.status}")
    if headers.get("content-type", "").startswith("text/event-stream"):
        found += _faults_of_stream(answer.body)
    elif answer.status >= 400:
        found += _faults_of_refusal(sent, answer, headers)
    found += _leaks(sent, answer, log, secrets)
    if failed := re.search(r'"level": "ERROR", "location": "([\w:]+)", "message": "([^"]*)', log):
        found.append(f"an error was logged: {failed[2]}")
    return found


def moved_wrongly(dump: Mapping[str, str]) -> list[str]:
    """Return a fault for each transfer of stored data that is not exactly a call which its user has approved."""
    found: list[str] = []
    for place, value in dump.items():
        kind, user, *rest = place.split(" ", 2)
        if kind == "accounts" and rest[0].startswith(TRANSFER):
            key = rest[0].removeprefix(TRANSFER)
            asked = [each for at, each in dump.items() if at.endswith(f" APPROVAL#{key}")]
            own = [
                each for at, each in dump.items() if re.fullmatch(rf"chat USER#{user}#THREAD#\S+ APPROVAL#{key}", at)
            ]
            if len(asked) != 1 or len(own) != 1 or not _explains(json.loads(own[0]), json.loads(value), user):
                found.append(f"money moved without its approval: {place}")
    return found


def _explains(approval: dict[str, Any], transfer: dict[str, Any], user: str) -> bool:
    """Return whether an approval was decided by its user and has the arguments of the transfer."""
    asked = json.loads(json.loads(approval["body"]["S"])["arguments"])
    called = [asked["source"], asked["target"], round(asked["amount_dollars"] * 100)]
    decided = approval["status"]["S"] in ("begun", "unknown", "done") and approval["decided_by"]["S"] == user
    return decided and json.loads(transfer["body"]["S"])[1:] == called


def named_in(sent: HttpRequest, secrets: Sequence[str]) -> set[str]:
    """Return the secrets of another user that the request itself contains."""
    whole = sent.body + sent.target.encode("utf-8", "replace") + str(sent.headers).encode("utf-8", "replace")
    return {each for each in secrets if each.encode() in whole}


def _faults_of_refusal(sent: HttpRequest, answer: HttpResponse, headers: dict[str, str]) -> list[str]:
    if sent.method == "HEAD":
        return [] if not answer.body else ["a HEAD has a body"]
    try:
        body: Any = json.loads(answer.body)
    except ValueError:
        return ["a refusal that is not JSON"]
    if type(body) is not dict:
        return ["a refusal that is not an object"]
    fields = cast("dict[str, Any]", body)
    found: list[str] = []
    if not SENTENCE.search(str(fields.get("message", ""))):
        found.append("a refusal without a sentence")
    if not fields.get("request_id") or fields["request_id"] != headers.get("x-request-id"):
        found.append("a refusal without its request id")
    if len(answer.body) > MAX_REFUSAL_BYTES:
        found.append("a refusal of kilobytes")
    inside = INTERNAL.search(str(fields.get("message")))
    if inside and inside[0].encode() not in sent.body and inside[0] not in sent.target:
        found.append(f"a refusal with an internal detail: {inside[0]}")
    return found


def _faults_of_stream(body: bytes) -> list[str]:
    body = COMMENT.sub(b"", body)
    if body and not body.endswith(b"\n\n"):
        return ["a stream that ends within an event"]
    found: list[str] = []
    for event in body.split(b"\n\n")[:-1]:
        data = [line[6:] for line in event.split(b"\n") if line.startswith(b"data: ")]
        if len(data) != 1:
            found.append("an event that is not one line of data")
            continue
        try:
            parsed = json.loads(data[0])
        except ValueError:
            found.append("an event that is not JSON")
            continue
        if parsed.get("type") == "error":
            inside = INTERNAL.search(str(parsed.get("message")))
            if parsed.get("code") != "custom":
                found.append("a stream that failed without a reason")
            if inside:
                found.append(f"an error event with an internal detail: {inside[0]}")
    return found


def _leaks(sent: HttpRequest, answer: HttpResponse, log: str, secrets: Sequence[str]) -> list[str]:
    received = answer.body + str(answer.headers).encode()
    own = named_in(sent, secrets)
    others = [each for each in secrets if each.encode() in received and each not in own]
    tokens = [value for name, value in sent.headers if name == "x-auth-token" and len(value) > 100]
    found = [f"another user's data: {each}" for each in others]
    if any(token in log for token in tokens):
        found.append("a token in the log")
    return found
