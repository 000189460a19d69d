"""H9: no level, handler, late import or library writes message text, tokens, keys or signed URLs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from pydantic import BaseModel

from function_setup.logs import MAX_LINE_BYTES, configure_logs, log_keys, release_logs, write_metrics
from function_setup.process_output import Printed, _Warnings
from function_setup.redaction import SECRETS, clean, describe

pytestmark = pytest.mark.promise("H9")

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WORDS = "my salary is 5000"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"


class Wanted(BaseModel):
    amount: int
    labels: dict[str, int] = {}


class Log(Protocol):
    def __call__(self) -> list[dict[str, Any]]: ...


@pytest.fixture
def log() -> Iterator[Log]:
    """Yield the lines of a service at DEBUG with one package of its own."""
    configure_logs("a_service", "DEBUG", ["a_package"], stream := io.StringIO())
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    release_logs()


# --- secrets ----------------------------------------------------------------------------------------------------------

SIGNED = "https://bucket.s3.amazonaws.com/k?X-Amz-Credential=AKIA%2F2026&X-Amz-Date=1&X-Amz-Signature=abc123def"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"failed with {TOKEN} in it", TOKEN),
        ("cut " + TOKEN[:12], "eyJhbGci"),
        ("key sk-proj-abcdefgh12345678", "abcdefgh"),
        ("data:image/png;base64,iVBORw0KGgo=", "iVBOR"),
        (f"GET {SIGNED}", "abc123def"),
        (f"GET {SIGNED}", "%2F2026"),
        ("x-amz-security-token: IQoJb3JpZ2luX2VjEXAMPLE", "EXAMPLE"),
        ("'X-Amz-Security-Token': b'opaque/token+1'", "opaque"),
        ('{"SecretString": "hunter2hunter2"}', "hunter2"),
        ("Authorization: Bearer opaque.bearer.token", "opaque"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=ASIA0/x, SignedHeaders=a, Signature=0123abcd", "0123abcd"),
        ("url%3FX-Amz-Signature%3D0123abcd%26", "0123abcd"),
        ("refresh_token=abcdef&x=1", "abcdef"),
    ],
)
def test_secrets_are_replaced(text: str, secret: str) -> None:
    assert secret not in clean(text)
    assert "[redacted]" in clean(text)


def test_a_signed_url_keeps_what_names_the_object() -> None:
    assert "bucket.s3.amazonaws.com/k" in clean(f"GET {SIGNED} failed")


@pytest.mark.parametrize(
    "unit",
    ["eyJ", "eyJaaaaa.", "sk-", "data:", "data:a;base64", "Signature=", "AKIA", "Bearer ", "password", ";a=b", "a"],
)
def test_redaction_takes_linear_time(unit: str) -> None:
    def seconds(length: int) -> float:
        text, spent = unit * (length // len(unit)), list[float]()
        for _ in range(3):
            started = time.process_time()
            SECRETS.sub("", text)
            spent.append(time.process_time() - started)
        return min(spent)

    assert seconds(200_000) < 40 * seconds(20_000) + 0.05  # linear: ten times; quadratic: a hundred times


def test_a_line_is_bounded(log: Log) -> None:
    deep: Any = []
    deep.append(deep)
    logging.getLogger("a_package").error(
        "é%s" * 50,
        *["\U0001f600" * 1_000_000] * 50,
        extra={f"k{n}": ["é" * 100_000] * 100 for n in range(10)} | {"deep": deep},
    )

    (line,) = log()
    assert line["message"].startswith("é")
    assert len(json.dumps(line)) <= MAX_LINE_BYTES


# --- exceptions -------------------------------------------------------------------------------------------------------


def quoting(error: str) -> BaseException:
    """Return an exception whose message quotes the user's words."""

    def decode() -> None:
        raise UnicodeDecodeError("utf-8", WORDS.encode(), 0, 1, WORDS)

    raisers: dict[str, Callable[[], object]] = {
        "pydantic": lambda: Wanted.model_validate({"amount": WORDS}),
        "pydantic key": lambda: Wanted.model_validate({"amount": 1, "labels": {WORDS: WORDS}}),
        "json": lambda: json.loads(WORDS),
        "unicode": decode,
        "key": lambda: {}[WORDS],
        "number": lambda: int(WORDS),
        "parameters": lambda: _raise(ParamValidationError(report=WORDS)),
        "client": lambda: _raise(ClientError({"Error": {"Code": "AccessDenied", "Message": WORDS}}, "PutItem")),
        "runtime": lambda: _raise(RuntimeError(WORDS + "!")),
        "system exit": lambda: _raise(SystemExit(WORDS + "!")),
    }
    try:
        raisers[error]()
    except BaseException as caught:
        return caught
    raise AssertionError


