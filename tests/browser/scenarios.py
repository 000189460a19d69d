"""A pytest plugin that prints the browser tests' results at the end of a run: a table of scenarios for each chat.

    @pytest.mark.scenario("stop during an answer")
    async def test_…(visitor: Visitor) -> None: …          # once for each `wiring`

A test without the parameter `wiring` is listed under "the page".
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

COLUMNS = {"plain": "plain chat", "official": "ChatKit's wiring", "page": "the page"}
SIGNS = {"passed": "✓", "failed": "✗", "error": "✗", "skipped": "–"}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "scenario(text): a row in the table of browser scenarios")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := item.get_closest_marker("scenario"):
            callspec = getattr(item, "callspec", None)
            column = callspec.params.get("wiring", "page") if callspec else "page"
            item.user_properties.append(("scenario", (marker.args[0], column)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows: dict[str, dict[str, str]] = defaultdict(dict)
    for outcome, sign in SIGNS.items():
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):  # a failed collection has none
                if name == "scenario":
                    text, column = value
                    if rows[text].get(column) != SIGNS["failed"]:
                        rows[text][column] = sign
    if rows:
        terminalreporter.section("browser scenarios")
        width = max(map(len, rows)) + 2
        terminalreporter.line(" " * width + "".join(f"{title:18}" for title in COLUMNS.values()))
        for text in sorted(rows):
            cells = "".join(f"{rows[text].get(column, ''):18}" for column in COLUMNS)
            terminalreporter.line(f"{text:{width}}{cells}".rstrip())
