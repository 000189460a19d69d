"""Detection of a blocked event loop: while one function computes or waits, nothing else of the process runs.

    with watched_loop(report):               # in a coroutine
        await respond()                      # report(stack) after one second in which the loop ran no other callback

A blocked loop sends no event and no keep-alive, and notices neither a stop nor the deadline. A thread compares the
loop's heartbeat with the clock, and takes the stack of the loop's thread. In a process that was frozen or suspended,
the watching thread was late as well. Code that holds Python's lock delays the thread, too, but consumes processor time;
its stack is gone by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Generator
from types import FrameType

BLOCKED_SECONDS = 1.0
INTERVAL_SECONDS = 0.25
LATE_SECONDS = 0.5
NO_STACK = "(no stack: a call into machine code held Python's lock)"

Report = Callable[[str], None]


class _Heartbeat:
    """A timer of one loop, and whether it stands still."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.beat = time.monotonic()
        self._reported = False
        self.thread = threading.get_ident()
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(INTERVAL_SECONDS, self._tick)

    def _tick(self) -> None:
        self.beat, self._reported = time.monotonic(), False
        self._timer = self._loop.call_later(INTERVAL_SECONDS, self._tick)

    def stop(self) -> None:
        self._timer.cancel()

    def check(self) -> None:
        """Report a loop that stands still, once."""
        if time.monotonic() - self.beat >= BLOCKED_SECONDS:
            frame = sys._current_frames().get(self.thread)  # pyright: ignore[reportPrivateUsage]
            self._report(stack_of(frame))

    def check_late(self, late_seconds: float, used_seconds: float) -> None:
        """Report a loop that code held up together with the watching thread; forgive one that was frozen."""
        if used_seconds < late_seconds / 10:
            self.beat = time.monotonic()
        elif late_seconds + INTERVAL_SECONDS >= BLOCKED_SECONDS:
            self._report(NO_STACK)

    def _report(self, stack: str) -> None:
        if not self._reported:
            self._reported = True
            self.report(stack)


_watched: set[_Heartbeat] = set()
_changed = threading.Condition()
_thread: list[threading.Thread] = []


@contextlib.contextmanager
def watched_loop(report: Report) -> Generator[None]:
    """Call `report` with the stack, from another thread, when the running loop is blocked for a second."""
    heartbeat = _Heartbeat(report)
    with _changed:
        _watched.add(heartbeat)
        if not _thread:
            _thread.append(threading.Thread(target=_watch, name="loop-watch", daemon=True))
            _thread[0].start()
        _changed.notify()
    try:
        yield
    finally:
        heartbeat.stop()
        with _changed:
            _watched.discard(heartbeat)


def stack_of(frame: FrameType | None) -> str:
    """Return file, line and function of each frame, outermost first, from the callback that the loop runs."""
    lines: list[str] = []
    while frame is not None and frame.f_code.co_filename != asyncio.events.__file__:
        lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}")
        frame = frame.f_back
    return "\n".join(reversed(lines))


def _watch() -> None:
    while True:
        with _changed:
            while not _watched:
                _changed.wait()
        before, used = time.monotonic(), time.process_time()
        time.sleep(INTERVAL_SECONDS)
        late = time.monotonic() - before - INTERVAL_SECONDS
        with _changed:
            heartbeats = list(_watched)
        for heartbeat in heartbeats:
            if late > LATE_SECONDS:
                heartbeat.check_late(late, time.process_time() - used)
            else:
                heartbeat.check()
