"""Limits of each user and of all users together, and the table of what each request counts towards.

    charge = charge_of(request)                      # or CHARGES["GET /chatkit/overview"]
    await limits.own(charge, context)                # TooManyRequestsError, or SessionEndedError
    await limits.room(charge, context)               # reads the budgets, changes nothing
    stay = limits.stay(charge, context)              # of an admitted request only
    …
    stay.end(tokens)

Theory. `own` changes the user's own records only: one conditional write of the access record, which counts the
request, takes a seat for a turn and refuses ended sign-ins, and one for the counter of the day. `room` reads the
budgets that all users share. They are charged by `stay`, in the background of a request that everything else has
admitted, so a refused request costs other users nothing and no answer waits for a shared record. Requests between the
read and the write can exceed a shared budget: by as many as are admitted within a few milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chatkit import types
from chatkit.types import ChatKitReq

from chat_api.context import RequestContext
from chat_api.errors import TooManyRequestsError
from chat_api.identity import SessionEndedError
from chat_api.settings import LimitSettings
from languages import say
from store_dynamo.access import Access, Seat
from store_dynamo.errors import RateExceededError, SignedOutError, TooManyRunningError
from store_dynamo.rates import Rates

logger = logging.getLogger("chat_api.limits")

DAY = timedelta(days=1)
ALL_TURNS, ALL_TOKENS, TOKENS = "all turns per day", "all tokens per day", "tokens per day"
NO_LIMIT = 2**53
"""For counting without a limit. Numbers up to here are exact in both DynamoDB and JSON."""
RETRY_SECONDS = 5
"""The wait that a client is told when all seats are taken; a turn may end at any moment."""


@dataclass(frozen=True, slots=True)
class Charge:
    """The limits that one request counts towards, in addition to `requests_per_minute`."""

    counter: str | None = None
    """The name of its limits per minute and per day."""
    runs_assistant: bool = False
    """Whether it may call the model for as long as a process lives: it takes a seat and needs tokens."""
    for_all: bool = False
    """Whether it counts towards `all_turns_per_day`."""
    counts: bool = True
    """Whether it counts at all; if not, it is only refused after the end of its sign-in."""


REQUEST = Charge()
TURN = Charge("turns", runs_assistant=True, for_all=True)
SESSION = Charge("turns", for_all=True)
ACTION = Charge("actions", runs_assistant=True, for_all=True)
TRANSCRIPTION = Charge("transcriptions", runs_assistant=True)
UPLOAD = Charge("uploads")
SEARCH = Charge("searches")
CHANGE = Charge("actions")
REPORT = Charge("reports")
FOLLOW = Charge(counts=False)
"""The requests of a reader that follows a turn: one a second, after a first one that counts."""

CHARGES: Mapping[type | str, Charge] = {
    types.ThreadsCreateReq: TURN,
    types.ThreadsAddUserMessageReq: TURN,
    types.ThreadsAddClientToolOutputReq: TURN,
    types.ThreadsAddStructuredInputReq: TURN,
    types.ThreadsRetryAfterItemReq: TURN,
    types.ThreadsCustomActionReq: TURN,
    types.ThreadsSyncCustomActionReq: ACTION,
    types.InputTranscribeReq: TRANSCRIPTION,
    types.AttachmentsCreateReq: UPLOAD,
    types.AttachmentsDeleteReq: REQUEST,
    types.ItemsFeedbackReq: REQUEST,
    types.ItemsListReq: REQUEST,
    types.ThreadsDeleteReq: REQUEST,
    types.ThreadsGetByIdReq: REQUEST,
    types.ThreadsListReq: REQUEST,
    types.ThreadsUpdateReq: REQUEST,
    "GET /chatkit/allowances": REQUEST,
    "GET /chatkit/composer": REQUEST,
    "GET /chatkit/entities": REQUEST,
    "GET /chatkit/overview": REQUEST,
    "GET /chatkit/search": SEARCH,
    "POST /chatkit/allowances/{allowance_id}/revoke": REQUEST,
    "POST /chatkit/overview": CHANGE,
    "POST /chatkit/reports": REPORT,
    "GET /chatkit/attachments/{attachment_id}": REQUEST,
    "POST /chatkit/attachments": UPLOAD,
    "POST /chatkit/session": SESSION,
    "POST /chatkit/sign-out": REQUEST,
    "GET /chatkit/turns/{turn_id}/events": REQUEST,
    "POST /chatkit/turns/{turn_id}/cancel": REQUEST,
    "POST /chatkit/turns/{turn_id}/tools/{call_id}": REQUEST,
}
"""Every type of ChatKit's requests, and every other route that needs a user; a test compares both lists."""


