"""The response of a turn: its events in a task of their own, and the buffer between the model and the client.

    stream = BackgroundStream(events, stop, timing.keep_alive)
    async for chunk in stream.chunks(): …                                # the response
    await stream.ended()                                                 # the turn, which may last longer

Theory. Readers do not decide about a turn. Other tabs and devices read it from its journal, so a slow reader must not
hold it up: past MAX_EVENTS or MAX_BYTES its response ends early, without the comment END, and its client continues
from the journal. A reader that leaves, or whose connection breaks, stops nothing either. Only the end of the process
does: the server then cancels the request, and the answer so far is stored (ABANDONED). Without a journal a response
that ended early could not be continued, so the producer then waits for a slow reader, with CAPACITY events in the
buffer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from chat_api.turn import UNFINISHED, StopReason, StopSignal

logger = logging.getLogger("chat_api.background_stream")

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
