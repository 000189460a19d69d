"""A pytest plugin: at the end of a run, one line for each reason for which tests were skipped.

pytest_plugins = ["tests.skips"]      # in tests/conftest.py
"""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    names: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        names.setdefault(reason, []).append(report.nodeid.rpartition("::")[0])
    if names:
        terminalreporter.section("skipped")
        for reason, skipped in names.items():
            terminalreporter.line(f"{len(skipped)} tests of {', '.join(sorted(set(skipped)))}: {reason}")
