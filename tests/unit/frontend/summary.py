"""A pytest plugin that prints the number of passed frontend tests at the end of a run."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == "vitest":
                    terminalreporter.section("the frontend's own tests")
                    terminalreporter.line(f"vitest          {value}")
