"""The lease of a running turn: two threads of its own renew its lock and write its journal.

    lease = Lease(store, lock, stop, timing)
    async for event in lease.events(events, lambda: metrics.outcome): …      # frees the lock at the end
    await lease.confirm()                                                    # before a write, and before a tool

Theory. An assistant may block the event loop for longer than a lock lives, and its blocking tools may fill asyncio's
executor. So beats and segments come from threads and an executor that nothing else uses. Beats do not wait for
segments: a slow table costs words of the journal, but not the lock. One segment is written at a time. After a failure
the same segment is repeated, because it may have been written; later events wait in the collector, which is bounded.

A process may be paused at any instruction, for longer than its lock lives. Three guards keep it from writing into a
thread that another process has taken over, and each of them stops the turn (StopReason.SUPERSEDED):

    a beat or a segment is refused    at the latest after the interval; after a sleep, a beat precedes the segment
    FencedError                       each write of an item is refused by the thread's own record (`UserStore`)
    `confirm`                         a turn whose last beat is too old renews its lock first, and so learns of it

A superseded turn stores nothing, and writes no end segment: the taker has done both. A beat that is still on its way at
the end of the turn has no effect, because the lock that it would renew is gone.

With moderation, an answer is checked when it is complete, and a refused one must disappear. So its text is not in the
journal before: other readers see the answer when it is stored, and of a turn whose process dies it is not kept.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, suppress
from contextvars import copy_context

from chat_api.attach.entries import Collector, dump
from chat_api.context import RequestContext
from chat_api.running import Instant, ThreadLock
from chat_api.turn import StopReason, StopSignal, Timing
from store_dynamo import DynamoStore
from store_dynamo.errors import StoreError
from store_dynamo.journal import Segment
from store_dynamo.table import Backoff

logger = logging.getLogger("chat_api.attach.producer")

CONFIRM_SECONDS = 3.0
"""The age of the last beat from which on a turn confirms that its lock is its own."""
LAST_SECONDS = 2.0
"""The time that the end of a turn waits for its last segment; what is not written then is not in the journal."""
RETRY_SECONDS = 1.0
"""The wait after a beat that failed."""
BACKOFF = Backoff(attempts=3, threads=ThreadPoolExecutor(8, "lease"))
"""For the store of beats and segments. Few attempts, because a later beat replaces one that hangs."""
ANSWER_TEXT = re.compile(rb'"type":"(assistant_message\.|output_text")')
"""In an event that has text of an assistant's message; quotation marks within a text are escaped."""
STORED = (b'data: {"type":"thread.item.done"', b'data: {"type":"thread.item.replaced"')
"""Events whose items are in the store, and only referred to in the journal."""
ENDS = {"answered": "answered", "moderated": "answered", "user": "stopped"}
"""The end of a journal by the outcome of its turn; all others failed."""


