"""Failures in the terminal of `make dev`: the text and the author's frames, once."""

from __future__ import annotations

import json

import pytest

from tools import ROOT
from tools.local.failures import DOES_NOT_START, Failures, frames_of
from tools.local.function.errors import FunctionError

TRACE = f"""Traceback (most recent call last):
  File "{ROOT}/.venv/lib/python3.11/site-packages/chatkit/server.py", line 858, in _process_events
    async for event in stream():
  File "{ROOT}/functions/chat/chat_api/turn.py", line 124, in _next
    event = await anext(events)
            ^^^^^^^^^^^^^^^^^^^
  File "{ROOT}/app/assistant.py", line 65, in respond
    price(1)
  File "{ROOT}/app/prices.py", line 3, in price
    return 1 / 0
ZeroDivisionError: …"""


class Terminal(list[str]):
    def __init__(self) -> None:
        super().__init__()
        self.failures = Failures(self.append)

    def log(self, **fields: object) -> None:
        self.failures.line(json.dumps({"level": "ERROR", **fields}))

    @property
    def text(self) -> str:
        return "\n".join(self)


@pytest.mark.feature("visible-errors")
@pytest.mark.promise("B2")
class TestRunTime:
    def test_shows_the_text_the_request_and_the_authors_frames(self) -> None:
        terminal = Terminal()

        terminal.log(detail="ZeroDivisionError: division by zero", exception=TRACE, request_id="r1")

        assert "ZeroDivisionError: division by zero" in terminal[0]
        assert "request r1" in terminal[0]
        assert terminal[1:] == [
            "  app/assistant.py:65 in respond  price(1)",
            "  app/prices.py:3 in price  return 1 / 0",
        ]

    def test_shows_a_failure_once_in_a_request(self) -> None:
        terminal = Terminal()
        for request in ("r1", "r1", "r2"):
            terminal.log(detail="ValueError: x", request_id=request)

        assert len(terminal) == 2

    def test_shows_warnings_and_failed_turns_without_an_error(self) -> None:
        terminal = Terminal()
        terminal.log(level="WARN", message="an item was never done", request_id="r1")
        terminal.log(level="INFO", message="turn ended", outcome="failed", kind="CustomStreamError", request_id="r2")

        assert "an item was never done" in terminal[0]
        assert "CustomStreamError" in terminal[1]

    @pytest.mark.parametrize("line", ["", "not json", "[]", "5", '{"message": "no level"}', '{"level": "INFO"}'])
    def test_other_lines_are_silent(self, line: str) -> None:
        terminal = Terminal()
        terminal.failures.line(line)

        assert not terminal

    def test_brackets_are_no_markup(self) -> None:
        terminal = Terminal()
        terminal.log(detail="KeyError: [red]x[/]")

        assert "\\[red]x" in terminal[0]


@pytest.mark.promise("B2")
class TestStart:
    def test_shows_the_cause_with_the_authors_frames(self) -> None:
        terminal = Terminal()
        terminal.log(message=DOES_NOT_START, detail="ValueError: no module shop", exception=TRACE)
        assert not terminal

        terminal.failures.start(FunctionError("ValueError", "short"))

        assert "does not start: ValueError: no module shop" in terminal[0]
        assert "app/prices.py:3" in terminal.text

    def test_shows_the_last_output_of_a_process_that_crashes(self) -> None:
        terminal = Terminal()
        terminal.failures.line("Fatal Python error: Segmentation fault")

        terminal.failures.start(FunctionError("Runtime.ExitError", "Runtime exited with exit status 139"))

        assert "exit status 139" in terminal[0]
        assert "Segmentation fault" in terminal[1]


def test_without_frames_of_the_author_the_innermost_is_shown() -> None:
    (frame,) = frames_of(TRACE.partition(f'  File "{ROOT}/app')[0])

    assert frame.startswith("functions/chat/chat_api/turn.py:124 in _next")


@pytest.mark.promise("B2")
def test_a_warning_with_a_stack_shows_the_authors_part() -> None:
    terminal = Terminal()
    stack = f"{ROOT}/functions/chat/chat_api/turn.py:124 in _next\n{ROOT}/app/assistant.py:3 in respond"
    terminal.log(level="WARN", message=f"the assistant broke the rule “the loop is never blocked”: {stack}")

    assert terminal == [
        "[yellow]! the assistant broke the rule “the loop is never blocked”[/yellow]",
        "  app/assistant.py:3 in respond",
    ]
