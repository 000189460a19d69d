"""Makes `docs/evidence/performance.md` of the results in `tools/bench/results`.

    python -m tools.bench.report

Nothing is measured here, and nothing in the document is written by hand but the reasons why a goal is missed
(`tools/bench/shortfalls.toml`): a test makes the document again and compares.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Mapping

from rich.console import Console

from tools import ROOT
from tools.bench import results
from tools.bench.results import Result
from tools.bench.section import Goal, Section
from tools.bench.sections import cold_start, cost, store, streaming, turn

DOCUMENT = ROOT / "docs" / "evidence" / "performance.md"
REASONS = ROOT / "tools" / "bench" / "shortfalls.toml"
NO_REASON = "**no reason is given in `tools/bench/shortfalls.toml`**"
# In the order of the document; a result that was not measured yet is left out.
SECTIONS: Mapping[str, Callable[[Result], Section]] = {
    "streaming": streaming.section,
    "cold_start": cold_start.section,
    "turn": turn.section,
    "store": store.section,
    "cost": cost.section,
}
HEAD = """\
# Performance

<!-- Made by `python -m tools.bench.report` from tools/bench/results/*.json. A test compares: edit nothing here. -->

`make bench` measures everything on this page anew and writes it. Peers run in the same run on the same machine, taking
turns with us round by round, so the ratios carry over to other machines and the milliseconds do not.
"""


def document(measured: Mapping[str, Result], reasons: Mapping[str, str]) -> str:
    """Return the document of these results."""
    sections = {name: make(measured[name]) for name, make in SECTIONS.items() if name in measured}
    goals = [goal for section in sections.values() for goal in section.goals]
    parts = [HEAD, "## Goals", goal_table(goals), shortfalls(goals, reasons)]
    for name, section in sections.items():
        parts += [f"## {section.title}", section.text, origin(name, measured[name])]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def goal_table(goals: list[Goal]) -> str:
    rows = [f"| {each.what} | {each.wanted} | {each.found} | {'✓' if each.met else '✗'} |" for each in goals]
    return "\n".join(["| | goal | measured | |", "|---|---|---|---|", *rows])


def shortfalls(goals: list[Goal], reasons: Mapping[str, str]) -> str:
    """Return what is missed, each with its reason."""
    missed = [f"- {each.what}: {reasons.get(each.key, NO_REASON).strip()}" for each in goals if not each.met]
    return "\n".join(["What falls short, and why:", "", *missed]) if missed else ""


def origin(name: str, result: Result) -> str:
    """Return where, when and of what a result is."""
    about = result.machine
    place = (
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']} GB, {about['architecture']}, {about['system']}"
    )
    made_of = ", ".join(f"{package} {number}" for package, number in result.versions.items())
    at = result.measured_at.replace("T", " ").removesuffix("Z")
    figures = f"[figures](../../tools/bench/results/{name}.json)"
    return f"*Measured {at} UTC at commit {result.commit}: {place}; {made_of} ({figures}).*"


def measured() -> dict[str, Result]:
    """Return the results there are."""
    return {name: results.read(name) for name in SECTIONS if results.path(name).exists()}


def reasons() -> dict[str, str]:
    return tomllib.loads(REASONS.read_text())


def main() -> int:
    """Write the document; 1 if a goal is missed without a reason."""
    text = document(measured(), reasons())
    DOCUMENT.write_text(text)
    console = Console()
    console.print(f"wrote {DOCUMENT.relative_to(ROOT)}")
    if NO_REASON in text:
        console.print("[red]a goal is missed, and tools/bench/shortfalls.toml does not say why")
    return NO_REASON in text


if __name__ == "__main__":
    sys.exit(main())