class Lease:
    """One turn's right to write into its thread. `store` is used for beats and segments only."""

    def __init__(
        self,
        store: DynamoStore[RequestContext],
        lock: ThreadLock,
        stop: StopSignal,
        timing: Timing,
        *,
        withholds_answers: bool = False,
    ) -> None:
        """`withholds_answers` keeps the text of unfinished messages out of the journal."""
        self._running, self._journal = store.running, store.journal
        self._lock, self._stop, self._timing = lock, stop, timing
        self._collector = Collector()
        self._collects, self._withholds_answers = bool(timing.journal), withholds_answers
        self._next = 0
        self._unanswered: Segment | None = None
        self._beaten = lock.begun
        self._confirming = asyncio.Lock()
        self._ended = threading.Event()
        self._loop = asyncio.get_running_loop()

    async def events(
        self, events: AsyncGenerator[bytes, None], outcome: Callable[[], str]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the turn's events while its thread is locked, and note them; `outcome` is read at their end."""
        async with self._held(outcome), aclosing(events):
            async for event in events:
                self._note(event)
                yield event

    @asynccontextmanager
    async def _held(self, outcome: Callable[[], str]) -> AsyncGenerator[None]:
        written = self._loop.create_future()
        if not self._timing.journal:
            written.set_result(None)

        def work() -> None:
            if self._timing.journal:  # started here, because starting a thread blocks, and the first token waits
                self._start("lease-journal", lambda: self._write_until_end(outcome, written))
            self._beat_until_end()

        self._start("lease-beats", work)
        try:
            yield
        finally:
            self._ended.set()
            try:
                if not (await asyncio.wait({written}, timeout=LAST_SECONDS))[0]:
                    logger.warning("the end of the turn is not in its journal: the table is too slow")
            finally:
                await self._lock.release()

    def _note(self, event: bytes) -> None:
        """Take one event for the next segment. A fault ends the journal, not the turn."""
        if not self._collects:
            return
        try:
            if self._withholds_answers and ANSWER_TEXT.search(event) and not event.startswith(STORED):
                self._collector.skip()
            else:
                self._collector.note(event)
        except Exception as error:  # its text may quote the event
            self._collects = False
            logger.error("the journal ends here: an event cannot be noted: %s", type(error).__name__)

    @property
    def claim(self) -> str:
        return self._lock.claim

    async def confirm(self) -> None:
        """Return if the turn may write: at once if it has just beaten, else after a beat.

        Raises CancelledError if the turn was taken over, or StoreError if that cannot be found out.
        """
        async with self._confirming:  # several tools at once need one beat
            superseded = self._stop.reason is StopReason.SUPERSEDED
            if superseded or not (self._beaten.is_recent(CONFIRM_SECONDS) or await self._beat()):
                raise self.superseded()

    def superseded(self) -> asyncio.CancelledError:
        """Stop the turn because another process has taken it over, and return the exception to raise."""
        self._stop.trigger(StopReason.SUPERSEDED)
        return asyncio.CancelledError(StopReason.SUPERSEDED.value)

    def _start(self, name: str, work: Callable[[], None]) -> None:
        # The context's keys are in each line of the log.
        threading.Thread(target=copy_context().run, args=(work,), name=name, daemon=True).start()

    def _beat_until_end(self) -> None:
        wait = self._timing.beat
        while not self._ended.wait(wait):
            wait = self._beaten.age_until(self._timing.beat)
            if wait > 0:  # `confirm` has beaten meanwhile
                continue
            try:
                if not asyncio.run(self._beat()):
                    self._lost()
                    return
                wait = self._timing.beat
            except StoreError:
                wait = min(RETRY_SECONDS, self._timing.beat)
                logger.exception("the thread's lock was not renewed", extra={"thread_id": self._lock.thread_id})

    async def _beat(self) -> bool:
        at = Instant.now()
        if not await self._running.beat(self._lock.thread_id, self._lock.claim, self._lock.context):
            return False
        self._beaten = at
        return True

    def _write_until_end(self, outcome: Callable[[], str], written: asyncio.Future[None]) -> None:
        taken, wait = False, self._timing.journal / 2  # a reader that reloads at once waits for the first segment
        while not taken and not self._ended.wait(wait):
            taken, wait = not self._write(), self._timing.journal
        if taken:
            self._lost()
        elif self._stop.reason is not StopReason.SUPERSEDED:
            self._write(ENDS.get(outcome(), "failed"))
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(lambda: None if written.done() else written.set_result(None))

    def _write(self, end: str | None = None) -> bool:
        """Write the events so far, and return whether their place was free. A failure is only logged."""
        try:
            return asyncio.run(self._append(end))
        except Exception as error:  # the text of a client's error may quote the segment
            logger.warning("the journal was not written: %s", type(error).__name__)
            return True

    async def _append(self, end: str | None) -> bool:
        # After a sleep, because a segment's place is free again once the journal was swept with its deleted thread.
        if not (self._beaten.is_recent(2 * self._timing.beat) or await self._beat()):
            return False
        if self._unanswered is not None and not await self._answered(self._unanswered):
            return False
        entries, count = self._collector.take()
        if not count and end is None:
            return True
        return await self._answered(Segment(self._next, count, dump(entries), self._lock.claim, end))

    async def _answered(self, segment: Segment) -> bool:
        self._unanswered = segment
        lock = self._lock
        if not await self._journal.append(lock.thread_id, lock.context.turn_id, segment, lock.context):
            return False
        self._unanswered, self._next = None, segment.next
        return True

    def _lost(self) -> None:
        """Stop the turn, from another thread; without effect after its end."""

        def stop() -> None:
            if not self._ended.is_set():
                self.superseded()

        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(stop)
