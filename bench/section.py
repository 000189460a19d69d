"""One benchmark's part of `docs/performance.md`: text made of its figures, and the goals beside what was measured.

    def section(result: Result) -> Section:
        ratio = result.figures["naive_ms"] / result.figures["ours_ms"]
        goal = Goal("cold_start.list", "a cold start that lists", "under 40 %", f"{ratio:.0%}", ratio < 0.4)
        return Section("Cold start", table(["", "ms"], [["ours", "412"]]), [goal])

A section is a function of the result alone, so that the document can be made anew from the stored results and compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from bench.results import Result


@dataclass(frozen=True)
class Goal:
    """A figure beside what it ought to be.

    `key` is by which `bench/shortfalls.toml` gives the reason when it is not met.
    """

    key: str
    what: str
    wanted: str
    found: str
    met: bool


@dataclass(frozen=True)
class Section:
    title: str
    text: str  # Markdown, without the heading
    goals: Sequence[Goal] = field(default_factory=tuple[Goal, ...])


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are figures."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, marks, *rows])


def number(value: float) -> str:
    """Return a figure with three digits that matter: `0.0123`, `4.57`, `91,920`."""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def as_measured(title: str, result: Result) -> Section:
    """Return the section of a result that has none of its own: its figures as they are."""
    return Section(title, table(["", "figure"], [[name, text] for name, text in _flat(result.figures)]))


def _flat(figures: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            found += _flat(cast("Mapping[str, Any]", value), f"{above}{name}, ")
        elif isinstance(value, int | float):
            found.append((above + name, number(value)))
        elif isinstance(value, str):
            found.append((above + name, value))
    return found
