"""Errors of the chat function for its author: the text, the frames in the author's own files, and the request.

    show = Failures(console.print)
    show.line(text)                     # one line of the function's log: prints errors and warnings
    show.start(error)                   # a FunctionError of a process that does not start

Frames of libraries and of this project's own packages are left out; without others, the innermost is shown.
"""

from __future__ import annotations

import json
import re
import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from function_setup.logs import WITHHELD
from tools import ROOT
from tools.local.function.errors import FunctionError

FRAME = re.compile(r'File "([^"]+)", line (\d+), in ([^\n]+)(?:\n +(?!File )([^\n]+))?')
PLACE = re.compile(r"(/[^\n:]+):(\d+) in (\S+)")
OURS = ("functions/chat/chat_api", "functions/shared", "layers", "store_dynamo", "attachments_s3", "tools")
DOES_NOT_START = "the function does not start"
RUNTIMES = "the start failed"
"""The runtime's line about the same failure."""
SHOWN_FRAMES = 6
LAST_LINES = 12
MAX_TEXT = 2000
REMEMBERED = 200

Print = Callable[[str], object]


class Failures:
    """Prints each failure once."""

    def __init__(self, print_markup: Print) -> None:
        self._print = print_markup
        self._start: Mapping[str, Any] = {}
        self._plain: deque[str] = deque(maxlen=LAST_LINES)
        self._shown: deque[tuple[object, ...]] = deque(maxlen=REMEMBERED)

    def line(self, text: str) -> None:
        """Print an error or a warning of the log, without what other lines have."""
        try:
            fields: dict[str, Any] = json.loads(text)
            level = fields["level"]
        except (ValueError, KeyError, TypeError):
            self._plain.append(text)
            return
        message = str(fields.get("message"))
        if message == DOES_NOT_START:
            self._start = fields
        elif message.startswith(RUNTIMES) or (level == "WARN" and message == WITHHELD):
            return
        elif level in ("ERROR", "FATAL") or fields.get("exception"):
            self._failure(fields)
        elif level == "WARN":
            self._note(fields)
        elif fields.get("outcome") == "failed" and not self._has(fields.get("request_id")):
            self._shown.append((fields.get("request_id"), ""))
            self._note({**fields, "message": f"the turn failed: {fields.get('kind')}"})

    def start(self, error: FunctionError) -> None:
        """Print why a process does not start."""
        fields, self._start = self._start, {}
        text = str(fields.get("detail") or error.message)
        self._print(f"[bold red]✗ The assistant does not start: {escape(text[:MAX_TEXT])}[/bold red]")
        frames = frames_of(str(fields.get("exception", "")))
        self._print_frames(frames)
        if not fields:
            for line in self._plain:
                self._print(f"  [dim]{escape(line)}[/dim]")
        self._plain.clear()

    def _failure(self, fields: Mapping[str, Any]) -> None:
        request = fields.get("request_id")
        text = str(fields.get("detail") or fields.get("exception_name") or fields.get("message"))
        if (request, text) in self._shown:
            return
        self._shown.append((request, text))
        self._print(f"[bold red]✗ {escape(text[:MAX_TEXT])}[/bold red]{_of(request)}")
        self._print_frames(frames_of(str(fields.get("exception", ""))))

    def _note(self, fields: Mapping[str, Any]) -> None:
        text, frames = _of_stack(str(fields.get("message")))
        self._print(f"[yellow]! {escape(text[:MAX_TEXT])}[/yellow]{_of(fields.get('request_id'))}")
        self._print_frames(frames)

    def _has(self, request: object) -> bool:
        return any(each[0] == request for each in self._shown)

    def _print_frames(self, frames: list[str]) -> None:
        for frame in frames:
            self._print(f"  {escape(frame)}")


def _of_stack(message: str) -> tuple[str, list[str]]:
    """Split a message that ends with a stack, `path:line in name`, into its text and the author's frames."""
    found = list(PLACE.finditer(message))
    if not found:
        return message, []
    own = [f"{_short(each[1])}:{each[2]} in {each[3]}" for each in found if _is_authors(Path(each[1]))]
    return message[: found[0].start()].rstrip(" :\n"), own[-SHOWN_FRAMES:]


def _of(request: object) -> str:
    return f"  [dim]request {escape(str(request))}[/dim]" if request else ""


def frames_of(trace: str) -> list[str]:
    """Return the author's frames of a traceback, innermost last; the innermost of all if none is the author's."""
    found = [
        (Path(file), f"{_short(file)}:{line} in {name.strip()}{f'  {code.strip()}' if code else ''}")
        for file, line, name, code in FRAME.findall(trace)
    ]
    own = [text for file, text in found if _is_authors(file)]
    return own[-SHOWN_FRAMES:] or [text for _, text in found[-1:]]


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else file


def _is_authors(file: Path) -> bool:
    libraries = {sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["purelib"], f"{sys.base_prefix}/lib"}
    if str(file).startswith("<") or any(file.is_relative_to(folder) for folder in libraries):
        return False
    return not any(file.is_relative_to(ROOT / each) for each in OURS) and "site-packages" not in file.parts
