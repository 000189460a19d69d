"""The goals of `make soak` beside what was found; a run that misses one fails."""

from __future__ import annotations

from tools.bench.results import Result
from tools.bench.section import Goal

FLAT_MB = 0.3
WRONG = "items lost, doubled, foreign, changed, reordered or back again"


def goals(load: Result | None = None, faults: Result | None = None, memory: Result | None = None) -> list[Goal]:
    """Return the goals of the runs that there are."""
    return [
        *(load_goals(load) if load else []),
        *(fault_goals(faults) if faults else []),
        *(memory_goals(memory) if memory else []),
    ]


def load_goals(load: Result) -> list[Goal]:
    figures = load.figures
    users, minutes = figures["users"], figures["load"]["seconds"] / 60
    violations = len(figures["load"]["violations"]) + len(figures["check"]["violations"])
    return [
        Goal("soak.users", "users at once", "200, 5 min", f"{users}, {minutes:.1f} min", users >= 200 and minutes >= 5),
        Goal("soak.load", WRONG, "0", f"{violations}", violations == 0),
    ]


def memory_goals(memory: Result) -> list[Goal]:
    """The first run found 1.0 MB: the store kept what the last 1 024 requests knew of their threads."""
    grown = memory.figures["mb_per_100_turns"]
    what = f"growth of one process by 100 turns, once it has had {memory.figures['warm_turns']}"
    return [Goal("soak.memory", what, f"≤ {FLAT_MB} MB", f"{grown:+.2f} MB", grown <= FLAT_MB)]


def fault_goals(faults: Result) -> list[Goal]:
    phases = faults.figures["phases"]
    violations = sum(len(each["violations"]) for each in (*phases.values(), faults.figures["check"]))
    what = f"the same, while {len(phases) - 1} things break one after the other"
    return [Goal("soak.faults", what, "0", f"{violations}", violations == 0)]
