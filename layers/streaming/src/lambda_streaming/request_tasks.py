"""Tracking of the tasks that a request starts, so that the invocation can wait for them.

    loop.set_task_factory(task_factory)
    tasks = RequestTasks()
    with tasks.collecting():
        await app(scope, receive, send)      # may call asyncio.create_task, and so may those tasks
    await tasks.finish(deadline)

Lambda freezes a process that polls for its next event, so a task still running then would stop half-way and continue
inside another request. A context variable marks the request: a task copies the context of the code that starts it, so
descendants are collected too, and tasks of the lifespan are not. (Start a task that must outlive its request there.)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

# Time for a cancelled task to clean up.
CANCELLATION_SECONDS = 0.2

Task = asyncio.Task[Any]

_logger = logging.getLogger(__name__)
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
    """The unfinished tasks of one request."""

    def __init__(self) -> None:
        self._tasks: set[Task] = set()

    @contextlib.contextmanager
    def collecting(self) -> Generator[None]:
        """Collect the tasks that the code inside starts."""
        token = _request_tasks.set(self._tasks)
        try:
            yield
        finally:
            _request_tasks.reset(token)

    async def finish(self, deadline: float | None) -> None:
        """Wait for all tasks; at `deadline` (loop time, None: never) cancel and log the unfinished ones."""
        loop = asyncio.get_running_loop()
        while self._tasks and (deadline is None or loop.time() < deadline):
            await asyncio.wait(self._tasks, timeout=None if deadline is None else deadline - loop.time())
        if self._tasks:
            await self._cancel()

    async def _cancel(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            _logger.error("cancelled at the deadline: %r", task)
            task.cancel()
        _, unfinished = await asyncio.wait(tasks, timeout=CANCELLATION_SECONDS)
        for task in unfinished:
            _logger.error("did not stop when cancelled: %r", task)
