"""H9: log lines never contain message text, tokens, keys or presigned URLs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from chatkit.types import UserMessageInput
from pydantic import ValidationError

from function_setup.logs import RedactingFormatter, configure_logs, log_keys

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


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Yield the stream of a configured service with one other logger."""
    stream = io.StringIO()
    handler = configure_logs("a_service", "INFO", ["a_library"], stream)
    yield stream
    for name in ("a_service", "a_library"):
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).propagate = True
    log_keys()


@pytest.mark.parametrize("name", ["a_service", "a_service.module", "a_library.module"])
def test_every_record_is_one_redacted_line_with_the_keys_of_the_request(stream: io.StringIO, name: str) -> None:
    log_keys(user_id="of the request before")
    log_keys(request_id="r-1")

    logging.getLogger(name).info("failed with sk-proj-abcdefgh12345678")

    (written,) = stream.getvalue().splitlines()
    line = json.loads(written)
    assert (line["message"], line["service"], line["request_id"]) == ("failed with [redacted]", "a_service", "r-1")
    assert "user_id" not in line


def test_configuring_again_replaces_the_handlers(stream: io.StringIO) -> None:
    """A handler that a library has installed would write unredacted lines, or each line twice."""
    logging.getLogger("a_library").addHandler(logging.StreamHandler(stream))
    configure_logs("a_service", "INFO", ["a_library"], stream)

    logging.getLogger("a_library").info("hello")

    assert len(stream.getvalue().splitlines()) == 1
    logging.getLogger("a_service").handlers = []
    logging.getLogger("a_library").handlers = []
