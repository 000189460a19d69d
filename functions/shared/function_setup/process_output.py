"""Everything that a process writes without `logging`: prints, warnings, uncaught exceptions, native code.

    send = take_stdout()            # the only way out from now on
    catch_all(logs)

The descriptors 1 and 2 lead nowhere afterwards, so that neither native code (a Rust panic quotes its input) nor a
subprocess writes past the redaction. Text that our own packages or the assistant print becomes a log record. Of other
text only the place is logged, once per module.
"""

from __future__ import annotations

import faulthandler
import inspect
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from function_setup.redaction import MAX_TEXT, callers, is_literal

Send = Callable[[str], object]


class Logs(Protocol):
    """The handler of all records, see `function_setup.logs`."""

    def owns(self, name: str) -> bool: ...

    def take(self, record: logging.LogRecord, safe: bool = False) -> None: ...


WITHHELD = "a library printed text, which may quote its input; further prints of the module are not logged"
RUNTIME = "awslambdaric.bootstrap"
NOWHERE = ("", 0)

_stdout: int | None = None


def take_stdout() -> Send:
    """Return a function that writes to what is standard output now, and close stdout and stderr for all others."""
    global _stdout
    if _stdout is None:
        sys.stdout.flush()
        _stdout = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        faulthandler.enable(_stdout)  # writes frames only
    descriptor, lock = _stdout, threading.Lock()

    def send(line: str) -> None:
        data = memoryview(line.encode("ascii"))
        with lock:
            while data:
                data = data[os.write(descriptor, data) :]

    return send


def catch_all(logs: Logs) -> None:
    """Log everything that Python would write to stdout or stderr by itself."""
    sys.stdout, sys.stderr = Printed(logs, "stdout"), Printed(logs, "stderr")
    warnings.showwarning = _Warnings(logs)
    sys.excepthook = lambda _, error, trace: _uncaught(logs, "the process ends by an exception", error)
    sys.unraisablehook = lambda hook: _uncaught(logs, "an exception was ignored", hook.exc_value)
    threading.excepthook = lambda hook: _uncaught(logs, "a thread ended by an exception", hook.exc_value)
    runtime = sys.modules.get(RUNTIME)
    if runtime is not None:
        runtime.log_error = _RuntimeErrors(logs)  # pyright: ignore[reportAttributeAccessIssue]


class Printed(io.TextIOBase):
    """A replacement for sys.stdout and sys.stderr."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, logs: Logs, name: str) -> None:
        self._logs = logs
        self._name = name
        self._line = ""
        self._withheld: set[str] = set()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        frame = inspect.currentframe()
        caller = frame.f_back if frame else None
        module = str(caller.f_globals.get("__name__")) if caller else ""
        place = (caller.f_code.co_filename, caller.f_lineno) if caller else NOWHERE
        if self._logs.owns(module):
            *lines, self._line = (self._line + text[: 2 * MAX_TEXT]).split("\n")
            for line in filter(None, lines):
                _say(self._logs, module, logging.INFO, line, place)
        elif text.strip() and module not in self._withheld:
            self._withheld.add(module)
            _say(self._logs, self._name, logging.WARNING, WITHHELD, place)
        return len(text)


class _Warnings:
    """A replacement for `warnings.showwarning`: the category and the place; the text if it is a literal."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message.args[0]) if isinstance(message, Warning) and message.args else ""
        known = f": {text}" if is_literal(text, callers(inspect.currentframe())) else ""
        _say(self._logs, "warnings", logging.WARNING, category.__name__ + known, (filename, lineno))


class _RuntimeErrors:
    """A replacement for Lambda's own log of failed invocations, which quotes the exception's message.

    An error of the start is written whole, because no request has come yet; it names the setting to correct.
    """

    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    def __call__(self, error: dict[str, Any], sink: object) -> None:
        running = bool(error.get("requestId"))
        text = "the invocation failed" if running else f"the start failed: {error.get('errorMessage')}"
        keys = {"exception_name": error.get("errorType"), "exception": error.get("stackTrace")}
        _say(self._logs, "runtime", logging.ERROR, text, NOWHERE, **keys)


def _uncaught(logs: Logs, text: str, error: BaseException | None) -> None:
    _say(logs, "runtime", logging.ERROR, text, exc_info=(type(error), error, None) if error else None)


def _say(logs: Logs, name: str, level: int, text: str, place: tuple[str, int] = NOWHERE, **keys: object) -> None:
    fields = {"name": name, "levelno": level, "msg": text, "pathname": place[0], "lineno": place[1], **keys}
    logs.take(logging.makeLogRecord(fields), safe=True)
