"""A turn's lock on its thread: a thread runs one turn at a time.

    lock = await ThreadLock.take(store, takeover, thread_id, context)    # at admission; BusyThreadError: a turn runs
    async with lock.held(stop, timing.beat): …                   # while the turn runs; freed at the end

A turn that the user has just stopped still stores its answer so far, so `take` waits for its end. A turn whose process
died is taken over first, so that its answer so far stands before the next message. A thread of its own
renews the lock, because an assistant may block the event loop for longer than a lock lives.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from chat_api.attach.takeover import Takeover, new_claim
from chat_api.context import RequestContext
from chat_api.errors import BusyThreadError
from chat_api.turn import StopReason, StopSignal
from store_dynamo import DynamoStore
from store_dynamo.errors import StoreError
from store_dynamo.running import RunningTurns, ThreadBusyError

logger = logging.getLogger("chat_api.running")

STOPPING_SECONDS = 3.0
"""The wait for the end of a turn that its user has stopped."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ThreadLock:
    """One turn's lock."""

    running: RunningTurns[RequestContext]
    thread_id: str
    claim: str
    context: RequestContext

    @classmethod
    async def take(
        cls,
        store: DynamoStore[RequestContext],
        takeover: Takeover,
        thread_id: str,
        context: RequestContext,
        files: Sequence[str] = (),
    ) -> ThreadLock:
        """Lock a thread for the request's turn; `files` are its message's. Raises BusyThreadError."""
        clock, claim = asyncio.get_running_loop().time, new_claim()
        last = clock() + STOPPING_SECONDS
        while True:
            try:
                await store.running.begin(thread_id, context.turn_id, claim, context, files)
                return cls(store.running, thread_id, claim, context)
            except ThreadBusyError as error:
                holder = error.holder
                if await takeover.of(holder, context) is not None:
                    continue
                if clock() >= last or not await store.turns.is_cancelled(holder.turn_id, context):
                    raise BusyThreadError(thread_id, holder.turn_id) from error
            await asyncio.sleep(POLL_SECONDS)

    async def release(self) -> None:
        """Free the thread. A failure is only logged: the lock expires."""
        try:
            await self.running.end(self.thread_id, self.claim, self.context)
        except StoreError:
            logger.exception("the thread stays locked until its lock expires", extra={"thread_id": self.thread_id})

    @asynccontextmanager
    async def held(self, stop: StopSignal, beat_seconds: float) -> AsyncGenerator[None]:
        """Renew the lock until the end of the block and free it then; trigger `stop` if another turn has taken it."""
        ended, loop = threading.Event(), asyncio.get_running_loop()

        def superseded() -> None:
            if not ended.is_set():
                stop.trigger(StopReason.SUPERSEDED)

        def renew() -> None:
            while not ended.wait(beat_seconds):
                if not self._renewed():
                    with suppress(RuntimeError):  # the loop is closed
                        loop.call_soon_threadsafe(superseded)
                    return

        threading.Thread(target=renew, name="thread-lock", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            await self.release()

    def _renewed(self) -> bool:
        """Renew the lock and return False if another turn has it. A failure is only logged: the next beat tries."""
        try:
            return asyncio.run(self.running.beat(self.thread_id, self.claim, self.context))
        except StoreError:
            logger.exception("the thread's lock was not renewed", extra={"thread_id": self.thread_id})
            return True
