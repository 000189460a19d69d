"""One benchmark's part of `docs/evidence/performance.md`: text made of its figures, and goals next to measurements.

    def section(result: Result) -> Section:
        ratio = result.figures["naive_ms"] / result.figures["ours_ms"]
        goal = Goal("cold_start.list", "a cold start that lists", "under 40 %", f"{ratio:.0%}", ratio < 0.4)
        return Section("Cold start", table(["", "ms"], [["ours", "412"]]), [goal])

A section is a function of the result alone, so that the document can be made anew from the stored results and compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """A figure beside what it ought to be.

    `key` is by which `tools/bench/shortfalls.toml` gives the reason when it is not met.
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
