"""Rate limits of each user, and of all users together.

    limits = Limits(store.rates, LimitSettings(turns_per_minute=20))
    await limits.count(request, context)          # TooManyRequestsError

Each counter is one conditional write to the table. All counters of a request run concurrently, together with its other
checks: two writes for uploads and dictation, three for a turn, four with a token budget. A count remains even if
another counter or a later check rejects the request. Windows start with the minute and the day (UTC).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from chatkit.types import AttachmentsCreateReq, ChatKitReq, InputTranscribeReq, is_streaming_req

from chat_api.context import RequestContext
from chat_api.errors import TooManyRequestsError
from chat_api.settings import LimitSettings
from store_dynamo.errors import RateExceededError
from store_dynamo.rates import Rates

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TOKENS = "all tokens per day"
NO_LIMIT = 2**53
"""For counting used tokens without a limit. Numbers up to here are exact in both DynamoDB and JSON."""


class Limits:
    """The limits of one deployment; a limit of None is not counted."""

    def __init__(self, rates: Rates[RequestContext], settings: LimitSettings) -> None:
        self._rates = rates
        self._settings = settings

    async def count(self, request: ChatKitReq, context: RequestContext) -> None:
        """Count one request of the ChatKit protocol. Raises TooManyRequestsError."""
        match request:
            case AttachmentsCreateReq():
                await self.upload(context)
            case InputTranscribeReq():
                await self.transcription(context)
            case _ if is_streaming_req(request):
                await self.turn(context)
            case _:
                pass  # reads are cheap

    async def turn(self, context: RequestContext) -> None:
        """Count a turn of the user and of all users. Raises TooManyRequestsError."""
        limits = self._settings
        await _all(
            *self._user_counts("turns", limits.turns_per_minute, limits.turns_per_day, context),
            *self._shared_count("all turns per day", limits.all_turns_per_day),
            *self._shared_count(TOKENS, limits.all_tokens_per_day),
        )

    async def transcription(self, context: RequestContext) -> None:
        """Count a dictation. Raises TooManyRequestsError."""
        limits = self._settings
        per_minute, per_day = limits.transcriptions_per_minute, limits.transcriptions_per_day
        await _all(*self._user_counts("transcriptions", per_minute, per_day, context))

    async def upload(self, context: RequestContext) -> None:
        """Count an upload. Raises TooManyRequestsError."""
        limits = self._settings
        await _all(*self._user_counts("uploads", limits.uploads_per_minute, limits.uploads_per_day, context))

    async def spend(self, tokens: int) -> None:
        """Subtract a turn's tokens from the day's budget. Turns that are already running may exceed the budget."""
        if self._settings.all_tokens_per_day is not None and tokens:
            await self._rates.count_shared(TOKENS, NO_LIMIT, DAY, amount=tokens)

    def _user_counts(
        self, name: str, per_minute: int | None, per_day: int | None, context: RequestContext
    ) -> list[Awaitable[None]]:
        windows = ((f"{name} per minute", per_minute, MINUTE), (f"{name} per day", per_day, DAY))
        return [self._rates.count(name, limit, window, context) for name, limit, window in windows if limit is not None]

    def _shared_count(self, name: str, limit: int | None) -> list[Awaitable[None]]:
        return [] if limit is None else [self._rates.count_shared(name, limit, DAY)]


async def _all(*counts: Awaitable[None]) -> None:
    """Await all counts. If several limits are reached, report the one that lasts longest."""
    outcomes = await asyncio.gather(*counts, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    reached = [failure for failure in failures if isinstance(failure, RateExceededError)]
    if reached:
        longest = max(reached, key=lambda each: each.retry_after_seconds)
        raise TooManyRequestsError(_explain(longest), longest.retry_after_seconds) from longest
    if failures:
        raise failures[0]


def _explain(error: RateExceededError) -> str:
    if error.name.startswith("all "):
        return "The assistant has reached its limit for today. Please try again tomorrow."
    return f"Limit reached: {error.limit} {error.name} are allowed. {_when(error.retry_after_seconds)}"


def _when(seconds: int) -> str:
    if seconds < 120:
        return f"Try again in {seconds} seconds."
    return f"Try again in {seconds // 3600} hours." if seconds >= 7200 else f"Try again in {seconds // 60} minutes."
