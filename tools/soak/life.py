"""The life run: one process handles thousands of turns with files, stops, failures and attached readers.

    results = await life(LifePlan(turns=5000), watch)
    growth(results["course"])               # per 1,000 turns, from the middle of the run to its end

A process grows while it warms up (by 20 MB in its first 600 turns, then by 0.6 until the 1,000th), so only the second
half of a run tells whether it keeps something of each turn. A second process serves the requests that arrive
while the first is busy with a turn: cancellations, and readers that attach.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

from tools.local.stack import Stack
from tools.soak.habits import EVERYDAY, Habits
from tools.soak.oracle import Violation
from tools.soak.posting import BUSY
from tools.soak.processes import own_mb
from tools.soak.proxy import Deed, Fault, FaultyProxy, model
from tools.soak.run import GENEROUS, Watch
from tools.soak.stage import Scale, Stage, running_stage
from tools.soak.tally import Tally
from tools.soak.user import User

QUICK = Habits(EVERYDAY, think_seconds=1, words=(5, 10))
DISTURBED = Habits(EVERYDAY, think_seconds=1, words=(5, 10), undisturbed=False)
UNLIMITED = json.dumps(
    {**json.loads(GENEROUS), **dict.fromkeys(("requests_per_minute", "user_tokens_per_day", "all_turns_per_day"))}
)
"""Limits for a few users with thousands of turns; by default, the tokens of a day end after some 700 turns each."""
CUT = Fault((Deed.CUT,), model, chunks=1)
FAILING = Fault((Deed.THROTTLE, Deed.FAIL), model, 0.5)
WORD_SECONDS = 0.002
"""Pause before each word, so that a stop or a second reader finds the turn running."""
KINDS = (
    *("follow", "stop", "follow", "file", "follow", "refresh", "follow", "model cut", "follow", "leave"),
    *("follow", "second_tab", "follow", "retry", "file", "stop", "follow", "refresh", "follow", "model failing"),
)
"""The kinds of turns, which repeat in this order. Every kind but the failures is an action of `User`."""


@dataclass(frozen=True)
class LifePlan:
    turns: int = 5000
    samples: int = 50


class Sample(NamedTuple):
    """One measurement of a process after a number of turns; `mb` is `own_mb`."""

    turns: int
    mb: float
    descriptors: int
    threads: int


MEASURES = Sample._fields[1:]
FLAT = {"mb": 2.0, "descriptors": 1.0, "threads": 1.0}
"""The largest accepted growth per 1,000 turns, by measure. A file left open by each turn would be 1,000."""
FEW = 8
"""Descriptors or threads that a short run may gain in its second half, while pools still fill."""


async def life(plan: LifePlan, watch: Watch) -> dict[str, Any]:
    """Return the course of a process's memory, file descriptors and threads, and the comparison of all stored data."""
    async with AsyncExitStack() as parts:
        proxies: list[FaultyProxy] = []

        async def environment(stack: Stack) -> Mapping[str, str]:
            assert stack.model is not None, "the run needs the local model: unset OPENAI_API_KEY"
            stack.model.delay_seconds = WORD_SECONDS
            proxies.append(await parts.enter_async_context(FaultyProxy(stack.model.url)))
            return {"LIMITS": UNLIMITED, "OPENAI_BASE_URL": proxies[0].url}

        stage = await parts.enter_async_context(running_stage(Scale(users=4, processes=2), watch.step, environment))
        tally = Tally("life")
        kinds, course = await _live(plan, stage, proxies[0], tally, watch)
        tally.violations += refused(tally)  # before the comparison, which asks for deleted threads
        for user in stage.users:
            await user.check_everything(tally)
        watch.phase_over(tally)
        return {
            "turns": course[-1].turns,
            "all_turns": tally.turns,
            "kinds": kinds,
            "course": course,
            "growth": growth(course),
            "processes": len(stage.processes.function.cold_starts),
            "check": tally.summary(),
        }


async def _live(
    plan: LifePlan, stage: Stage, proxy: FaultyProxy, tally: Tally, watch: Watch
) -> tuple[Counter[str], list[Sample]]:
    """Take turns until one process has begun enough of them, and measure that process."""
    turns, kinds, courses = Counter[int](), Counter[str](), dict[int, list[Sample]]()
    step = max(1, plan.turns // plan.samples)
    for kind, user in zip(cycle(KINDS), cycle(stage.users), strict=False):
        await stage.idle()  # including turns whose clients have left
        waiting = stage.processes.function.idle_processes
        pid = max((each.pid for each in waiting), key=lambda each: turns[each])  # the same one, as long as it lives
        stage.processes.function.prefer(pid)
        if turns[pid] % step == 0:
            courses.setdefault(pid, []).append(measured(pid, turns[pid]))
            watch.step(f"life: {turns[pid]} of {plan.turns} turns, {courses[pid][-1]}")
        if turns[pid] >= plan.turns:
            return kinds, courses[pid]
        turns[pid] += 1
        kinds[kind] += 1
        await _turn(kind, user, proxy, tally)
    raise AssertionError("`cycle` ends only without users")


async def _turn(kind: str, user: User, proxy: FaultyProxy, tally: Tally) -> None:
    """Let a user take one turn of this kind."""
    for conversation in user.conversations:
        conversation.rests_until = 0  # the process is idle
    proxy.fault = {"model cut": CUT, "model failing": FAILING}.get(kind)
    try:
        if proxy.fault:
            await user.act("follow", DISTURBED, tally)
        else:
            await user.act(kind, QUICK, tally)
    finally:
        proxy.fault = None


def refused(tally: Tally) -> list[Violation]:
    """Return the refusals of users who wait for each other: none is right, except that both processes are busy."""
    wrong = {name: count for name, count in tally.refusals.items() if name != BUSY}
    return [Violation("refused", "any", None, None, f"{name}: {count} times") for name, count in wrong.items()]


def measured(pid: int, turns: int) -> Sample:
    """Measure a running process."""
    status = Path(f"/proc/{pid}/status").read_text()
    threads = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:"))
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Sample(turns, round(own_mb(pid) or 0.0, 2), descriptors, threads)


def leaks(course: list[Sample]) -> list[str]:
    """Return the leaks that also a short run shows; its memory still grows with the warm-up."""
    middle, last = course[len(course) // 2], course[-1]
    gains = {"descriptors": last.descriptors - middle.descriptors, "threads": last.threads - middle.threads}
    return [f"leak: {gain} {name} in the second half" for name, gain in gains.items() if gain > FEW]


def growth(course: list[Sample]) -> dict[str, float]:
    """Return what a process gains per 1,000 turns in the second half of its course, by measure."""
    late = [each for each in course if each[0] * 2 >= course[-1][0]]
    return {
        name: round(slope([(each[0], each[place]) for each in late]) * 1000, 3)
        for place, name in enumerate(MEASURES, start=1)
    }


def slope(course: list[tuple[int, float]]) -> float:
    """Return the median slope over all pairs of points (Theil–Sen), which one outlier does not affect."""
    pairs = [(b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(course) for b in course[n + 1 :]]
    return sorted(pairs)[len(pairs) // 2]
