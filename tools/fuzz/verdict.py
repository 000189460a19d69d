"""What must hold of every answer, whatever was asked.

    faults_of(sent, answer, log, seconds, secrets)       # [] or what is wrong, one short phrase each

A 5xx, a failure that a stream tells of or a log names, a detail of the inside, a byte of another user, a refusal
without words or request id, a stream that ends within an event, an answer that takes too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from tools.local.function.payload import HttpRequest, HttpResponse

MAX_SECONDS = 10
MAX_REFUSAL_BYTES = 4096
SENTENCE = re.compile(r"\w+\W+\w+\W+\w+")
INTERNAL = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/work/|/var/task|/opt/python|pydantic|botocore|boto3|starlette|fastapi"
    r"|mangum|chat_api|store_dynamo|attachments_s3|lambda_streaming|dynamodb|ValidationException|ConditionalCheck"
    r"|\b[A-Z]\w+(?:Error|Exception)\b|object at 0x|<class |NoneType|__fake_id__|X-Amz-Security-Token|sk-local",
    re.IGNORECASE,
)


def faults_of(sent: HttpRequest, answer: HttpResponse, log: str, seconds: float, secrets: Sequence[str]) -> list[str]:
    """Return everything that is wrong with an answer and with what was logged of it."""
    found: list[str] = []
    headers = dict(answer.headers)
    if seconds > MAX_SECONDS:
        found.append("took too long")
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


def named_in(sent: HttpRequest, secrets: Sequence[str]) -> set[str]:
    """Return those of another user's secrets that a request names itself."""
    whole = sent.body + sent.target.encode("utf-8", "replace") + str(sent.headers).encode("utf-8", "replace")
    return {each for each in secrets if each.encode() in whole}


def _faults_of_refusal(sent: HttpRequest, answer: HttpResponse, headers: dict[str, str]) -> list[str]:
    if sent.method == "HEAD":
        return [] if not answer.body else ["a HEAD has a body"]
    try:
        body: Any = json.loads(answer.body)
    except ValueError:
        return ["a refusal that is no JSON"]
    if not isinstance(body, dict):
        return ["a refusal that is no object"]
    found: list[str] = []
    if not SENTENCE.search(str(body.get("message", ""))):
        found.append("a refusal without a sentence")
    if not body.get("request_id") or body["request_id"] != headers.get("x-request-id"):
        found.append("a refusal without its request id")
    if len(answer.body) > MAX_REFUSAL_BYTES:
        found.append("a refusal of kilobytes")
    inside = INTERNAL.search(str(body.get("message")))
    if inside and inside[0].encode() not in sent.body and inside[0] not in sent.target:
        found.append(f"a refusal with a detail of the inside: {inside[0]}")
    return found


def _faults_of_stream(body: bytes) -> list[str]:
    if not body.endswith(b"\n\n"):
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
            found.append("an event that is no JSON")
            continue
        if parsed.get("type") == "error":
            inside = INTERNAL.search(str(parsed.get("message")))
            if parsed.get("code") != "custom":
                found.append("a stream that failed without a reason")
            if inside:
                found.append(f"an error event with a detail of the inside: {inside[0]}")
    return found


def _leaks(sent: HttpRequest, answer: HttpResponse, log: str, secrets: Sequence[str]) -> list[str]:
    told = answer.body + str(answer.headers).encode()
    own = named_in(sent, secrets)
    others = [each for each in secrets if each.encode() in told and each not in own]
    tokens = [value for name, value in sent.headers if name == "x-auth-token" and len(value) > 100]
    found = [f"another user's bytes: {each}" for each in others]
    if any(token in log for token in tokens):
        found.append("a token in the log")
    return found
