"""How a turn is stopped: by its user, by the deadline, or because nobody takes its answer (promises H5, H6).

    stop = Stop()
    async for event in stop.guard(assistant.respond(…)): …      # in the one task that produces the turn's events
    stop.order(StopReason.USER)                                 # in any other

Theory. The assistant's generator is run by one task from its start to its end: the Agents SDK's context variables
survive nothing else, and `wait_for` around each event is something else. An order first ends the model's work
(`on_order`), and then wakes the producer, depending on where that is:

    waits for the assistant (silent model, slow tool)   CancelledError is raised there
    is in ChatKit's code (a write to the store)         … when it comes back for the next event
    waits for its reader                                the outbox opens (`on_order`), and then as above
    has not come to the assistant yet                   … instead of asking it

So ChatKit always sees CancelledError come out of its stream of events, where it stores what is unfinished. A failure in
which an assistant's clean-up ends, or an answer that it gives nevertheless, is a stop like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from enum import Enum
from typing import TypeVar

logger = logging.getLogger("chat_api.stopping")

Event = TypeVar("Event")


class StopReason(Enum):
    """Why a turn ends before its answer does."""

    USER = "stopped by the user"
    DEADLINE = "out of time"
    ABANDONED = "nobody takes the answer"


class Stop:
    """The order to end one turn; given once, the first reason counts."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._actions: list[Callable[[], object]] = []
        self._waiting: asyncio.Task[object] | None = None
        self._woken: asyncio.Task[object] | None = None

    def on_order(self, action: Callable[[], object]) -> None:
        """Register what must happen at once when the order comes; it must not block."""
        self._actions.append(action)

    def order(self, reason: StopReason) -> None:
        """End the turn."""
        if self.reason is not None:
            return
        self.reason = reason
        for action in self._actions:
            try:
                action()
            except Exception:
                logger.exception("what ends the model's work failed")
        if self._waiting is not None:
            self._woken = self._waiting
            self._woken.cancel()

    async def guard(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
        """Yield `events` until the order comes, then raise CancelledError; either way they are closed."""
        try:
            self._check()
            while True:
                try:
                    event = await self._next(events)
                except StopAsyncIteration:
                    return
                yield event
                self._check()
        finally:
            close = getattr(events, "aclose", None)  # most are generators, but they need not be
            if close is not None:
                await close()

    def _check(self) -> None:
        if self.reason is not None:
            raise asyncio.CancelledError(self.reason.value)

    async def _next(self, events: AsyncIterator[Event]) -> Event:
        self._waiting = asyncio.current_task()
        try:
            event = await anext(events)
        except BaseException as error:
            self._waiting = None
            self._calm()
            if self.reason is not None and isinstance(error, Exception):
                raise asyncio.CancelledError(self.reason.value) from error
            raise
        self._waiting = None
        self._calm()
        self._check()
        return event

    def _calm(self) -> None:
        """Take back our own cancellation, so that timeouts and task groups around the producer see none."""
        if self._woken is not None:
            self._woken.uncancel()
            self._woken = None
