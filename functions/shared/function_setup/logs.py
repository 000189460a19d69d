"""Structured logs: one way out of the process, which redacts.

    configure_logs("chat_api", "INFO", ["store_dynamo", "coach"])   # once, in the handler module
    log_keys(request_id="…", user_id="…")                            # at the start of each request
    logging.getLogger("chat_api.server").info("turn ended")          # anywhere
    write_metrics({"_aws": {…}, "Turns": 1})                         # at any log level

Every record becomes one JSON line with the keys of the current request, the release, and the X-Ray trace id.

Theory. Libraries configure logging themselves, some only when they are imported, long after this module: ChatKit adds a
handler that writes to stderr, Lambda's runtime sets the root logger to the function's log level, and a logger at DEBUG
writes request bodies. So no list of handlers and levels stays true. Instead, `Logger.callHandlers`, through which
every record passes, is replaced. It decides by the logger's name:

    ours, and the assistant's    from LOG_LEVEL   the message, with redacted arguments
    any other                    from WARN        the message if it is a literal of the code, and the place

`process_output` closes the ways around `logging`. A failure to log is reported in a constant line, and never raised.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
import sys
import threading
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from function_setup.process_output import Send, catch_all, take_stdout
from function_setup.redaction import MAX_ENTRIES, callers, clean, describe, is_literal, plain, report, texts

LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}
"""The values of LOG_LEVEL and of a line's `level`, as Lambda spells them."""
RELEASE = "RELEASE"
UNSTAMPED = "unstamped"
TRACE_ID = "_X_AMZN_TRACE_ID"
MAX_LINE_BYTES = 200_000
"""CloudWatch's events have at most 256 KB."""
MAX_CUT = 500
"""Characters of each text in a line that was too long."""
WITHHELD = "a library's message, which may quote its input; see `location`"
BROKEN = "a log record could not be written"
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes that every record has; the others are a line's own keys."""

_keys: ContextVar[Mapping[str, str]] = ContextVar("log_keys", default={})  # noqa: B039 (never mutated)


class Logs(logging.Handler):
    """The handler of all records of a process; `send` takes one line of ASCII."""

    def __init__(self, service: str, level: str, own: Iterable[str], send: Send, details: bool = False) -> None:
        super().__init__()
        self._details = details
        self._service = service
        self.own = frozenset({service, *own})
        self._threshold = LEVELS[level]
        self._send = send
        self._release = os.environ.get(RELEASE) or UNSTAMPED
        self._busy = threading.local()
        self.replaced: list[logging.Handler] = []
        """The root logger's handlers before."""

    def owns(self, name: str) -> bool:
        """Return whether a logger or module is ours or the assistant's."""
        return name.partition(".")[0] in self.own

    def take(self, record: logging.LogRecord, safe: bool = False) -> None:
        """Write a record if its level is high enough. `safe`: its message has no text from outside. Never raises."""
        own = safe or self.owns(record.name)
        if record.levelno < (self._threshold if own else max(self._threshold, logging.WARNING)):
            return
        if getattr(self._busy, "now", False):
            return  # an object in a record logs while it is described
        self._busy.now = True
        try:
            self._write(self._line(record, own))
        except Exception as error:
            self._fail(record, error)
        finally:
            self._busy.now = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record from a QueueListener or other code that calls handlers itself."""
        self.take(record)

    def metrics(self, line: Mapping[str, Any]) -> None:
        """Write a line in CloudWatch's embedded metric format. Never raises."""
        try:
            self._write({**self._head("INFO", datetime.now(UTC).timestamp()), **plain(line, 8)})
        except Exception as error:
            self._fail(logging.makeLogRecord({"name": "metrics", "levelname": "ERROR"}), error)

    def _line(self, record: logging.LogRecord, own: bool) -> dict[str, Any]:
        line = self._head(_level(record.levelno), record.created)
        line["message"] = _message(record) if own else _literal(record)
        line["logger"] = clean(record.name, 200)
        line["location"] = f"{record.funcName if own and record.funcName else record.pathname}:{record.lineno}"
        if own:
            line |= {key: plain(value) for key, value in vars(record).items() if key not in STANDARD | line.keys()}
        if error := _error(record):
            line["exception_name"], line["exception"] = type(error).__qualname__, report(error)
            line |= {"detail": texts(error)} if self._details else {}
        return line

    def _head(self, level: str, seconds: float) -> dict[str, Any]:
        time = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        keys = {name: clean(value, 200) for name, value in _keys.get().items()}
        trace = os.environ.get(TRACE_ID, "").partition(";")[0].removeprefix("Root=")
        head = {"timestamp": time, "level": level, "service": self._service, "release": self._release, **keys}
        return {**head, "xray_trace_id": clean(trace, 100)} if trace else head

    def _write(self, line: dict[str, Any]) -> None:
        # ASCII: neither a lone surrogate nor the locale can make it fail.
        text = json.dumps(line)
        if len(text) > MAX_LINE_BYTES:
            texts = [(name, value[:MAX_CUT]) for name, value in line.items() if isinstance(value, str)]
            kept = dict(texts[:MAX_ENTRIES])  # the head and the message come first
            text = json.dumps({**kept, "cut": f"the line had {len(text)} bytes"})
        self._send(text + "\n")

    def _fail(self, record: logging.LogRecord, error: Exception) -> None:
        try:
            line = self._head("ERROR", record.created)
            line |= {"message": BROKEN, "logger": clean(record.name, 200), "exception": describe(error)}
            self._send(json.dumps(line) + "\n")
        except Exception:
            return  # the output itself is broken: nothing can be said


