"""The text that a log line may contain. Pure functions.

    plain({"path": path, "error": error})      # a bounded value for JSON, without secrets
    describe(error)                            # one line: type, codes, and the message if it is a literal
    report(error)                              # the traceback of an exception and of its causes

Theory. Text from outside reaches a log through other people's text: pydantic, json and botocore quote their input in
an exception's message, asyncio quotes the exception of a task. A list of such messages is never complete, so the rule
is the reverse: text is written only if our own code passes it to a log, or if it is a **literal** in the code that
raised or logged it, which therefore contains no input. The rest is described: the type, the frames, and codes of a
known form. A last pass replaces everything that looks like a secret, and every value has a maximum length, so that a
line fits into CloudWatch's event and costs linear time.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from types import CodeType, FrameType, TracebackType
from typing import Any, cast
from uuid import UUID

from pydantic import BaseModel, ValidationError

MAX_TEXT = 4_000
"""Characters of one value."""
MAX_REPORT = 16_000
"""Characters of one traceback."""
MAX_ENTRIES = 40
MAX_DEPTH = 4
MAX_FRAMES = 25
MAX_FAULTS = 10
MAX_ERRORS = 12
"""Exceptions in one report: causes, contexts and members of groups."""
MAX_CALLERS = 12
MAX_INTEGER = 2**63

# Each alternative begins with a fixed text and cannot fail far behind it, so a search costs linear time.
SECRETS = re.compile(
    r"eyJ[\w.-]{5,}+"  # a JWT or JWE, also a cut one
    r"|(?<![\w-])sk-[\w-]{8,}+"  # an OpenAI key
    r"|(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}+"  # an AWS access key's id
    r"|(?<![A-Za-z0-9])(?:IQoJb3JpZ2|FwoGZXIv|FQoGZXIv)[\w+/=%-]{8,}+"  # an AWS session token
    r"|(?i:(?<=Signature=)|(?<=X-Amz-Credential=)|(?<=X-Amz-Security-Token=)|(?<=Credential=))[^&\s\"'<>\\,;)]++"
    r"|(?i:(?<=Signature%3D)|(?<=X-Amz-Credential%3D)|(?<=X-Amz-Security-Token%3D))[^&\s\"'<>\\,;)]++"
    r"|(?i:(?<=Bearer ))[\w.~+/=-]{8,}+"
    r"|(?i:(?<=SecretString)|(?<=Security-Token)|(?<=SecretAccessKey)|(?<=SessionToken)|(?<=Authorization)"
    r"|(?<=api_key)|(?<=api-key)|(?<=password)|(?<=client_secret)|(?<=refresh_token)|(?<=access_token)"
    r"|(?<=id_token)|(?<=code_verifier))[\"']?\s{0,3}[:=]\s{0,3}b?[\"']?[^\s\"'&,;)}<>\\]++"
    r"|(?<=;base64,)[\w+/=%]++",  # a data URL
)
REDACTED = "[redacted]"
WITHHELD = "…"
CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
REQUEST = re.compile(r"[A-Za-z0-9_-]{1,64}")
CODED = ("openai", "store_dynamo", "attachments_s3", "lambda_streaming")
"""Packages whose exceptions have codes that are identifiers."""

Frames = Iterable[CodeType]


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Return at most `limit` characters of `text`, with its secrets replaced."""
    rest = len(text) - limit
    kept = SECRETS.sub(REDACTED, text[:limit])
    return f"{kept}… and {rest} more characters" if rest > 0 else kept


def plain(value: object, depth: int = MAX_DEPTH) -> Any:
    """Return a bounded JSON value: an exception becomes its description, an unknown object its type."""
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if -MAX_INTEGER < value < MAX_INTEGER else "a large integer"
        case float():
            return float(value) if value - value == 0 else repr(float(value))  # JSON has no infinity
        case Enum():
            return plain(value.value, depth)
        case str():
            return clean(str(value))
        case UUID() | date():
            return str(value)
        case BaseException():
            return describe(value)
        case Mapping() if depth:
            pairs = list(cast("Mapping[object, object]", value).items())[:MAX_ENTRIES]
            return {clean(str(plain(key, 0)), 100): plain(each, depth - 1) for key, each in pairs}
        case list() | tuple() | set() | frozenset() if depth:
            return [plain(each, depth - 1) for each in list(cast("Iterable[object]", value))[:MAX_ENTRIES]]
        case _:
            return f"<{type(value).__qualname__}>"


# --- literals ---------------------------------------------------------------------------------------------------------


def is_literal(text: object, code: Frames) -> bool:
    """Return whether `text` is a constant of one of the code objects."""
    return isinstance(text, str) and any(text in each.co_consts for each in code)


