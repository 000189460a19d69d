"""How many round trips lie behind one another? Counted, not timed.

    waves = Waves()
    loop.set_default_executor(waves)
    async with waves: …             # requests of `asyncio.to_thread` are carried out in waves
    waves.number

A request begins when it is handed to the executor. It is carried out only when the event loop has nothing else to do,
together with all others that wait by then: those have gone out at the same time, and are one round trip. So the number
does not depend on how fast the machine or the database is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

QUIET_TURNS = 50
"""Turns of the event loop after which nothing more is ready: each `await` that is done takes a few."""


class Waves(ThreadPoolExecutor):
    """An executor that runs what is submitted wave by wave, in the event loop's thread."""

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

    async def _carry_out(self) -> None:
        while True:
            for _ in range(QUIET_TURNS):
                await asyncio.sleep(0)
            wave, self._waiting = self._waiting, []
            self.number += bool(wave)
            for run in wave:
                run()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._carry_out())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
