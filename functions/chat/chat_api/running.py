"""A turn's lock on its thread: a thread runs one turn at a time.

    lock = await ThreadLock.take(store, takeover, thread_id, context)    # at admission; BusyThreadError: a turn runs
    await lock.release()

A turn that the user has just stopped still stores its answer so far, so `take` waits for its end. A turn whose process
died is taken over first, so that its answer so far stands before the next message. While a turn runs,
`attach.producer` renews its lock, and frees it at the end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from chatkit.types import ThreadMetadata

from chat_api.attach.takeover import Takeover, new_claim
from chat_api.context import RequestContext
from chat_api.errors import BusyThreadError
from store_dynamo import DynamoStore
from store_dynamo.errors import StoreError
from store_dynamo.running import RunningTurns, ThreadBusyError

logger = logging.getLogger("chat_api.running")

STOPPING_SECONDS = 3.0
"""The wait for the end of a turn that its user has stopped."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time by two clocks: a paused machine may stop the monotonic one, and the other one may be set."""

    wall: float
    monotonic: float

    @classmethod
    def now(cls) -> Instant:
        return cls(time.time(), time.monotonic())

    def is_recent(self, seconds: float) -> bool:
        """Return whether less than `seconds` have passed by both clocks."""
        now = Instant.now()
        return max(abs(now.wall - self.wall), now.monotonic - self.monotonic) < seconds

    def age_until(self, seconds: float) -> float:
        """Return the time until this instant is `seconds` old."""
        return self.monotonic + seconds - time.monotonic()


@dataclass(frozen=True, slots=True)
class ThreadLock:
    """One turn's lock."""

    running: RunningTurns[RequestContext]
    thread_id: str
    claim: str
    context: RequestContext
    begun: Instant
    """The lock's first sign of life."""
    at_once: bool = True
    """Whether no other turn had to end first."""
    thread: ThreadMetadata | None = None
    """The thread as admission read it, unless another turn may have changed it since."""

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
        last, at_once = clock() + STOPPING_SECONDS, True
        while True:
            begun = Instant.now()
            try:
                await store.running.begin(thread_id, context.turn_id, claim, context, files)
                return cls(store.running, thread_id, claim, context, begun, at_once)
            except ThreadBusyError as error:
                at_once = False
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
