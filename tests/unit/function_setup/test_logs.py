"""H9: whatever happens, a log line holds no message text, token, key or presigned URL."""

from __future__ import annotations

import json
import logging

import pytest
from chatkit.types import UserMessageInput
from pydantic import ValidationError

from function_setup.logs import RedactingFormatter

pytestmark = pytest.mark.promise("H9")

SIGNED = "https://bucket.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Date=1&X-Amz-Signature=abc123def"


def line(message: str, *, error: BaseException | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("chatkit", logging.ERROR, __file__, 1, message, None, info)  # pyright: ignore[reportArgumentType]
    return RedactingFormatter("service").format(record)


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl",
        "sk-proj-abcdefgh12345678",
        "data:image/png;base64,iVBORw0KGgo=",
    ],
)
def test_secrets_are_blotted_out(secret: str) -> None:
    written = line(f"failed with {secret} in it")

    assert secret not in written
    assert "[redacted]" in json.loads(written)["message"]


def test_presigned_url_loses_what_makes_it_work() -> None:
    written = line(f"GET {SIGNED} failed")

    assert "abc123def" not in written
    assert "AKIA" not in written
    assert "bucket.s3.amazonaws.com/k" in written


def test_pydantic_error_is_written_without_the_input_it_quotes() -> None:
    body = {"content": "my salary is 5000", "attachments": []}
    with pytest.raises(ValidationError) as quoting:
        UserMessageInput.model_validate(body)
    error = RuntimeError("could not build the message")
    error.__cause__ = quoting.value

    written = line("turn failed", error=error)

    assert "my salary" not in written
    assert "could not build the message" in written
    assert "content: list_type" in written


def test_lines_are_json_with_unicode() -> None:
    assert json.loads(line("grüezi"))["message"] == "grüezi"
