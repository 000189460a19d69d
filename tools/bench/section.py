"""One benchmark's section of a report in `docs/evidence`: Markdown from its figures, and goals next to measurements.

    def section(result: Result) -> Section:
        ratio = result.figures["naive_ms"] / result.figures["ours_ms"]
        goal = Goal("cold_start.list", "cold start with a list", "< 40 %", f"{ratio:.0%}", ratio < 0.4)
        return Section("Cold start", "Ours needs half the time.", table(["", "ms"], [["ours", "412"]]), [goal])

A section depends on the result alone, so that a test can write the document again from the stored results and compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.bench.results import Result


@dataclass(frozen=True)
class Goal:
    """A measured figure and its goal. `key` selects the reason in `tools/bench/shortfalls.toml` if it is not met."""

    key: str
    title: str
    wanted: str
    found: str
    met: bool


@dataclass(frozen=True)
class Section:
    """Markdown without the heading: `lead` is always visible, `details` are folded, `picture` comes between them."""

    title: str
    lead: str
    details: str
    goals: Sequence[Goal] = field(default_factory=tuple[Goal, ...])
    picture: str = ""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table. All columns but the first are right-aligned."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, marks, *rows])


def goal_table(goals: Sequence[Goal]) -> str:
    """Return the Markdown table of goals and measurements."""
    rows = [f"| {each.title} | {each.wanted} | {each.found} | {'✓' if each.met else '✗'} |" for each in goals]
    return "\n".join(["| | goal | measured | |", "|---|---|---|---|", *rows])


def fold(summary: str, *parts: str) -> str:
    """Return `parts` in a fold with `summary` as its title. GitHub needs the empty lines."""
    return "\n\n".join([f"<details>\n<summary>{summary}</summary>", *parts, "</details>"])


def origin(name: str, result: Result) -> str:
    """Return a line with time, commit, machine and versions of a result."""
    about = result.machine
    place = (
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, {about['architecture']}, {about['system']}"
    )
    versions = ", ".join(f"{package} {number}" for package, number in result.versions.items())
    at = result.measured_at.replace("T", " ").removesuffix("Z")
    figures = f"[figures](../../tools/bench/results/{name}.json)"
    return f"*Measured {at} UTC at commit {result.commit}: {place}; {versions} ({figures}).*"


def number(value: float) -> str:
    """Return a figure with three significant digits: `0.0123`, `4.57`, `91,920`."""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if value else "0"
