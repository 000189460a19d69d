"""A pytest plugin: prints at the end of a run how many tests of the store's contract each backend passed.

pytest_plugins = ["tests.contracts.summary"]      # in tests/conftest.py
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

CONTRACT = re.compile(r"store/test_contract\.py::Test(\w+)::")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if found := CONTRACT.search(report.nodeid):
                counts.setdefault(found[1], Counter())[outcome] += 1
    if counts:
        terminalreporter.section("the store's contract")
        for backend, outcomes in sorted(counts.items()):
            terminalreporter.line(f"{backend:16}" + ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items()))
