"""The environment of a run: the local stack, one function with many processes, and signed-in users.

    async with running_stage(scale, report) as stage:
        stage.users, stage.processes, stage.stack

Users sign in with the pool's own page and get real tokens. All traffic stays on the loopback interface.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Never

from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.function.process import LocalFunction
from tools.local.function.url import FunctionUrl
from tools.local.stack import STATE, Stack, running_stack
from tools.soak.processes import Processes
from tools.soak.user import User

SIGN_INS_AT_ONCE = 4
RENEWED_SECONDS = 1500
"""Interval at which users sign in again, like the page before its token of an hour expires."""
STARTS_AT_ONCE = 4
IDLE_LIMIT_SECONDS = 30
LOG = STATE / "soak.log"
WARM = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
"""Makes processes load the assistant before their first poll, so that it uses none of the short timeout."""

NO_RESERVE = {"RESERVED_CONCURRENCY": ""}
"""Turns may use all processes, because the soak's clients count Lambda's own 429."""


@dataclass(frozen=True)
class Scale:
    """Size of a run; `timeout_seconds` is the function's."""

    users: int
    processes: int
    timeout_seconds: float = 60


@dataclass(frozen=True)
class Stage:
    """A running environment."""

    stack: Stack
    url: str
    processes: Processes
    users: list[User]

    async def idle(self) -> None:
        """Wait until no process is busy, e.g. with turns whose clients have disconnected. Raises TimeoutError."""
        async with asyncio.timeout(IDLE_LIMIT_SECONDS):
            await self.processes.function.idle()


Environment = Callable[[Stack], Awaitable[Mapping[str, str]]]


async def unchanged(_: Stack) -> Mapping[str, str]:
    """Add nothing to the function's environment."""
    return {}


@asynccontextmanager
async def running_stage(
    scale: Scale, report: Callable[[str], None], environment: Environment = unchanged, log: Path = LOG
) -> AsyncGenerator[Stage]:
    """Start all parts and stop them in reverse order; `environment` returns more variables for the function."""
    async with AsyncExitStack() as parts:
        stack = await parts.enter_async_context(running_stack(lambda _: None, log=log))
        report("the stack is running")
        function = replace(
            stack.function,
            environment={**stack.function.environment, **WARM, **NO_RESERVE, **await environment(stack)},
            max_processes=scale.processes,
            timeout_seconds=scale.timeout_seconds,
            cold_starts=[],
        )
        front = await parts.enter_async_context(FunctionUrl(function))
        users = await _signed_in(stack, front.url, scale.users, report)
        for user in users:
            await parts.enter_async_context(user)
        await _warm(function, report)
        renewal = asyncio.create_task(renewing(users, partial(_token, stack), RENEWED_SECONDS))
        parts.push_async_callback(_ended, renewal)
        yield Stage(stack, front.url, Processes(function), users)


async def renewing(users: Sequence[User], token_of: Callable[[User], Awaitable[str]], seconds: float) -> Never:
    """Give all users a later token at each interval of so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        for user in users:
            user.renew(await token_of(user))


async def _token(stack: Stack, user: User) -> str:
    return (await asyncio.to_thread(sign_in, stack.aws, _email(user.number), PASSWORD)).access_token


def _email(number: int) -> str:
    return f"soak-{number}@example.com"


async def _ended(task: asyncio.Task[Never]) -> None:
    """End the task; raise the exception with which it has failed."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _signed_in(stack: Stack, url: str, count: int, report: Callable[[str], None]) -> list[User]:
    gate = asyncio.Semaphore(SIGN_INS_AT_ONCE)
    done = 0

    async def one(number: int) -> User:
        nonlocal done
        email = _email(number)
        async with gate:
            await asyncio.to_thread(create_user, stack.aws, email, PASSWORD)
            tokens = await asyncio.to_thread(sign_in, stack.aws, email, PASSWORD)
        done += 1
        report(f"{done} of {count} users have signed in")
        return User(number, url, tokens.access_token)

    return await asyncio.gather(*(one(number) for number in range(count)))


async def _warm(function: LocalFunction, report: Callable[[str], None]) -> None:
    """Start all processes, a few at a time, because each cold start keeps a core busy for seconds."""
    while (count := len(function.processes)) < function.max_processes:
        report(f"{count} of {function.max_processes} function processes are running")
        await function.start_processes(STARTS_AT_ONCE)
