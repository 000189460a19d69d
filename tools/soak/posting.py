"""Requests that are sent again when the server is busy or broken, as a chat's frontend would.

ChatKit.js posts a turn again, up to five times, on a 5xx, under the same `x-turn-id` (our fetch sees to that), and
takes a 4xx for an answer. Lambda's own 429, all processes busy, has no request of ours behind it: it is waited out.
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
"""The first and five more."""
TIMES_BUSY = 40
WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 3.0
BROKEN = (httpx.RemoteProtocolError, httpx.NetworkError, httpx.TimeoutException)


class GivenUpError(Exception):
    """A request was sent as often as a frontend would; `end` is the last answer."""

    def __init__(self, end: End, thread_id: str | None = None) -> None:
        super().__init__(end.value)
        self.end = end
        self.thread_id = thread_id


async def posted(send: Callable[[], Awaitable[T]], tally: Tally) -> T:
    """Return what `send` returns. Raises GivenUpError."""
    failed, busy, perhaps_begun = 0, 0, False
    while True:
        try:
            return await send()
        except RefusedError as refusal:
            end = _end_of(refusal)
            tally.refusals[_name(refusal)] += 1
            thread_id = refusal.thread_id
        except BROKEN as error:
            end, thread_id = End.LOST, None
            tally.refusals[f"no answer ({type(error).__name__})"] += 1
        perhaps_begun = perhaps_begun or end is End.LOST
        failed, busy = failed + (end is not End.BUSY), busy + (end is End.BUSY)
        if end in (End.REFUSED, End.REPEATED) or failed == TIMES or busy == TIMES_BUSY:
            raise GivenUpError(End.LOST if perhaps_begun and end is not End.REPEATED else end, thread_id)
        tally.reposts += 1
        await asyncio.sleep(random.uniform(0.5, 1) * min(LONGEST_WAIT_SECONDS, WAIT_SECONDS * 2 ** (failed + busy)))


def _end_of(refusal: RefusedError) -> End:
    match refusal.status:
        case 429 if "ConcurrentInvocationLimitExceeded" in refusal.message:
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
    return "429 of Lambda" if _end_of(refusal) is End.BUSY else str(refusal.status)
