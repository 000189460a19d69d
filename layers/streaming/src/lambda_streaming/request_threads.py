"""The event loop's default executor, whose threads run the blocking calls of `asyncio.to_thread`.

    threads = LoopThreads(loop)
    with request.collecting(): …           # calls are noted in the request (see request_tasks)
    threads.leave_behind(request.calls)    # those that still run: logged, and kept apart from the next request

A thread cannot be interrupted: a call that blocks continues when its request has been stopped, inside the next one.
asyncio's own executor has five or six threads on Lambda, so a few of these calls would take all of them, and even the
host names of the next request would wait, because asyncio resolves them in the same executor. The rules here:

- A request has THREADS threads. Further calls wait for one; they are discarded when their caller is cancelled.
- Calls that outlive their request are logged by name. If they occupy half of the executor, the next request gets a
  new one.
- With MAX_LEFT_BEHIND of them in the process, calls raise ThreadsExhaustedError until some have ended.
  Lambda allows 1,024 threads (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, ContextVar
from functools import partial
from types import BuiltinMethodType
from typing import Any

from lambda_streaming.errors import ThreadsExhaustedError
from lambda_streaming.logs import logger_of

THREADS = 64
MAX_LEFT_BEHIND = 256
NAMES_SHOWN = 5

Call = Future[Any]
Calls = dict[Call, str]
"""Unfinished calls and the names of their functions."""

_logger = logger_of(__name__)
request_calls: ContextVar[Calls | None] = ContextVar("request_calls", default=None)
"""The calls of the request whose code runs."""


class LoopThreads:
    """Sets and replaces the default executor of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.left_behind: Calls = {}
        self._executor = self._new_executor()

    def leave_behind(self, calls: Mapping[Call, str]) -> None:
        """Log the calls that outlive their request, and give the next request free threads."""
        calls = dict(calls)
        running = {call: name for call, name in calls.items() if not call.done()}
        if not running:
            return
        _logger.warning("%d calls still run in threads after their request: %s", len(running), names(running))
        for call, name in running.items():
            self.left_behind[call] = name
            call.add_done_callback(self._ended)
        if len(self._executor.unfinished) >= THREADS // 2 and len(self.left_behind) < MAX_LEFT_BEHIND:
            self._executor.shutdown(wait=False)
            self._executor = self._new_executor()

    def close(self) -> None:
        """End the idle threads. A call that blocks is not awaited, because it may never return."""
        self._executor.shutdown(wait=not self._executor.unfinished, cancel_futures=True)

    def check(self) -> None:
        """Raise ThreadsExhaustedError if too many calls have outlived their requests."""
        if len(self.left_behind) >= MAX_LEFT_BEHIND:
            raise ThreadsExhaustedError(len(self.left_behind), names(self.left_behind))

    def _ended(self, call: Call) -> None:
        self.left_behind.pop(call, None)

    def _new_executor(self) -> _Executor:
        executor = _Executor(self.check)
        self._loop.set_default_executor(executor)
        return executor


class _Executor(ThreadPoolExecutor):
    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__(THREADS, "to_thread")
        self._check = check
        self.unfinished: set[Call] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Call:
        self._check()
        call = super().submit(fn, *args, **kwargs)
        self.unfinished.add(call)
        call.add_done_callback(self.unfinished.discard)
        if (calls := request_calls.get()) is not None:
            calls[call] = name_of(fn, *args)
            call.add_done_callback(lambda call: calls.pop(call, None))
        return call


def name_of(fn: Any, *args: Any) -> str:
    """Return the name of the function that an executor runs; `asyncio.to_thread` wraps it in `Context.run`."""
    if isinstance(fn, partial):
        return name_of(fn.func, *fn.args, *args)  # pyright: ignore[reportUnknownMemberType]
    if isinstance(fn, BuiltinMethodType) and isinstance(fn.__self__, Context) and args:
        return name_of(*args)
    name = str(getattr(fn, "__qualname__", type(fn).__qualname__))
    return f"{module}.{name}" if (module := getattr(fn, "__module__", None)) else name


def names(calls: Mapping[Call, str]) -> str:
    """Describe calls by the names of their functions, the most frequent first: `time.sleep ×4, app.lookup ×1`."""
    counted = Counter(dict(calls).values()).most_common()
    more = len(counted) - NAMES_SHOWN
    shown = ", ".join(f"{name} ×{number}" for name, number in counted[:NAMES_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown
