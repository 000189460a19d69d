"""Tracking of the tasks that a request starts, so that the invocation can wait for them.

    loop.set_task_factory(task_factory)
    tasks = RequestTasks()
    with tasks.collecting():
        await app(scope, receive, send)      # may call asyncio.create_task, and so may those tasks
    await tasks.finish(Deadline(…))
    tasks.calls                              # blocking calls in threads, which cannot be cancelled (request_threads)

Lambda freezes a process that polls for its next event, so a task still running then would stop half-way and continue
inside another request. A context variable marks the request: a task copies the context of the code that starts it, so
descendants are collected too, and tasks of the lifespan are not. (Start a task that must outlive its request there.)

    part = StartedTasks()
    with part.collecting():                  # the request's tasks and this part's
        …
    await part.end(("chatkit", "agents"), within_seconds=0.5)     # cancels the tasks of these packages

A task that raises SystemExit would end the event loop, and with it the process. In a collected task it becomes an
ExitedTaskError, which whoever awaits the task gets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Collection, Coroutine, Generator
from contextvars import ContextVar
from types import CoroutineType
from typing import Any

from lambda_streaming.deadline import Deadline
from lambda_streaming.logs import logger_of
from lambda_streaming.request_threads import Calls, request_calls

# Time for a cancelled task to clean up.
CANCELLATION_SECONDS = 0.2

Task = asyncio.Task[Any]

_logger = logger_of(__name__)
_collectors: ContextVar[tuple[StartedTasks, ...]] = ContextVar("collectors", default=())


class ExitedTaskError(Exception):
    """A task raised SystemExit, for example by `sys.exit()`."""


def task_factory(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> Task:
    """Start a task as asyncio does, and record it in the request whose code starts it."""
    collectors = _collectors.get()
    contained = _contained(coroutine) if collectors and isinstance(coroutine, CoroutineType) else coroutine
    task: Task = asyncio.Task(contained, loop=loop, **options)
    for tasks in collectors:
        tasks.add(task, coroutine)
    return task


def _contained(coroutine: CoroutineType[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
    async def contained() -> Any:
        try:
            return await coroutine
        except SystemExit as error:
            raise ExitedTaskError(f"{coroutine.__qualname__} raised SystemExit") from error

    wrapper = contained()
    wrapper.__name__, wrapper.__qualname__ = coroutine.__name__, coroutine.__qualname__
    return wrapper


class StartedTasks:
    """The unfinished tasks that a part of a request has started."""

    def __init__(self) -> None:
        self.unfinished: dict[Task, str] = {}
        """With the file of the code that each task runs; empty for a step of an asynchronous generator."""

    def add(self, task: Task, coroutine: Any) -> None:
        code = getattr(coroutine, "cr_code", None)
        self.unfinished[task] = code.co_filename if code else ""
        task.add_done_callback(self._discard)

    def _discard(self, task: Task) -> None:
        self.unfinished.pop(task, None)

    @contextlib.contextmanager
    def collecting(self) -> Generator[None]:
        """Collect the tasks that the code inside starts, as the collectors around it do."""
        loop = asyncio.get_running_loop()
        if loop.get_task_factory() is None:
            loop.set_task_factory(task_factory)
        token = _collectors.set((*_collectors.get(), self))
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):  # an abandoned generator is closed in another context
                _collectors.reset(token)

    async def end(self, packages: Collection[str], within_seconds: float) -> None:
        """Cancel the tasks that run code of these packages, and steps of generators, until none is left."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_seconds
        while (left := self._of(packages)) and loop.time() < until:
            for task in left:
                task.cancel()
            ended, _ = await asyncio.wait(left, timeout=until - loop.time())
            for task in ended:
                if not task.cancelled():
                    task.exception()  # retrieved, otherwise asyncio reports it

    def _of(self, packages: Collection[str]) -> list[Task]:
        folders = [f"{os.sep}{package}{os.sep}" for package in packages]
        current = asyncio.current_task()
        return [
            task
            for task, file in self.unfinished.items()
            if task is not current and (not file or any(folder in file for folder in folders))
        ]


class RequestTasks:
    """The unfinished tasks and blocking calls of one request."""

    def __init__(self) -> None:
        self._started = StartedTasks()
        self.calls: Calls = {}

    @contextlib.contextmanager
    def collecting(self) -> Generator[None]:
        """Collect the tasks that the code inside starts."""
        calls = request_calls.set(self.calls)
        try:
            with self._started.collecting():
                yield
        finally:
            request_calls.reset(calls)

    async def finish(self, deadline: Deadline) -> None:
        """Wait for all tasks; at `deadline` cancel and log the unfinished ones."""
        unfinished = self._started.unfinished
        while unfinished and not deadline.passed:
            with contextlib.suppress(TimeoutError):
                async with deadline.limit():
                    await asyncio.wait(set(unfinished))
        if unfinished:
            await self._cancel()

    async def _cancel(self) -> None:
        tasks = set(self._started.unfinished)
        for task in tasks:
            _logger.error("cancelled at the deadline: %s", _name(task))
            task.cancel()
        _, unfinished = await asyncio.wait(tasks, timeout=CANCELLATION_SECONDS)
        for task in unfinished:
            _logger.error("did not stop when cancelled: %s", _name(task))


def _name(task: Task) -> str:
    """Return the names of a task and its coroutine; a task's `repr` may show a result."""
    return f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '')})"