def configure_logs(
    service: str, level: str, own: Iterable[str], stream: TextIO | None = None, details: bool = False
) -> Logs:
    """Send all records of this process through one redacting handler.

    `service` is the parent logger's name and a key of every line; `own` are the other top-level packages that follow
    `level`. In a Lambda process everything else that can be written to stdout or stderr is caught, too; with `stream`,
    as in tests, only records are. `details` adds the text of exceptions, which can quote users: only on a developer's
    machine. Returns the handler; `release_logs` restores Python's logging.
    """
    global _active
    release_logs()
    in_lambda = stream is None and "AWS_LAMBDA_RUNTIME_API" in os.environ
    send = take_stdout() if in_lambda else (stream or sys.stdout).write
    _active = logs = Logs(service, level, own, send, details)
    root = logging.getLogger()
    logs.replaced = root.handlers
    root.handlers = [logs]
    root.setLevel(logging.WARNING)  # so that libraries do not even create records below it
    for name in (service, *own):
        logging.getLogger(name).setLevel(LEVELS[level])
    logging.Logger.callHandlers = lambda self, record: logs.take(record)
    logging.raiseExceptions = False
    if in_lambda:
        catch_all(logs)
    return logs


def release_logs() -> None:
    """Restore Python's own logging. For tests; the hooks of a Lambda process stay."""
    global _active
    if _active is not None:
        logging.Logger.callHandlers = _call_handlers
        logging.raiseExceptions = True
        logging.getLogger().handlers = _active.replaced
        for name in _active.own:
            logging.getLogger(name).setLevel(logging.NOTSET)
        _active = None
    log_keys()


def log_keys(**keys: str) -> None:
    """Replace the keys that every record of the current request carries."""
    _keys.set(dict(keys))


def write_metrics(line: Mapping[str, Any]) -> None:
    """Write one line of metrics, if logs are configured."""
    if _active is not None:
        _active.metrics(line)


_active: Logs | None = None
_call_handlers = logging.Logger.callHandlers


def _level(number: int) -> str:
    return next((name for name, least in reversed(LEVELS.items()) if number >= least), "DEBUG")


def _message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException):
        return describe(record.msg)
    text = record.msg if isinstance(record.msg, str) else str(plain(record.msg))
    if not record.args:
        return clean(text)
    named = isinstance(record.args, Mapping)
    return clean(text % (plain(record.args) if named else tuple(plain(each) for each in record.args)))


def _literal(record: logging.LogRecord) -> str:
    """Return a foreign record's message without its arguments, if it is a constant of the code that logged it."""
    return clean(record.msg) if is_literal(record.msg, callers(inspect.currentframe())) else WITHHELD


def _error(record: logging.LogRecord) -> BaseException | None:
    error: object = record.exc_info[1] if record.exc_info else record.msg
    return error if isinstance(error, BaseException) else None
