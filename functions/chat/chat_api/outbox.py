"""What a turn has said and its client has not taken yet, with a sign of life in long silences (promises H4, L2).

    async for chunk in produced(events, stop, silence_seconds=15): …      # in the task that sends the response

`events` is run by a task of its own, so that it can be stopped while the response waits for a slow reader. The outbox
between the two holds a few events; then the producer waits, too. Each entry is one event, so that a comment never lands
inside one. It is a line with **one** newline: with a blank line behind it, ChatKit.js would take it for an empty event.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing

from chat_api.stopping import Stop, StopReason

KEEP_ALIVE = b": keep-alive\n"
CAPACITY = 8


class Outbox:
    """A queue from one task to another, bounded until it is lifted."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._chunks: deque[bytes] = deque()
        self._bounded, self._closed = True, False
        self._filled, self._room = asyncio.Event(), asyncio.Event()

    def lift(self) -> None:
        """Let `put` wait no more: a turn that was stopped has little to say."""
        self._bounded = False
        self._room.set()

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._filled.set()

    async def put(self, chunk: bytes) -> None:
        while self._bounded and len(self._chunks) >= self._capacity:
            self._room.clear()
            await self._room.wait()
        self._chunks.append(chunk)
        self._filled.set()

    async def get(self) -> bytes | None:
        """Return the oldest entry; None at the end."""
        while not self._chunks:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        self._room.set()
        return self._chunks.popleft()


async def produced(
    events: AsyncGenerator[bytes, None], stop: Stop, silence_seconds: float
) -> AsyncGenerator[bytes, None]:
    """Yield what `events` yields; when the caller goes away, the turn is stopped and its end awaited."""
    outbox = Outbox()
    stop.on_order(outbox.lift)
    producer = asyncio.create_task(_produce(events, outbox, stop))
    try:
        while (chunk := await _next(outbox, silence_seconds)) is not None:
            yield chunk
        await producer
    finally:
        stop.order(StopReason.ABANDONED)  # no effect on a turn that is over
        await asyncio.wait({producer})


async def _next(outbox: Outbox, silence_seconds: float) -> bytes | None:
    try:
        async with asyncio.timeout(silence_seconds):
            return await outbox.get()
    except TimeoutError:
        return KEEP_ALIVE


async def _produce(events: AsyncGenerator[bytes, None], outbox: Outbox, stop: Stop) -> None:
    try:
        async with aclosing(events):
            async for event in events:
                try:
                    await outbox.put(event)
                except asyncio.CancelledError:  # by the runtime: go back in, so that what was said is stored
                    stop.order(StopReason.ABANDONED)
    finally:
        outbox.close()
