"""The command line: `python -m tools.soak load|life|reload|faults|quick`; without an argument all but `quick`.

Exit code 1 when stored data differs from the users' ledgers, when a process grows, or when a goal is missed. `quick`
runs some of the faults with few users and a short life of a process, for CI, and writes no results.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace

from rich.console import Console

from tools.bench import results
from tools.bench.results import Result
from tools.bench.section import Goal
from tools.soak import report
from tools.soak.life import LifePlan, leaks, life
from tools.soak.phases import PHASES, RELOADING, SLEEPING
from tools.soak.run import PACKAGES, FaultPlan, LoadPlan, Results, faults, load
from tools.soak.screen import Screen
from tools.soak.stage import LOG, Scale

LOAD = LoadPlan(Scale(users=200, processes=20), seconds=600, think_seconds=20)
FAULTS = FaultPlan(Scale(users=40, processes=16, timeout_seconds=8), seconds_each=8)
SLEEPERS = FaultPlan(Scale(users=16, processes=12, timeout_seconds=60), seconds_each=80, phases=[SLEEPING])
RELOADERS = FaultPlan(Scale(users=6, processes=12, timeout_seconds=60), seconds_each=90, phases=[RELOADING])
QUICK_PHASES = (
    "no fault",
    "process killed",
    "DynamoDB failing",
    "S3 failing",
    "model cut",
    "turn sent three times",
    "stops",
    "readers come and go",
)
QUICK_LIFE = LifePlan(turns=60, samples=12)
QUICK = FaultPlan(
    Scale(users=16, processes=6, timeout_seconds=8),
    seconds_each=4,
    phases=[phase for phase in PHASES if phase.name in QUICK_PHASES],
)  # fmt: skip


def violations(found: Results) -> list[str]:
    """Return all violations of a run."""
    parts = [found["check"], found.get("load", {}), *found.get("phases", {}).values()]
    return [each for part in parts for each in part.get("violations", [])]


def joined(run: Results, other: Results) -> Results:
    """Return the results of a run with the phases and violations of another one."""
    check = {**run["check"], "violations": [*run["check"]["violations"], *other["check"]["violations"]]}
    return {**run, "phases": {**run["phases"], **other["phases"]}, "check": check}


def conclude(console: Console, found: list[Results], reached: list[Goal]) -> int:
    """Print violations and goals; return the exit code."""
    wrong = [each for run in found for each in violations(run)]
    for each in wrong:
        console.print(f"[red]{each}[/red]", highlight=False, soft_wrap=True)
    for goal in reached:
        colour = "green" if goal.met else "red"
        console.print(f"[{colour}]{goal.title}: {goal.found}[/{colour}] (goal: {goal.wanted})", highlight=False)
    if wrong:
        console.print(f"the function's log: {LOG}")
    return 1 if wrong or not all(goal.met for goal in reached) else 0


async def run(part: str, console: Console, minutes: float | None = None, turns: int = LifePlan.turns) -> int:
    with Screen(console) as screen:
        if part == "quick":
            short = await life(QUICK_LIFE, screen)
            short["check"]["violations"] += leaks(short["course"])
            return conclude(console, [await faults(QUICK, screen), short], [])
        found: dict[str, Results] = {}
        if part in ("load", "all"):
            found[report.LOAD] = await load(replace(LOAD, seconds=minutes * 60) if minutes else LOAD, screen)
        if part in ("life", "all"):
            found[report.LIFE] = await life(LifePlan(turns), screen)
        if part in ("reload", "all"):
            found[report.RELOAD] = await faults(RELOADERS, screen)
        if part in ("faults", "all"):
            found[report.FAULTS] = joined(await faults(FAULTS, screen), await faults(SLEEPERS, screen))
    for name, figures in found.items():
        results.write(name, figures, PACKAGES)
    if all(results.path(name).exists() for name in (report.LOAD, report.FAULTS)):
        report.main()
    made: dict[str, Result] = {name.removeprefix("soak_"): results.read(name) for name in found}
    return conclude(console, list(found.values()), report.goals(**made))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.soak", description="Load and fault runs, checked by an oracle."
    )
    parser.add_argument("part", nargs="?", default="all", choices=["load", "life", "reload", "faults", "all", "quick"])
    parser.add_argument("--minutes", type=float, help="length of the load run (default: 10)")
    parser.add_argument("--turns", type=int, default=LifePlan.turns, help="turns of the life run (default: 5000)")
    given = parser.parse_args()
    return asyncio.run(run(given.part, Console(), given.minutes, given.turns))


if __name__ == "__main__":
    sys.exit(main())
