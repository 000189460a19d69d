"""The two runs: many users for minutes, and a few users during a series of faults.

    results = await load(LOAD, watch)
    results = await faults(FAULTS, watch)

Both end by comparing all stored data with the users' ledgers, and stop all processes.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from tools.local.aws import LocalStack
from tools.local.sign_in.user_pool import UserPool
from tools.local.stack import Stack
from tools.soak.course import course
from tools.soak.faults import Phase, Ring
from tools.soak.habits import EVERYDAY, Habits
from tools.soak.ledger import Life
from tools.soak.phases import PHASES
from tools.soak.processes import Processes
from tools.soak.proxy import FaultyProxy
from tools.soak.residue import residue
from tools.soak.stage import Scale, Stage, running_stage
from tools.soak.tally import Tally
from tools.soak.user import User

SAMPLE_SECONDS = 2.0
CHECKS_AT_ONCE = 8
FINISH_LIMIT_SECONDS = 90
WARM_SHARE = 0.25
"""Fraction of a load run after which memory must not grow any more."""
GENEROUS = '{"turns_per_minute": 1000, "uploads_per_minute": 1000, "turns_per_day": 100000, "uploads_per_day": 100000}'
"""Limits for the fault run, in which few users send many requests."""
PACKAGES = ("openai-chatkit", "openai-agents", "openai", "boto3", "fastapi", "awslambdaric", "mangum")

Results = dict[str, Any]


@dataclass(frozen=True)
class LoadPlan:
    scale: Scale
    seconds: float
    think_seconds: float
    ramp_seconds: float = 20.0


@dataclass(frozen=True)
class FaultPlan:
    scale: Scale
    seconds_each: float
    phases: Sequence[Phase] = PHASES


class Watch:
    """An observer of a run: receives steps, the current phase's tally every second, and finished phases."""

    def step(self, text: str) -> None: ...
    def second(self, tally: Tally, processes: Processes, left_seconds: float) -> None: ...
    def phase_over(self, tally: Tally) -> None: ...


async def load(plan: LoadPlan, watch: Watch) -> Results:
    """Run many users for some minutes, then compare everything."""
    async with running_stage(plan.scale, watch.step) as stage:
        tally, after = Tally("load"), Tally("check")
        clock = asyncio.get_running_loop()
        until = clock.time() + plan.seconds
        habits = Habits(EVERYDAY, plan.think_seconds)

        async def come(user: User, place: int) -> None:
            await asyncio.sleep(plan.ramp_seconds * place / len(stage.users))
            await user.live(habits, tally, until)

        lives = [come(user, place) for place, user in enumerate(stage.users)]
        await _together(lives, tally, stage.processes, watch, until)
        await stage.idle()
        tally.ended_at = time.monotonic()
        watch.step("comparing all stored data with the users' ledgers")
        await _each(stage.users, lambda user: user.check_everything(after))
        after.violations += await residue(stage.stack, stage.users)
        after.ended_at = time.monotonic()
        watch.phase_over(tally)
        warm_at = tally.started_at + plan.seconds * WARM_SHARE
        return {
            **asdict(plan.scale),
            "think_seconds": plan.think_seconds,
            "load": tally.summary(),
            "check": {**after.summary(), **_size(stage.users)},
            "memory": stage.processes.growth(warm_at),
            "cold_starts": len(stage.processes.function.cold_starts),
            "course": course([tally], stage.processes.samples),
        }


async def faults(plan: FaultPlan, watch: Watch) -> Results:
    """Cause one fault after the other while users chat; compare after each, and everything at the end."""
    async with AsyncExitStack() as parts:
        between = Between()
        stage = await parts.enter_async_context(running_stage(plan.scale, watch.step, between.start))
        await parts.enter_async_context(between.parts)
        ring = Ring(stage.processes, between.aws, between.model, between.model_server, between.keys, stage.users)
        tallies: list[Tally] = []
        counts: dict[str, Any] = {}
        for phase in plan.phases:
            tallies.append(await _run_phase(phase, plan.seconds_each, ring, stage, watch))
            counts[phase.name] = {
                "how": phase.how,
                **tallies[-1].summary(),
                "aws": ring.aws.take_counts(),
                "model": ring.model.take_counts(),
            }
        after = Tally("check")
        watch.step("comparing all stored data with the users' ledgers")
        await _each(stage.users, lambda user: user.check_everything(after))
        after.violations += await residue(stage.stack, stage.users)
        after.ended_at = time.monotonic()
        return {
            **asdict(plan.scale),
            "phases": counts,
            "check": {**after.summary(), **_size(stage.users)},
            "cold_starts": len(stage.processes.function.cold_starts),
            "course": course(tallies, stage.processes.samples),
        }