def _raise(error: BaseException) -> None:
    raise error


ERRORS = [
    "pydantic",
    "pydantic key",
    "json",
    "unicode",
    "key",
    "number",
    "parameters",
    "client",
    "runtime",
    "system exit",
]


def chained(error: BaseException) -> dict[str, BaseException]:
    cause, context = RuntimeError("could not"), RuntimeError("could not")
    cause.__cause__, context.__context__ = error, error
    noted = RuntimeError("could not")
    noted.add_note(str(error))
    return {
        "itself": error,
        "cause": cause,
        "context": context,
        "group": BaseExceptionGroup("several", [RuntimeError("one"), error]),
        "note": noted,
    }


@pytest.mark.parametrize("place", ["itself", "cause", "context", "group", "note"])
@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("logger", ["a_package", "a_library"])
def test_an_exception_never_quotes_its_input(log: Log, logger: str, name: str, place: str) -> None:
    error = chained(quoting(name))[place]

    logging.getLogger(logger).exception(error, exc_info=error)  # as ChatKit does
    logging.getLogger(logger).error("failed: %s %r", error, [error], exc_info=error)
    logging.getLogger(logger).error(error)
    logging.getLogger(logger).error("failed", extra={"error": error})

    assert len(log()) == 4
    assert "salary" not in json.dumps(log())
    assert type(error).__qualname__ in log()[0]["exception"]


def test_what_helps_an_operator_is_kept(log: Log) -> None:
    errors = [quoting("pydantic"), quoting("client"), OSError(104, "reset")]
    try:
        raise RuntimeError("a literal of the code")
    except RuntimeError as error:
        errors.append(error)

    assert "amount: int_parsing" in describe(errors[0])
    assert "operation=PutItem code=AccessDenied" in describe(errors[1])
    assert describe(errors[2]) == "ConnectionResetError: errno=104"
    assert describe(errors[3]) == "RuntimeError: a literal of the code"


# --- libraries --------------------------------------------------------------------------------------------------------


