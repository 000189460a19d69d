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
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

from lambda_streaming.deadline import Deadline
from lambda_streaming.logs import logger_of
from lambda_streaming.request_threads import Calls, request_calls

# Time for a cancelled task to clean up.
CANCELLATION_SECONDS = 0.2

Task = asyncio.Task[Any]

_logger = logger_of(__name__)
_request_tasks: ContextVar[set[Task] | None] = ContextVar("request_tasks", default=None)


def task_factory(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> Task:
    """Start a task as asyncio does, and record it in the request whose code starts it."""
    task: Task = asyncio.Task(coroutine, loop=loop, **options)
    tasks = _request_tasks.get()
    if tasks is not None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return task


class RequestTasks:
    """The unfinished tasks and blocking calls of one request."""

    def __init__(self) -> None:
        self._tasks: set[Task] = set()
        self.calls: Calls = {}

    @contextlib.contextmanager
    def collecting(self) -> Generator[None]:
        """Collect the tasks that the code inside starts."""
        tasks, calls = _request_tasks.set(self._tasks), request_calls.set(self.calls)
        try:
            yield
        finally:
            _request_tasks.reset(tasks)
            request_calls.reset(calls)

    async def finish(self, deadline: Deadline) -> None:
        """Wait for all tasks; at `deadline` cancel and log the unfinished ones."""
        while self._tasks and not deadline.passed:
            with contextlib.suppress(TimeoutError):
                async with deadline.limit():
                    await asyncio.wait(self._tasks)
        if self._tasks:
            await self._cancel()

    async def _cancel(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            _logger.error("cancelled at the deadline: %s", _name(task))
            task.cancel()
        _, unfinished = await asyncio.wait(tasks, timeout=CANCELLATION_SECONDS)
        for task in unfinished:
            _logger.error("did not stop when cancelled: %s", _name(task))


def _name(task: Task) -> str:
    """Return the names of a task and its coroutine; a task's `repr` may show a result."""
    return f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '')})"