class Between:
    """The proxies between the function and AWS, the model and the pool's keys."""

    def __init__(self) -> None:
        self.parts = AsyncExitStack()

    async def start(self, stack: Stack) -> Mapping[str, str]:
        """Start the proxies and return the function's environment."""
        assert stack.model is not None, "the run needs the local model: unset OPENAI_API_KEY"
        self.model_server = stack.model
        self.aws = await self.parts.enter_async_context(FaultyProxy(stack.server.endpoint))
        self.model = await self.parts.enter_async_context(FaultyProxy(stack.model.url))
        self.keys = self.parts.enter_context(key_server(stack.aws))
        return {
            "AWS_ENDPOINT_URL": self.aws.url,
            "OPENAI_BASE_URL": self.model.url,
            "COGNITO_JWKS_URL": self.keys.jwks_url,
            "LIMITS": GENEROUS,
        }


def key_server(aws: LocalStack) -> UserPool:
    """Return a pool that publishes the keys of the local pool and its own, which can sign tokens of any time."""
    with urllib.request.urlopen(aws.jwks_url, timeout=10) as response:
        keys: list[dict[str, object]] = json.load(response)["keys"]
    return UserPool(aws.issuer, aws.client_id, keys)


async def _run_phase(phase: Phase, seconds: float, ring: Ring, stage: Stage, watch: Watch) -> Tally:
    """Run one phase: fault while users start actions, heal while they finish them, wait, compare."""
    tally = Tally(phase.name)
    until = asyncio.get_running_loop().time() + seconds
    phase.begin(ring)
    try:
        lives = [user.live(phase.habits(), tally, until) for user in ring.users]
        await _together(lives, tally, ring.processes, watch, until, partial(_every_second, phase, ring))
    finally:
        ring.heal()
    await stage.idle()
    await _each(ring.users, lambda user: user.settle(tally))
    tally.ended_at = time.monotonic()
    watch.phase_over(tally)
    return tally


def _every_second(phase: Phase, ring: Ring, left_seconds: float) -> None:
    if left_seconds > 0:
        phase.every_second(ring)
    else:
        ring.heal()


async def _together(
    lives: Sequence[Coroutine[Any, Any, None]],
    tally: Tally,
    processes: Processes,
    watch: Watch,
    until: float,
    every_second: Callable[[float], None] = lambda _: None,
) -> None:
    """Run all `lives` to their end. Every second call `every_second` with the seconds left, and update `watch`."""
    clock = asyncio.get_running_loop()
    everyone = asyncio.gather(*lives)
    sampled = 0.0
    try:
        async with asyncio.timeout_at(until + FINISH_LIMIT_SECONDS):
            while not everyone.done():
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(everyone), 1.0)
                every_second(until - clock.time())
                if clock.time() - sampled >= SAMPLE_SECONDS:
                    processes.sample()
                    sampled = clock.time()
                watch.second(tally, processes, until - clock.time())
    finally:
        everyone.cancel()
    await everyone


async def _each(users: Sequence[User], check: Callable[[User], Coroutine[Any, Any, None]]) -> None:
    gate = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def one(user: User) -> None:
        async with gate:
            await check(user)

    await asyncio.gather(*(one(user) for user in users))


def _size(users: Sequence[User]) -> dict[str, int]:
    """Return the amount of compared data."""
    turns = [turn for user in users for conversation in user.conversations for turn in conversation.turns]
    return {
        "users": len(users),
        "conversations": sum(len(user.conversations) for user in users),
        "deleted": sum(each.life is Life.DELETED for user in users for each in user.conversations),
        "turns": len(turns),
        "answers": sum(len(turn.answers) for turn in turns),
    }
