"""The end of an invocation, which SIGTERM brings forward.

deadline = Deadline(loop.time() + 290)
async with deadline.limit(): …         # TimeoutError at the deadline
deadline.bring_forward(loop.time() + 1)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Deadline:
    """A loop time at which an invocation must end; None: never."""

    def __init__(self, when: float | None = None) -> None:
        self.when = when
        self._limits: set[asyncio.Timeout] = set()

    @property
    def passed(self) -> bool:
        return self.when is not None and asyncio.get_running_loop().time() >= self.when

    @asynccontextmanager
    async def limit(self) -> AsyncGenerator[None]:
        """Cancel the code inside at the deadline, then raise TimeoutError."""
        async with asyncio.timeout_at(self.when) as limit:
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    def bring_forward(self, when: float) -> None:
        """End at `when` at the latest. Call it in the event loop."""
        if self.when is None or when < self.when:
            self.when = when
            for limit in self._limits:
                if not limit.expired():
                    limit.reschedule(when)
