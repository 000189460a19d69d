"""The run: twenty ordinary users, alone and under attack in turn, so that a slow moment of the machine meets both.

    figures = await attack(Plan(seconds=90), watch)

Ordinary users are those of `make soak`, and its oracle compares all their stored data at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.attack.hostile import Hostile
from tools.local.stack import Stack
from tools.soak.habits import EVERYDAY, Habits
from tools.soak.run import Results, Watch
from tools.soak.stage import Scale, Stage, running_stage
from tools.soak.tally import Tally
from tools.soak.user import User

ORDINARY = 20
PROCESSES = 16
FINISH_LIMIT_SECONDS = 90
SLICES = 3
PEACEFUL = {name: weight for name, weight in EVERYDAY.items() if name not in ("leave", "delete")}
"""Without leaving, so that a slow answer belongs to a turn that somebody reads, and without deleting."""


@dataclass(frozen=True)
class Plan:
    """`seconds` is the duration of each of the two phases, which take turns in SLICES slices."""

    seconds: float = 90
    think_seconds: float = 10


async def reserved(_: Stack) -> Mapping[str, str]:
    """Return the variable that keeps a fifth of the processes free; the limits are the defaults."""
    return {"RESERVED_CONCURRENCY": str(PROCESSES)}


async def attack(plan: Plan, watch: Watch) -> Results:
    """Run both phases and return their figures."""
    async with running_stage(Scale(users=ORDINARY + 1, processes=PROCESSES), watch.step, reserved) as stage:
        *ordinary, attacker = stage.users
        hostile = Hostile(stage.url, attacker.token, ordinary)
        await live(stage, ordinary, Plan(min(20, plan.seconds), 5), Tally("warm-up"), watch)
        alone, attacked = Tally("alone"), Tally("attacked")
        slice_ = Plan(plan.seconds / SLICES, plan.think_seconds)
        for _ in range(SLICES):
            await live(stage, ordinary, slice_, alone, watch)
            await live(stage, ordinary, slice_, attacked, watch, hostile)
        after = Tally("check")
        for user in ordinary:
            await user.check_everything(after)
        return figures(plan, alone, attacked, after, hostile)


async def live(
    stage: Stage, users: list[User], plan: Plan, tally: Tally, watch: Watch, hostile: Hostile | None = None
) -> None:
    """Let the users live for a while, and a hostile one attack; wait until no process is busy."""
    clock = asyncio.get_running_loop()
    until = clock.time() + plan.seconds
    habits = Habits(PEACEFUL, plan.think_seconds)
    everyone = asyncio.gather(
        *(user.live(habits, tally, until) for user in users), *([hostile.attack(until)] if hostile else [])
    )
    async with asyncio.timeout_at(until + FINISH_LIMIT_SECONDS):
        while not everyone.done():
            await asyncio.wait({everyone}, timeout=1.0)
            watch.second(tally, stage.processes, until - clock.time())
    await everyone
    await stage.processes.function.idle()
    tally.ended_at = time.monotonic()
    watch.phase_over(tally)


def figures(plan: Plan, alone: Tally, attacked: Tally, after: Tally, hostile: Hostile) -> dict[str, Any]:
    without, during = alone.summary(), attacked.summary()
    return {
        "seconds": plan.seconds,
        "ordinary_users": ORDINARY,
        "processes": PROCESSES,
        "alone": without,
        "attacked": during,
        "check": after.summary(),
        "ratio": round(during["first_word_ms"]["p95"] / without["first_word_ms"]["p95"], 2),
        "refusals": sum(during["refusals"].values()),
        "leaks": len(hostile.leaks) + len(attacked.violations) + len(after.violations),
        "hostile": {name: dict(found.most_common()) for name, found in sorted(hostile.outcomes.items())},
    }
