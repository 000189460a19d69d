"""Where a run takes place: the local stack, one function with many processes, and signed-in users.

    async with raised(scale, report) as stage:
        stage.users, stage.processes, stage.stack

Users sign in by the pool's own page, and their tokens are real. Nothing leaves this machine's loopback interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tools.client.sign_in import create_user, sign_in
from tools.local.function.process import INIT_LIMIT_SECONDS, LocalFunction
from tools.local.function.url import FunctionUrl
from tools.local.stack import STATE, Stack, running_stack
from tools.soak.processes import Processes
from tools.soak.user import User

PASSWORD = "Correct-Horse-7-Battery"
SIGN_INS_AT_ONCE = 4
STARTS_AT_ONCE = 4
IDLE_LIMIT_SECONDS = 30
LOG = STATE / "soak.log"
WARM = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
"""A process loads what a turn needs before its first poll, so that no fault's short timeout is spent on it."""


@dataclass(frozen=True)
class Scale:
    """How large a run is."""

    users: int
    processes: int
    timeout_seconds: float = 60


@dataclass(frozen=True)
class Stage:
    """A running one."""

    stack: Stack
    url: str
    processes: Processes
    users: list[User]

    async def idle(self) -> None:
        """Wait until no process has work left, of turns that were left by their clients, for example."""
        async with asyncio.timeout(IDLE_LIMIT_SECONDS):
            while self.processes.function._supervisions:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


Environment = Callable[[Stack], Awaitable[Mapping[str, str]]]


async def unchanged(_: Stack) -> Mapping[str, str]:
    """Add nothing to the function's environment."""
    return {}


@asynccontextmanager
async def raised(
    scale: Scale, report: Callable[[str], None], environment: Environment = unchanged, log: Path = LOG
) -> AsyncGenerator[Stage]:
    """Start everything, and stop it in reverse; `environment` is added to the function's."""
    async with AsyncExitStack() as parts:
        stack = await parts.enter_async_context(running_stack(lambda _: None, log=log))
        report("the stack is up")
        function = replace(
            stack.function,
            environment={**stack.function.environment, **WARM, **await environment(stack)},
            max_processes=scale.processes,
            timeout_seconds=scale.timeout_seconds,
            cold_starts=[],
        )
        front = await parts.enter_async_context(FunctionUrl(function))
        users = await _signed_in(stack, front.url, scale.users, report)
        for user in users:
            await parts.enter_async_context(user)
        await _warm(function, report)
        yield Stage(stack, front.url, Processes(function), users)


async def _signed_in(stack: Stack, url: str, count: int, report: Callable[[str], None]) -> list[User]:
    gate = asyncio.Semaphore(SIGN_INS_AT_ONCE)
    done = 0

    async def one(number: int) -> User:
        nonlocal done
        email = f"soak-{number}@example.com"
        async with gate:
            await asyncio.to_thread(create_user, stack.aws, email, PASSWORD)
            tokens = await asyncio.to_thread(sign_in, stack.aws, email, PASSWORD)
        done += 1
        report(f"{done} of {count} users are signed in")
        return User(number, url, tokens.access_token)

    return await asyncio.gather(*(one(number) for number in range(count)))


async def _warm(function: LocalFunction, report: Callable[[str], None]) -> None:
    """Start all processes, a few at a time: a cold start takes a core for seconds, and would slow others down."""
    started = [function._free_process() for _ in range(function.max_processes)]
    for first in range(0, len(started), STARTS_AT_ONCE):
        batch = started[first : first + STARTS_AT_ONCE]
        for process in batch:
            await process.start()
        async with asyncio.timeout(INIT_LIMIT_SECONDS):
            await asyncio.gather(*(process.api.polled.wait() for process in batch))
        function._idle += batch
        report(f"{len(function._idle)} of {len(started)} function processes are up")
