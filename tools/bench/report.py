"""Writes `docs/evidence/performance.md` from the results in `tools/bench/results`.

    python -m tools.bench.report

It measures nothing. The only text that is written by hand are the reasons for missed goals
(`tools/bench/shortfalls.toml`); a test writes the document again and compares.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Mapping

from rich.console import Console

from tools import ROOT
from tools.bench import cold_start, memory_size, results, store, turn
from tools.bench.cost import section as cost
from tools.bench.results import Result
from tools.bench.section import Goal, Section, fold, goal_table, origin
from tools.bench.streaming import section as streaming

DOCUMENT = ROOT / "docs" / "evidence" / "performance.md"
REASONS = ROOT / "tools" / "bench" / "shortfalls.toml"
NO_REASON = "**missing in `tools/bench/shortfalls.toml`**"
# In the document's order. Results that have not been measured are omitted.
SECTIONS: Mapping[str, Callable[[Result], Section]] = {
    "streaming": streaming.section,
    "cold_start": cold_start.section,
    "memory_size": memory_size.section,
    "turn": turn.section,
    "store": store.section,
    "cost": cost.section,
}
HEAD = """\
# Performance

<!-- Made by `python -m tools.bench.report` from tools/bench/results/*.json. A test compares: edit nothing here. -->

`make bench` runs all measurements and writes this page. Peers run in the same run on the same machine, in turns with
our code, so the ratios are valid for other machines, and the milliseconds are not.
"""


def document(measured: Mapping[str, Result], reasons: Mapping[str, str]) -> str:
    """Return the document of these results."""
    sections = {name: make(measured[name]) for name, make in SECTIONS.items() if name in measured}
    goals = [goal for section in sections.values() for goal in section.goals]
    pictures = [section.picture for section in sections.values() if section.picture]
    parts = [HEAD, "## Goals", goal_table(goals), shortfalls(goals, reasons), *pictures]
    for name, section in sections.items():
        details = fold("Method and figures", section.details, origin(name, measured[name]))
        parts += [f"## {section.title}", section.lead, details]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def shortfalls(goals: list[Goal], reasons: Mapping[str, str]) -> str:
    """Return the missed goals with their reasons."""
    missed = [f"- {each.title}: {reasons.get(each.key, NO_REASON).strip()}" for each in goals if not each.met]
    return "\n".join(["Missed goals and their reasons:", "", *missed]) if missed else ""


def measured() -> dict[str, Result]:
    """Return the results that have been measured."""
    return {name: results.read(name) for name in SECTIONS if results.path(name).exists()}


def reasons() -> dict[str, str]:
    return tomllib.loads(REASONS.read_text())


def main() -> int:
    """Write the document. Return 1 if a missed goal has no reason."""
    text = document(measured(), reasons())
    DOCUMENT.write_text(text)
    console = Console()
    console.print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    if NO_REASON in text:
        console.print("[red]a goal is missed; add the reason to tools/bench/shortfalls.toml")
    return NO_REASON in text


if __name__ == "__main__":
    sys.exit(main())
