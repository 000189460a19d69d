"""The command line: `python -m tools.attack --seconds 90`; `--publish` writes docs/evidence/attack.md.

Exit code 1 if a goal is missed. A run is bounded by ten minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from rich.console import Console

from tools.attack import report
from tools.attack.run import Plan, attack
from tools.bench import results
from tools.bench.results import Result
from tools.soak.run import PACKAGES, Results
from tools.soak.screen import Screen

BOUND_SECONDS = 600
LONGEST_PHASE_SECONDS = 200


async def run(plan: Plan, console: Console) -> Results:
    with Screen(console) as screen:
        async with asyncio.timeout(BOUND_SECONDS):
            return await attack(plan, screen)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.attack", description="One hostile user against twenty.")
    parser.add_argument("--seconds", type=float, default=90, help="duration of each of the two phases, at most 200")
    parser.add_argument("--publish", action="store_true", help="write docs/evidence/attack.md")
    arguments = parser.parse_args()
    console = Console()
    figures = asyncio.run(run(Plan(min(arguments.seconds, LONGEST_PHASE_SECONDS)), console))
    for name, outcomes in figures["hostile"].items():
        console.print(f"{name}: {outcomes}", highlight=False)
    for name in ("alone", "attacked", "check"):
        console.print(f"{name}: {figures[name]}", highlight=False)
    if arguments.publish:
        results.write(report.RESULT, figures, PACKAGES)
        report.main()
    goals = report.goals(Result("", "", {}, {}, figures))
    for goal in goals:
        colour = "green" if goal.met else "red"
        console.print(f"[{colour}]{goal.title}: {goal.found}[/{colour}] (goal: {goal.wanted})", highlight=False)
    return 0 if all(goal.met for goal in goals) else 1


if __name__ == "__main__":
    sys.exit(main())