def callers(frame: FrameType | None) -> Iterator[CodeType]:
    """Yield the code of `frame` and of its next callers."""
    for _ in range(MAX_CALLERS):
        if frame is None:
            return
        yield frame.f_code
        frame = frame.f_back


def _raisers(error: BaseException) -> Iterator[CodeType]:
    """Yield the code that an exception has passed, and that of its constructor."""
    constructor: CodeType | None = getattr(type(error).__init__, "__code__", None)
    if constructor is not None:
        yield constructor
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next


# --- exceptions -------------------------------------------------------------------------------------------------------


def describe(error: BaseException) -> str:
    """Return one line about an exception, without text that may come from outside."""
    try:
        detail = _detail(error)
    except Exception:  # a property or a `__str__` of a foreign class
        detail = ""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return clean(f"{name}: {detail}" if detail else name)


def _detail(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return _faults(error)
    text = error.args[0] if len(error.args) == 1 else None
    if is_literal(text, _raisers(error)):
        return str(text)
    return " ".join(_codes(error))


def _codes(error: BaseException) -> Iterator[str]:
    """Yield numbers and identifiers that name a failure: HTTP status, errno, the code of an AWS or OpenAI error."""
    for name in ("status_code", "status", "errno"):
        if type(value := getattr(error, name, None)) is int:
            yield f"{name}={value}"
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore's ClientError
        answer = cast("dict[str, dict[str, object]]", response)
        operation, code = getattr(error, "operation_name", None), answer.get("Error", {}).get("Code")
        yield from _identifiers(("operation", operation), ("code", code))
        yield from _identifiers(("request_id", answer.get("ResponseMetadata", {}).get("RequestId")), form=REQUEST)
    elif type(error).__module__.partition(".")[0] in CODED:
        yield from _identifiers(*((name, getattr(error, name, None)) for name in ("code", "aws_code")))
        yield from _identifiers(("request_id", getattr(error, "request_id", None)), form=REQUEST)


def _identifiers(*values: tuple[str, object], form: re.Pattern[str] = CODE) -> Iterator[str]:
    for name, value in values:
        if isinstance(value, str) and form.fullmatch(value):
            yield f"{name}={value}"


def _faults(error: ValidationError) -> str:
    """Name each fault by its place and kind. A place may contain the input's own keys, so only field names are kept."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    known = _field_names()
    named = "; ".join(
        f"{'.'.join(str(part) if isinstance(part, int) or part in known else WITHHELD for part in fault['loc'])}: "
        f"{fault['type'] if CODE.fullmatch(fault['type']) else WITHHELD}"
        for fault in faults[:MAX_FAULTS]
    )
    return f"{len(faults)} faults in {error.title}: {named}"


def _field_names() -> set[str]:
    """Return the names of all fields of all models: words of code, not of an input."""
    names: set[str] = set()
    models, seen = [BaseModel], {BaseModel}
    while models:
        model = models.pop()
        for field, info in getattr(model, "__pydantic_fields__", {}).items():
            names.update(name for name in (field, info.alias) if name)
        new = [each for each in model.__subclasses__() if each not in seen]
        seen.update(new)
        models += new
    return names


def report(error: BaseException) -> str:
    """Return the tracebacks of an exception, its causes and its group's members; the exception itself is the last."""
    errors = list(_related(error))
    parts = [f"{title}\n{''.join(_frames(each))}{describe(each)}" for title, each in reversed(errors)]
    return clean("\n\n".join(parts), MAX_REPORT)


def texts(error: BaseException) -> str:
    """Return the texts of an exception and of its causes, which may quote anything: only for a developer's machine."""
    return clean("\n".join("".join(traceback.format_exception_only(each)).strip() for _, each in _related(error)))


def _related(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    waiting, seen = [("Traceback (most recent call last):", error)], {id(error)}
    for _ in range(MAX_ERRORS):
        if not waiting:
            return
        title, each = waiting.pop(0)
        yield title, each
        context = None if each.__suppress_context__ else each.__context__
        related = [("Cause of the exception below:", each.__cause__ or context)]
        if isinstance(each, BaseExceptionGroup):
            related += [("In the group below:", member) for member in cast("Any", each).exceptions[:MAX_ERRORS]]
        for title, other in related:
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append((title, other))


def _frames(error: BaseException) -> list[str]:
    # Frames show lines of code, and no values. `limit` < 0 keeps the innermost.
    return [frame[:MAX_TEXT] for frame in traceback.format_tb(error.__traceback__, limit=-MAX_FRAMES)]
