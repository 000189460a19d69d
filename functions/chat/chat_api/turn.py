"""Execution of one turn: its stop signal, its time limits, and the buffer between the model and the client.

    stop = StopSignal()
    async with watch(stop, store.turns, context, timing):                # triggers `stop`
        async for event in stop.guard(assistant.respond(…)): …           # the producer: one task per turn
    stream = BackgroundStream(events, stop, timing.keep_alive)
    async for chunk in stream.chunks(): …                                # the response
    await stream.ended()                                                 # the turn, which may last longer

Theory. One task, the producer, runs the assistant's generator from start to end, because the Agents SDK's context
variables do not survive a change of task, which `wait_for` around each event would cause. A stop signal first ends the
model's work (`on_trigger`) and then wakes the producer. How depends on the producer's state:

    waiting for the assistant (silent model, slow tool)   CancelledError is raised at that point
    in ChatKit's code (a write to the store)              … as soon as it asks for the next event
    waiting for a slow reader (no journal)                the buffer becomes unbounded, then as above
    not yet at the assistant                              … before the assistant is called

So CancelledError always comes out of ChatKit's stream of events, where ChatKit stores unfinished items. An assistant
that raises another exception in its cleanup, or yields one more event, is stopped like any other.

Readers do not decide about a turn. Other tabs and devices read it from its journal, so a slow reader must not hold it
up: past MAX_EVENTS or MAX_BYTES its response ends early, without the comment END, and its client continues from the
journal. A reader that leaves, or whose connection breaks, stops nothing either. Only the end of the process does: the
server then cancels the request, and the answer so far is stored (ABANDONED). Without a journal a response that ended
early could not be continued, so the producer then waits for a slow reader, with CAPACITY events in the buffer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

from chat_api.context import RequestContext
from store_dynamo.errors import StoreError
from store_dynamo.turns import Turns

logger = logging.getLogger("chat_api.turn")

Event = TypeVar("Event")

KEEP_ALIVE = b": keep-alive\n"
"""An SSE comment. It ends with one newline, because ChatKit.js takes a blank line for an empty event."""
END = b": end\n"
"""The comment that ends a response whose turn is over; a body without it is continued from the journal."""
MAX_EVENTS, MAX_BYTES = 64, 256 * 1024
"""The events and bytes that wait for a reader before its response ends early."""
PATIENCE_SECONDS = 0.25
"""The time for which all full buffers of a turn together hold up its producer: a reader may need a moment."""
CAPACITY = 8
"""Events that the buffer holds before the producer waits for the reader, without a journal."""


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


class EventBuffer:
    """A queue between two tasks. Each entry is one event, so a comment never lands inside an event."""

    def __init__(self, waits: bool = False) -> None:
        """Let `put` wait while the buffer is full (`waits`), or end the reader's part of the stream."""
        self._waits = waits
        self._chunks: deque[bytes] = deque()
        self._bytes = 0
        self._patience = PATIENCE_SECONDS
        self._closed = False
        self.cut = False
        """Whether later events are dropped: the reader was too slow, or has left."""
        self._filled, self._room = asyncio.Event(), asyncio.Event()

    def unbound(self) -> None:
        """Remove the bound, so that `put` no longer waits. A stopped turn has few events left."""
        self._waits, self._patience = False, 0.0
        self._room.set()

    def leave(self) -> None:
        """Drop everything, because the reader has left."""
        self._chunks.clear()
        self._cut()
        self.unbound()

    def close(self) -> None:
        """Mark the end of the queue."""
        self._closed = True
        self._filled.set()

    async def put(self, chunk: bytes) -> None:
        """Add an event, unless the reader's part of the stream has ended."""
        if self._is_full(chunk):
            await self._wait_for_room(chunk)
        if self._is_full(chunk) and not self._waits:
            self._cut()
        if not self.cut:
            self._chunks.append(chunk)
            self._bytes += len(chunk)
            self._filled.set()

    async def get(self) -> bytes | None:
        """Return the oldest entry, or None at the end of the queue."""
        while not self._chunks:
            if self._closed or self.cut:
                return None
            self._filled.clear()
            await self._filled.wait()
        self._room.set()
        chunk = self._chunks.popleft()
        self._bytes -= len(chunk)
        return chunk

    def _is_full(self, chunk: bytes) -> bool:
        if self.cut or not self._chunks:
            return False
        if self._waits:
            return len(self._chunks) >= CAPACITY
        return len(self._chunks) >= MAX_EVENTS or self._bytes + len(chunk) > MAX_BYTES

    async def _wait_for_room(self, chunk: bytes) -> None:
        """Wait until the buffer has room, or for what is left of the patience."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._waits else self._patience):
                while self._is_full(chunk) and (self._waits or self._patience):
                    self._room.clear()
                    await self._room.wait()
        self._patience = max(0.0, self._patience - (clock() - begun))

    def _cut(self) -> None:
        self.cut = True
        self._filled.set()


class BackgroundStream:
    """Runs a turn's events in a task of its own, and yields them as the chunks of a response.

    The separate task lets the turn be stopped while the response waits for a slow reader, and lets it outlive its
    response.
    """

    def __init__(
        self, events: AsyncGenerator[bytes, None], stop: StopSignal, silence_seconds: float, *, waits: bool = False
    ) -> None:
        """Take `events`; `waits` lets them wait for a slow reader, instead of ending the response early."""
        self._events, self._stop = events, stop
        self._silence_seconds = silence_seconds
        self._buffer = EventBuffer(waits)
        self._producer: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Return the turn's task, which starts now at the latest: a reader may leave before its response begins."""
        if self._producer is None:
            self._stop.on_trigger(self._buffer.unbound)
            self._producer = asyncio.create_task(self._produce())
            _producers.add(self._producer)
            self._producer.add_done_callback(_producers.discard)
        return self._producer

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the events, with keep-alive comments during silence and END after the last one; called once.

        Closing this generator does not stop the turn.
        """
        producer = self.start()
        try:
            while (chunk := await self._next_chunk()) is not None:
                yield chunk
            if self._buffer.cut:
                logger.info("the reader is too slow: its response ended before its turn")
                return
            await producer
            if self._stop.reason not in UNFINISHED:
                yield END
        finally:
            self.leave()

    def leave(self) -> None:
        """Let the turn go on without a reader."""
        self._buffer.leave()

    def abandon(self) -> None:
        """Stop the turn, because its process is ending."""
        self._stop.trigger(StopReason.ABANDONED)  # has no effect after the turn's end

    async def ended(self) -> None:
        """Wait for the turn's end. Being cancelled meanwhile stops the turn, and is raised after its end."""
        cancelled: asyncio.CancelledError | None = None
        while not (producer := self.start()).done():
            try:
                await asyncio.wait({producer})
            except asyncio.CancelledError as error:
                self.abandon()
                cancelled = error
        if cancelled is not None:
            raise cancelled

    async def _next_chunk(self) -> bytes | None:
        try:
            async with asyncio.timeout(self._silence_seconds):
                return await self._buffer.get()
        except TimeoutError:
            return KEEP_ALIVE

    async def _produce(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    try:
                        await self._buffer.put(event)
                    except asyncio.CancelledError:  # by the runtime: resume `events`, which store the answer so far
                        self.abandon()
        finally:
            self._buffer.close()


_producers: set[asyncio.Task[None]] = set()
"""The running producers: asyncio itself does not keep tasks alive."""
