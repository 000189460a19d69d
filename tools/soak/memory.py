"""The memory run: one process handles hundreds of turns, with measurements in between.

A process grows in steps during its first 300 turns (148 MB after 25, 153 after 325, the same after 400). In a run with
many processes, none of them reaches that number within minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.local.stack import Stack
from tools.soak.processes import pss_mb
from tools.soak.run import GENEROUS, Watch
from tools.soak.stage import Scale, running_stage
from tools.soak.tally import Tally
from tools.soak.user import EVERYDAY, Habits


@dataclass(frozen=True)
class MemoryPlan:
    turns: int = 800
    warm_turns: int = 400
    step_turns: int = 50


async def unlimited(_: Stack) -> Mapping[str, str]:
    return {"LIMITS": GENEROUS}


async def memory(plan: MemoryPlan, watch: Watch) -> dict[str, Any]:
    """Return the course of a process's memory and its slope after the warm-up."""
    async with running_stage(Scale(users=4, processes=1), watch.step, unlimited) as stage:
        assert stage.stack.model is not None
        stage.stack.model.delay_seconds = 0.0
        (process,) = stage.processes.alive
        tally = Tally("memory")
        course: list[tuple[int, float]] = []
        for turn in range(plan.turns + 1):
            if turn % plan.step_turns == 0:
                course.append((turn, round(pss_mb(process.pid) or 0.0, 2)))
                watch.step(f"memory: {turn} of {plan.turns} turns, {course[-1][1]} MB")
            await stage.users[turn % len(stage.users)].chat_once(Habits(EVERYDAY, 1, words=(5, 10)), tally)
        for user in stage.users:
            await user.check_everything(tally)
        watch.phase_over(tally)
        return {
            "turns": plan.turns,
            "warm_turns": plan.warm_turns,
            "course": course,
            "mb_per_100_turns": round(slope([each for each in course if each[0] >= plan.warm_turns]) * 100, 3),
            "processes": len(stage.processes.function.cold_starts),
            "check": tally.summary(),
        }


def slope(course: list[tuple[int, float]]) -> float:
    """Return the median slope over all pairs of points (Theil–Sen), which one outlier does not affect."""
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(course) for b in course[n + 1 :]]
    return sorted(pairs)[len(pairs) // 2]
