"""How much a user, and all users together, may do (promise H7).

    limits = Limits(rates, LimitSettings(turns_per_minute=20))
    await limits.count(request, context)          # TooManyRequestsError

Every counter is one conditional write to the table, all of a request at once and beside its other checks: two writes
for uploads and dictation, three for a turn, four with a budget of tokens. What was counted stays counted when another
counter, or a later check, refuses the request. Windows begin with the minute and the day (UTC).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from chatkit.types import AttachmentsCreateReq, ChatKitReq, InputTranscribeReq, is_streaming_req

from chat_api.context import RequestContext
from chat_api.errors import TooManyRequestsError
from chat_api.records import Rates
from chat_api.settings import LimitSettings
from store_dynamo.errors import RateExceededError

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TOKENS = "all tokens per day"
NO_LIMIT = 2**53
"""For adding what was spent; DynamoDB's numbers and JSON's agree up to here."""


class Limits:
    """The limits of one deployment; a limit of None is not counted."""

    def __init__(self, rates: Rates, settings: LimitSettings) -> None:
        self._rates = rates
        self._settings = settings

    async def count(self, request: ChatKitReq, context: RequestContext) -> None:
        """Count one request of ChatKit's protocol. Raises TooManyRequestsError."""
        match request:
            case AttachmentsCreateReq():
                await self.upload(context)
            case InputTranscribeReq():
                await self.transcription(context)
            case _ if is_streaming_req(request):
                await self.turn(context)
            case _:
                pass  # reading costs little

    async def turn(self, context: RequestContext) -> None:
        """Count a turn, of the user and of all users. Raises TooManyRequestsError."""
        limits = self._settings
        await _all(
            *self._own("turns", limits.turns_per_minute, limits.turns_per_day, context),
            *self._shared("all turns per day", limits.all_turns_per_day),
            *self._shared(TOKENS, limits.all_tokens_per_day),
        )

    async def transcription(self, context: RequestContext) -> None:
        """Count a dictation. Raises TooManyRequestsError."""
        limits = self._settings
        per_minute, per_day = limits.transcriptions_per_minute, limits.transcriptions_per_day
        await _all(*self._own("transcriptions", per_minute, per_day, context))

    async def upload(self, context: RequestContext) -> None:
        """Count an upload. Raises TooManyRequestsError."""
        limits = self._settings
        await _all(*self._own("uploads", limits.uploads_per_minute, limits.uploads_per_day, context))

    async def spend(self, tokens: int) -> None:
        """Take what a turn has used from the day's budget, which may then be overdrawn by what runs already."""
        if self._settings.all_tokens_per_day is not None and tokens:
            await self._rates.count_shared(TOKENS, NO_LIMIT, DAY, amount=tokens)

    def _own(
        self, what: str, per_minute: int | None, per_day: int | None, context: RequestContext
    ) -> list[Awaitable[None]]:
        windows = ((f"{what} per minute", per_minute, MINUTE), (f"{what} per day", per_day, DAY))
        return [self._rates.count(name, limit, window, context) for name, limit, window in windows if limit is not None]

    def _shared(self, name: str, limit: int | None) -> list[Awaitable[None]]:
        return [] if limit is None else [self._rates.count_shared(name, limit, DAY)]


async def _all(*counts: Awaitable[None]) -> None:
    """Await all counts; of several limits that are reached, tell of the one that lasts longest."""
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
        return "The assistant has reached its limit for today. Please come back tomorrow."
    return f"That was too much at once: {error.limit} {error.name} are allowed. {_when(error.retry_after_seconds)}"


def _when(seconds: int) -> str:
    if seconds < 120:
        return f"Try again in {seconds} seconds."
    return f"Try again in {seconds // 3600} hours." if seconds >= 7200 else f"Try again in {seconds // 60} minutes."
