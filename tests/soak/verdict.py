"""The goals of `make soak` beside what was found; a run that misses one fails."""

from __future__ import annotations

from bench.results import Result
from bench.section import Goal

FLAT_SHARE = 0.05
"""How much a process may grow after the first quarter of a load run."""
WRONG = "items lost, doubled, foreign, changed, reordered or back again"


def goals(load: Result | None, faults: Result | None) -> list[Goal]:
    """Return the goals of the runs that there are."""
    return [*(load_goals(load) if load else []), *(fault_goals(faults) if faults else [])]


def load_goals(load: Result) -> list[Goal]:
    figures = load.figures
    users, minutes, memory = figures["users"], figures["load"]["seconds"] / 60, figures["memory"]
    violations = len(figures["load"]["violations"]) + len(figures["check"]["violations"])
    grown = memory["last_mb"] / memory["first_mb"] - 1
    flat = grown <= FLAT_SHARE
    return [
        Goal("soak.users", "users at once", "200, 5 min", f"{users}, {minutes:.1f} min", users >= 200 and minutes >= 5),
        Goal("soak.load", WRONG, "0", f"{violations}", violations == 0),
        Goal("soak.memory", "growth of a process", f"≤ {FLAT_SHARE:.0%}", f"{grown:+.1%}", flat),
    ]


def fault_goals(faults: Result) -> list[Goal]:
    phases = faults.figures["phases"]
    violations = sum(len(each["violations"]) for each in (*phases.values(), faults.figures["check"]))
    what = f"the same, while {len(phases) - 1} things break one after the other"
    return [Goal("soak.faults", what, "0", f"{violations}", violations == 0)]
