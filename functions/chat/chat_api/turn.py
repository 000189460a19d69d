"""Execution of one turn: its stop signal and its time limits.

    stop = StopSignal()
    async with watch(stop, store.turns, context, timing):                # triggers `stop`
        async for event in stop.guard(assistant.respond(…)): …           # the producer: one task per turn

Theory. One task, the producer, runs the assistant's generator from start to end, because the Agents SDK's context
variables do not survive a change of task, which `wait_for` around each event would cause. A stop signal first ends the
model's work (`on_trigger`) and then wakes the producer. How depends on the producer's state:

    waiting for the assistant (silent model, slow tool)   CancelledError is raised at that point
    in ChatKit's code (a write to the store)              … as soon as it asks for the next event
    waiting for a slow reader (no journal)                the buffer becomes unbounded, then as above
    not yet at the assistant                              … before the assistant is called

So CancelledError always comes out of ChatKit's stream of events, where ChatKit stores unfinished items. An assistant
that raises another exception in its cleanup, or yields one more event, is stopped like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

from chat_api.context import RequestContext
from store_dynamo.errors import StoreError
from store_dynamo.turns import Turns

logger = logging.getLogger("chat_api.turn")

Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of a turn, in seconds. The defaults are for deployments; tests use shorter ones."""

    keep_alive: float = 15.0
    """Silence before a keep-alive comment; CloudFront closes a connection after 30 s without data."""
    cancel_poll: float = 0.4
    """Interval between reads of the turn's record; makes a stop take effect within a second."""
    reserve: float = 10.0
    """Time kept before the deadline to store the answer so far, including retries."""
    beat: float = 5.0
    """Interval at which a turn renews the lock of its thread; a lock expires after 20 s."""
    title_wait: float = 3.0
    """Time that a finished answer waits for the thread's title."""
    journal: float = 1.0
    """Interval at which a running answer is written to its journal; 0 disables the journal."""

    def left(self, deadline: datetime) -> float:
        """Return the time until the model must stop: up to the reserve, or half of the time if that is longer."""
        left = (deadline - datetime.now(UTC)).total_seconds()
        return max(0.0, left - self.reserve, left / 2)


class StopReason(Enum):
    """Reasons for ending a turn before its answer is complete."""

    USER = "stopped by the user"
    DEADLINE = "out of time"
    ABANDONED = "the process is ending"
    SUPERSEDED = "its process was paused, and another one has taken the turn over"


UNFINISHED = (StopReason.ABANDONED, StopReason.SUPERSEDED)
"""Reasons after which a response ends without END, because another process may continue the turn."""


class StopSignal:
    """Ends one turn. Only the first trigger has an effect."""

    def __init__(self) -> None:
        self.reason: StopReason | None = None
        self._actions: list[Callable[[], object]] = []
        self._waiting: asyncio.Task[object] | None = None
        self._woken: asyncio.Task[object] | None = None

    def on_trigger(self, action: Callable[[], object]) -> None:
        """Register a non-blocking function to call immediately when the signal is triggered."""
        self._actions.append(action)

    def trigger(self, reason: StopReason) -> None:
        """End the turn."""
        if self.reason is not None:
            return
        self.reason = reason
        for action in self._actions:
            try:
                action()
            except Exception:
                logger.exception("a stop action failed")
        # A task that triggers the signal itself is not waiting: cancelled, it would be interrupted in its cleanup.
        if self._waiting is not None and self._waiting is not asyncio.current_task():
            self._woken = self._waiting
            self._woken.cancel()

    async def guard(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
        """Yield `events` until the signal is triggered, then raise CancelledError; close `events` in either case."""
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
            close = getattr(events, "aclose", None)  # an iterator need not be a generator
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
            self._uncancel()
            if self.reason is not None and isinstance(error, Exception):
                raise asyncio.CancelledError(self.reason.value) from error
            raise
        self._waiting = None
        self._uncancel()
        self._check()
        return event

    def _uncancel(self) -> None:
        """Undo our own cancellation, so that timeouts and task groups around the producer do not count it."""
        if self._woken is not None:
            self._woken.uncancel()
            self._woken = None


@asynccontextmanager
async def watch(
    stop: StopSignal, turns: Turns[RequestContext], context: RequestContext, timing: Timing
) -> AsyncGenerator[None]:
    """Trigger `stop` when the user cancels the turn, and before Lambda's timeout would end the process.

    Lambda does not report a closed connection, and a cancel request runs in another process. So the turn polls its own
    record: one strongly consistent read, 1 unit, every 0.4 s. At $0.125 per million units, a million answers of 20
    seconds cost 6 dollars.
    """
    deadline = asyncio.get_running_loop().call_later(timing.left(context.deadline), stop.trigger, StopReason.DEADLINE)
    poll = asyncio.create_task(_poll(stop, turns, context, timing.cancel_poll))
    try:
        yield
    finally:
        deadline.cancel()
        poll.cancel()
        await asyncio.wait({poll})


async def _poll(
    stop: StopSignal, turns: Turns[RequestContext], context: RequestContext, interval_seconds: float
) -> None:
    while stop.reason is None:
        await asyncio.sleep(interval_seconds)  # first, because admission has just written the record
        try:
            if await turns.is_cancelled(context.turn_id, context):
                stop.trigger(StopReason.USER)
        except StoreError:
            logger.exception("cannot read whether the turn was cancelled; polling again")