def test_a_late_import_changes_nothing(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    """Handlers and levels that a library sets for itself neither write, nor repeat, nor open a level."""
    late = logging.getLogger("late.library")
    late.setLevel(logging.DEBUG)
    late.addHandler(logging.StreamHandler())
    late.propagate = False
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger().addHandler(logging.StreamHandler())
    logging.getLogger("a_package").addHandler(logging.StreamHandler())

    late.debug("request body %s", WORDS)
    late.info("request body %s", WORDS)
    late.error("lost: %s", WORDS)
    late.error(f"lost: {WORDS}")
    logging.getLogger("a_package").info("ours")
    logging.getLogger().handlers.pop()

    assert [line["message"] for line in log()][::2] == ["lost: %s", "ours"]
    assert len(log()) == 3
    assert "salary" not in json.dumps(log())
    assert capfd.readouterr() == ("", "")


async def test_asyncio_does_not_quote_a_tasks_exception(log: Log) -> None:
    async def fail() -> None:
        raise RuntimeError(WORDS + "!")

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    asyncio.get_running_loop().default_exception_handler(
        {"message": "Task exception was never retrieved", "task": task, "exception": task.exception()}
    )

    assert log()[0]["logger"] == "asyncio"
    assert "salary" not in json.dumps(log())


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARN", "ERROR"])
def test_only_our_own_loggers_follow_the_level(level: str) -> None:
    configure_logs("a_service", level, ["a_package"], stream := io.StringIO())

    for logger in map(logging.getLogger, ("a_service.x", "a_package.y", "other")):
        for number in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            logger.log(number, "text")

    release_logs()
    levels = ["DEBUG", "INFO", "WARN", "ERROR"]
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    own = levels[levels.index(level) :]
    others = [each for each in own if each in ("WARN", "ERROR")]
    assert [line["level"] for line in written] == [*own, *own, *others]


# --- other output -----------------------------------------------------------------------------------------------------


def test_prints_are_records_and_a_librarys_text_is_withheld(log: Log) -> None:
    output = Printed(configure_logs("a_service", "INFO", ["a_package"], stream := io.StringIO()), "stdout")

    exec(f"print('ours', {TOKEN!r}, file=output)", {"__name__": "a_package.module", "output": output})
    exec(f"for _ in range(3): print({WORDS!r}, file=output)", {"__name__": "library", "output": output})
    try:
        int(WORDS)
    except ValueError:
        traceback.print_exc(file=output)

    own, library, trace = map(json.loads, stream.getvalue().splitlines())
    assert own["message"] == "ours [redacted]"
    assert (library["level"], trace["level"]) == ("WARN", "WARN")
    assert "salary" not in stream.getvalue()


def test_warnings_have_category_and_place(log: Log) -> None:
    show = _Warnings(configure_logs("a_service", "INFO", ["a_package"], stream := io.StringIO()))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        warnings.warn("a literal", UserWarning, stacklevel=1)
        warnings.warn(f"cannot read {WORDS}", UserWarning, stacklevel=1)

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["message"], second["message"]) == ("UserWarning: a literal", "UserWarning")
    assert "test_logs.py" in second["location"]


# --- a failure to log -------------------------------------------------------------------------------------------------


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError(WORDS)

    __repr__ = __str__


@pytest.mark.parametrize("text", ["failed \ud83d %s", "%d", "%s %s", "%z", "%(name)s"])
@pytest.mark.parametrize("value", ["\ud83d", TOKEN, Hostile(), float("inf"), 10**5000, b"bytes"], ids=range(6))
def test_no_record_can_raise_or_escape(log: Log, capfd: pytest.CaptureFixture[str], text: str, value: object) -> None:
    logging.getLogger("a_package").error(text, value, extra={"value": value})

    assert len(log()) == 1
    assert capfd.readouterr() == ("", "")
    assert TOKEN not in json.dumps(log())


def test_a_broken_output_never_raises() -> None:
    stream = io.StringIO()
    configure_logs("a_service", "INFO", [], stream)
    stream.close()

    logging.getLogger("a_service").error("hello")
    write_metrics({"_aws": {}})

    release_logs()


# --- the line ---------------------------------------------------------------------------------------------------------


def test_a_line_has_time_release_trace_and_the_keys_of_its_request(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53;Sampled=1")
    monkeypatch.setenv("RELEASE", "2026-11-28")
    configure_logs("a_service", "INFO", [], stream := io.StringIO())
    log_keys(user_id="of the request before")
    log_keys(request_id="r-1")

    logging.getLogger("a_service.module").info("grüezi")
    write_metrics({"_aws": {}, "Turns": 1})

    for line in map(json.loads, stream.getvalue().splitlines()):
        assert (line["release"], line["request_id"]) == ("2026-11-28", "r-1")
        assert line["xray_trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
        assert "user_id" not in line
        assert RFC3339.fullmatch(line["timestamp"])
    assert json.loads(stream.getvalue().splitlines()[0])["message"] == "grüezi"


def test_release_is_named_unstamped_without_one(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    logging.getLogger("a_service").info("hello")

    assert log()[0]["release"] == "unstamped"