def charge_of(request: ChatKitReq) -> Charge:
    return CHARGES[type(request)]


class Limits:
    """The limits of one deployment; a limit of None is not counted.

    Without `access` only the limits of a day apply.
    """

    def __init__(
        self,
        rates: Rates[RequestContext],
        settings: LimitSettings,
        access: Access[RequestContext] | None = None,
    ) -> None:
        self._rates = rates
        self._settings = settings
        self._access = access
        self._background: set[asyncio.Task[None]] = set()

    async def count(self, charge: Charge, context: RequestContext) -> None:
        """Count a request that has no admission, its shared budget last.

        Raises TooManyRequestsError or IdentityError.
        """
        await self.own(charge, context)
        if charge.for_all and (limit := self._settings.all_turns_per_day) is not None:
            await _all(self._rates.count_shared(ALL_TURNS, limit, DAY))

    async def turn(self, context: RequestContext) -> None:
        """Count a turn that other software runs, such as a session of hosted mode."""
        await self.count(SESSION, context)

    async def own(self, charge: Charge, context: RequestContext) -> None:
        """Count a request in its user's records and take its seat. Raises TooManyRequestsError or IdentityError.

        If it raises, the request has no seat; what another counter has counted remains.
        """
        entering = self._enter(charge, context)
        counts: list[Awaitable[None]] = [] if entering is None else [entering]
        if charge.counter is not None and (limit := getattr(self._settings, f"{charge.counter}_per_day")) is not None:
            counts.append(self._rates.count(f"{charge.counter} per day", limit, DAY, context))
        try:
            await _all(*counts)
        except Exception:
            self.leave(charge, context)
            raise

    async def room(self, charge: Charge, context: RequestContext) -> None:
        """Check the budgets that a turn uses up, without changing them. Raises TooManyRequestsError."""
        limits, checks = self._settings, list[Awaitable[None]]()
        if charge.for_all and limits.all_turns_per_day is not None:
            checks.append(self._rates.check_shared(ALL_TURNS, limits.all_turns_per_day, DAY))
        if charge.runs_assistant:
            if limits.all_tokens_per_day is not None:
                checks.append(self._rates.check_shared(ALL_TOKENS, limits.all_tokens_per_day, DAY))
            if limits.user_tokens_per_day is not None:
                checks.append(self._rates.check(TOKENS, limits.user_tokens_per_day, DAY, context))
            if limits.all_turns_at_once is not None and self._access is not None:
                checks.append(self._access.check_leases(limits.all_turns_at_once))
        await _all(*checks)

    def stay(self, charge: Charge, context: RequestContext) -> Stay:
        """Charge an admitted request to the shared budgets, in the background, and return its stay."""
        return Stay(self, charge, context)

    def leave(self, charge: Charge, context: RequestContext) -> None:
        """Give the seat of a refused request back, in the background."""
        if charge.runs_assistant:
            self.in_background(self._leave(charge, context))

    async def begin(self, charge: Charge, context: RequestContext) -> None:
        """Charge the shared budgets."""
        writes: list[Awaitable[None]] = []
        if charge.for_all and self._settings.all_turns_per_day is not None:
            writes.append(self._rates.count_shared(ALL_TURNS, NO_LIMIT, DAY))
        if lease := self._lease(charge, context):
            writes.append(lease[0].lease(lease[1]))
        await self._logged("a turn was not counted", *writes)

    async def end(self, charge: Charge, context: RequestContext, tokens: int) -> None:
        """Give the seats back and charge the tokens. Turns that are already running may exceed a budget."""
        writes: list[Awaitable[None]] = []
        if lease := self._lease(charge, context):
            writes.append(lease[0].release(lease[1]))
        if tokens and self._settings.all_tokens_per_day is not None:
            writes.append(self._rates.count_shared(ALL_TOKENS, NO_LIMIT, DAY, amount=tokens))
        if tokens and self._settings.user_tokens_per_day is not None:
            writes.append(self._rates.count(TOKENS, NO_LIMIT, DAY, context, amount=tokens))
        await asyncio.gather(self._leave(charge, context), self._logged("a turn's tokens were not counted", *writes))

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` to its end; the runtime waits for it after the response has ended."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _leave(self, charge: Charge, context: RequestContext) -> None:
        if self._access is not None and (seat := self._seat(charge, context)) is not None:
            await self._logged("the seat stays taken until its deadline", self._access.leave(seat, context))

    def _enter(self, charge: Charge, context: RequestContext) -> Awaitable[None] | None:
        if self._access is None:
            return None
        if not charge.counts:
            return self._access.check(context, context.signed_in_at)
        names = ["requests"] if charge.counter is None else ["requests", charge.counter]
        limits = {name: getattr(self._settings, f"{name}_per_minute") for name in names}
        rates = {name: limit for name, limit in limits.items() if limit is not None}
        seat = self._seat(charge, context)
        return self._access.enter(context, signed_in_at=context.signed_in_at, rates=rates, seat=seat)

    def _seat(self, charge: Charge, context: RequestContext) -> Seat | None:
        """Return the request's seat. The client chooses the turn's id, but not the request's."""
        limit = self._settings.turns_at_once
        return Seat(context.request_id, context.deadline, limit) if charge.runs_assistant and limit else None

    def _lease(self, charge: Charge, context: RequestContext) -> tuple[Access[RequestContext], Seat] | None:
        limit = self._settings.all_turns_at_once
        if self._access is None or limit is None or not charge.runs_assistant:
            return None
        return self._access, Seat(context.request_id, context.deadline, limit)

    async def _logged(self, failure: str, *writes: Awaitable[None]) -> None:
        for outcome in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error(failure, exc_info=outcome)


class Stay:
    """An admitted request, from its admission to its end."""

    def __init__(self, limits: Limits, charge: Charge, context: RequestContext) -> None:
        self._limits, self._charge, self._context = limits, charge, context
        self._begun = limits.in_background(limits.begin(charge, context)) if charge.runs_assistant else None

    def end(self, tokens: int = 0) -> None:
        """End the stay, in the background."""
        if self._begun is not None:
            self._limits.in_background(self._end(self._begun, tokens))

    async def _end(self, begun: asyncio.Task[None], tokens: int) -> None:
        await asyncio.wait({begun})  # a lease must not be written after its release
        await self._limits.end(self._charge, self._context, tokens)


async def _all(*counts: Awaitable[None]) -> None:
    """Await all counts. An ended sign-in comes first; of several limits, the one that lasts longest is reported."""
    outcomes = await asyncio.gather(*counts, return_exceptions=True)
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for failure in failures:
        if isinstance(failure, SignedOutError):
            raise SessionEndedError(erased=failure.erased) from failure
    reached = [failure for failure in failures if isinstance(failure, RateExceededError)]
    if reached:
        longest = max(reached, key=lambda each: each.retry_after_seconds)
        raise TooManyRequestsError(_explain(longest), longest.retry_after_seconds) from longest
    for failure in failures:
        if isinstance(failure, TooManyRunningError):
            raise TooManyRequestsError(_explain_running(failure), RETRY_SECONDS) from failure
    if failures:
        raise failures[0]


def _explain(error: RateExceededError) -> str:
    if error.name.startswith("all "):
        return say("The assistant has reached its limit for today. Please try again tomorrow.")
    when = _when(error.retry_after_seconds)
    return say("Limit reached: {limit} {counted} are allowed. {when}", limit=error.limit, counted=error.name, when=when)


def _explain_running(error: TooManyRunningError) -> str:
    if error.everyone:
        return say("The assistant is busy. Try again in {seconds} seconds.", seconds=RETRY_SECONDS)
    return say(
        "Limit reached: {limit} answers at once are allowed. Wait for one to end, or stop one.", limit=error.limit
    )


def _when(seconds: int) -> str:
    if seconds < 120:
        return say("Try again in {seconds} seconds.", seconds=seconds)
    if seconds < 7200:
        return say("Try again in {minutes} minutes.", minutes=seconds // 60)
    return say("Try again in {hours} hours.", hours=seconds // 3600)
