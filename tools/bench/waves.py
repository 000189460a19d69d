"""Counts sequential round trips, independent of time.

    waves = Waves()
    store = DynamoStore(…, backoff=Backoff(threads=waves))
    async with waves: …             # the store's requests run in waves
    waves.number

A request starts when the executor receives it, and runs when the event loop has nothing else to do, together with all
others that wait by then: simultaneous requests are one round trip. The number does not depend on the speed of the
machine or the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

QUIET_TURNS = 50
"""Iterations of the event loop after which no task is ready; each completed `await` takes a few."""


class Waves(ThreadPoolExecutor):
    """An executor that runs submitted calls in waves, in the event loop's thread."""

    def __init__(self) -> None:
        super().__init__(1)
        self.number = 0
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self._waiting.append(run)
        return future

    async def _run_waves(self) -> None:
        while True:
            for _ in range(QUIET_TURNS):
                await asyncio.sleep(0)
            wave, self._waiting = self._waiting, []
            self.number += bool(wave)
            for run in wave:
                run()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run_waves())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
