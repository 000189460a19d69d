"""Requests with the retries of a chat frontend.

After a 5xx, ChatKit.js posts a turn up to five more times. Our fetch keeps the same `x-turn-id`. It does not retry
after a 4xx. Lambda's own 429 means that all processes are busy and the function did not see the request; the client
waits.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from tools.client.chatkit import RefusedError
from tools.soak.ledger import End
from tools.soak.tally import Tally

T = TypeVar("T")
TIMES = 6
"""The first attempt and five retries."""
TIMES_BUSY = 40
BUSY = "Lambda's 429"
"""The name of such refusals in a tally."""
WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 3.0
BROKEN = (httpx.RemoteProtocolError, httpx.NetworkError, httpx.TimeoutException)


class GivenUpError(Exception):
    """The request failed after all retries; `end` and `status` are of the last attempt, None without a response."""

    def __init__(self, end: End, thread_id: str | None = None, status: int | None = None) -> None:
        super().__init__(end.value)
        self.end = end
        self.thread_id = thread_id
        self.status = status


async def posted(send: Callable[[], Awaitable[T]], tally: Tally) -> T:
    """Call `send` with retries and return its result. Raises GivenUpError."""
    failed, busy, perhaps_begun = 0, 0, False
    while True:
        try:
            return await send()
        except RefusedError as refusal:
            end = _end_of(refusal)
            tally.refusals[_name(refusal)] += 1
            thread_id, status = refusal.thread_id, refusal.status
        except BROKEN as error:
            end, thread_id, status = End.LOST, None, None
            tally.refusals[f"no response ({type(error).__name__})"] += 1
        perhaps_begun = perhaps_begun or end is End.LOST
        failed, busy = failed + (end is not End.BUSY), busy + (end is End.BUSY)
        if end in (End.REFUSED, End.REPEATED) or failed == TIMES or busy == TIMES_BUSY:
            raise GivenUpError(End.LOST if perhaps_begun and end is not End.REPEATED else end, thread_id, status)
        tally.reposts += 1
        await asyncio.sleep(random.uniform(0.5, 1) * min(LONGEST_WAIT_SECONDS, WAIT_SECONDS * 2 ** (failed + busy)))


def _end_of(refusal: RefusedError) -> End:
    match refusal.status:
        case 429 if "ConcurrentInvocationLimitExceeded" in refusal.message:
            return End.BUSY
        case 409 if "running answer" in refusal.message:  # of a killed process: its lock expires
            return End.BUSY
        case 409:
            return End.REPEATED
        case 503:
            return End.UNAVAILABLE
        case status if status >= 500:
            return End.LOST
        case _:
            return End.REFUSED


def _name(refusal: RefusedError) -> str:
    return BUSY if _end_of(refusal) is End.BUSY else str(refusal.status)
