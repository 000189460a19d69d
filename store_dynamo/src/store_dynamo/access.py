"""A user's access record: recent requests, running turns, and the last sign-out. One conditional write per request.

    seat = Seat("turn-1", until=deadline, limit=3)
    await store.access.enter(context, signed_in_at=at, rates={"requests": 120, "turns": 20}, seat=seat)
    …                                                    # SignedOutError, RateExceededError, TooManyRunningError
    await store.access.leave(seat, context)              # best effort: a seat also expires

    access = Access(table, user_of=str)                  # operators have a user id instead of a context
    await access.sign_out("4f1c…", before=now)           # sign out everywhere
    await access.erase("4f1c…", at=now)                  # leaves a tombstone in place of the record

Theory. A rate is a bucket that holds `limit` requests and refills within a minute. Its state is one instant, at which
the bucket will be full again: a request moves it by `60 s / limit` from itself or from now, whichever is later, and is
refused if it would lie more than a minute ahead (the generic cell rate algorithm). DynamoDB's expressions have no
maximum, so the first write assumes full buckets, the usual case of a person who types. If that is false, the failed
condition returns the record, and the second write states the case exactly. After a pause, a user may send a full bucket
and what refills meanwhile: less than twice the limit in any minute.

A running turn has an entry in a set, with the instant at which its process is dead for certain. Expired entries are
removed when the set is full, so a killed process blocks its user's seats until its deadline and no longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import (
    ConditionFailedError,
    RateExceededError,
    SignedOutError,
    StoreUnavailableError,
    TooManyRunningError,
)
from store_dynamo.expressions import PRESENT, Attributes, Clock, number, seconds, text, utc_now
from store_dynamo.keys import LEASE, LEASES, access_key, lease_key
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

MINUTE_MS = 60_000
REMEMBERED = timedelta(days=92)
"""The life of the record after its last write: longer than any session of the template, so no sign-out is forgotten."""
ATTEMPTS = 8
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Seat:
    """One of the `limit` turns that may run at once; `until` is the end of the process that runs `holder`."""

    holder: str
    until: datetime
    limit: int

    @property
    def entry(self) -> str:
        return f"{int(self.until.timestamp())}#{self.holder}"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at one instant; `signed_in_at` is the token's `auth_time`."""

    now: datetime
    signed_in_at: datetime
    rates: Mapping[str, int] = field(default_factory=dict[str, int])
    seat: Seat | None = None

    @property
    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)


class Access(Generic[TContext]):
    """Access records, `ACCESS` in the user's partition. IAM: dynamodb:DeleteItem, GetItem, PutItem, Query, UpdateItem.

    Leases, `LEASE#{until}#{holder}` in a partition of their own, count the turns of all users that run at this moment.
    Attributes: `{rate}_until`, `running`, `signed_out_before`, `erased_at`, `expires_at`. With up to eight seats a
    record has less than a kilobyte, so every write is one unit.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock = utc_now) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def enter(
        self,
        context: TContext,
        *,
        signed_in_at: datetime = LONG_AGO,
        rates: Mapping[str, int] | None = None,
        seat: Seat | None = None,
    ) -> None:
        """Count a request by each of `rates` (name → number per minute) and take a seat.

        Changes nothing if it raises: SignedOutError if the user signed out or was erased after `signed_in_at`,
        RateExceededError, or TooManyRunningError. A repeated request for the same seat succeeds.
        """
        visit = Visit(self._clock(), signed_in_at, rates or {}, seat)
        key = access_key(self._user_of(context))
        stored: Record = {}
        for _ in range(ATTEMPTS):
            change, condition = admit(stored, visit)
            try:
                await run_to_completion(self._table.update(key, change, condition))
            except ConditionFailedError as error:
                stored = conflicting_record(error) or {}
            else:
                return
        raise StoreUnavailableError("access", ATTEMPTS, "Contention")

    async def check(self, context: TContext, signed_in_at: datetime) -> None:
        """Raise SignedOutError if the user signed out or was erased after `signed_in_at`; one read, counts nothing."""
        stored = await self._table.get(access_key(self._user_of(context)))
        Write(Visit(self._clock(), signed_in_at)).signed_in(stored or {})

    async def leave(self, seat: Seat, context: TContext) -> None:
        """Free a seat; does nothing if it is free."""
        change: dict[str, Any] = {
            "UpdateExpression": "DELETE running :entry",
            "ExpressionAttributeValues": {":entry": {"SS": [seat.entry]}},
        }
        with suppress(ConditionFailedError):  # the record has expired
            await run_to_completion(self._table.update(access_key(self._user_of(context)), change, PRESENT))

    async def check_leases(self, limit: int) -> None:
        """Raise TooManyRunningError if turns of all users hold `limit` leases; one eventually consistent read."""
        now = f"{LEASE}{int(self._clock().timestamp()):012}~"
        if await self._table.count("pk = :pk AND sk > :now", {":pk": text(LEASES), ":now": text(now)}, limit) >= limit:
            raise TooManyRunningError(limit, everyone=True)

    async def lease(self, seat: Seat) -> None:
        """Write a lease, which contains nothing of its user and expires with the seat."""
        await run_to_completion(self._table.put({**lease_key(*_lease(seat)), "expires_at": seconds(seat.until)}))

    async def release(self, seat: Seat) -> None:
        """Delete a lease."""
        await run_to_completion(self._table.delete(lease_key(*_lease(seat))))

    async def sign_out(self, context: TContext, before: datetime) -> None:
        """Refuse every token of a sign-in before `before`, rounded up to the next second, from now on."""
        change: dict[str, Any] = {
            "UpdateExpression": "SET signed_out_before = :before, expires_at = :expiry",
            "ExpressionAttributeValues": {":before": _next_second(before), ":expiry": self._expiry()},
        }
        await run_to_completion(self._table.update(access_key(self._user_of(context)), change))

    async def erase(self, context: TContext, at: datetime) -> None:
        """Replace the record by a tombstone, which refuses every token of a sign-in before `at`.

        It contains no data of the user but the key, and expires after the longest session.
        """
        tombstone: Record = {
            **access_key(self._user_of(context)),
            "signed_out_before": _next_second(at),
            "erased_at": seconds(at),
            "expires_at": self._expiry(),
        }
        await run_to_completion(self._table.put(tombstone))

    def _expiry(self) -> dict[str, Any]:
        return seconds(self._clock() + REMEMBERED)


class Write:
    """An update under construction: what it assigns, and the conditions that it needs."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._assignments = ["expires_at = :expiry"]
        self._added = ""
        self._conditions: list[str] = []
        self._values: Attributes = {":expiry": seconds(visit.now + REMEMBERED)}

    def signed_in(self, stored: Record) -> None:
        """Require that the sign-in has not ended. Raises SignedOutError."""
        before = int(stored.get("signed_out_before", {}).get("N", 0))
        if int(self.visit.signed_in_at.timestamp()) < before:
            raise SignedOutError(before, erased="erased_at" in stored)
        self._values[":since"] = seconds(self.visit.signed_in_at)
        self._conditions.append("(attribute_not_exists(signed_out_before) OR signed_out_before <= :since)")

    def count(self, stored: Record, name: str, limit: int) -> None:
        """Count one request by a rate. Raises RateExceededError."""
        now, cost, state = self.visit.now_ms, MINUTE_MS // limit, f"{name}_until"
        latest = now + MINUTE_MS - cost
        until = int(stored.get(state, {}).get("N", 0))
        if until > latest:
            raise RateExceededError(f"{name} per minute", limit, math.ceil((until - latest) / 1000))
        self._values[":now"] = number(now)
        if until <= now:
            self._assignments.append(f"{state} = :{name}_next")
            self._conditions.append(f"(attribute_not_exists({state}) OR {state} <= :now)")
            self._values[f":{name}_next"] = number(now + cost)
        else:
            self._assignments.append(f"{state} = {state} + :{name}_cost")
            self._conditions.append(f"{state} BETWEEN :now AND :{name}_latest")
            self._values |= {f":{name}_cost": number(cost), f":{name}_latest": number(latest)}

    def take(self, stored: Record, seat: Seat) -> None:
        """Take a seat, in place of expired ones if all are taken. Raises TooManyRunningError."""
        taken: list[str] = stored.get("running", {}).get("SS", [])
        if len(taken) < seat.limit or seat.entry in taken:
            self._added = " ADD running :seat"
            self._conditions.append(
                "(attribute_not_exists(running) OR size(running) < :seats OR contains(running, :e))"
            )
            self._values |= {":seat": {"SS": [seat.entry]}, ":seats": number(seat.limit), ":e": text(seat.entry)}
            return
        now = int(self.visit.now.timestamp())
        alive = [each for each in taken if _until(each) > now]
        if len(alive) >= seat.limit:
            raise TooManyRunningError(seat.limit)
        self._assignments.append("running = :seats")
        self._conditions.append("running = :taken")
        self._values |= {":seats": {"SS": [*alive, seat.entry]}, ":taken": {"SS": taken}}

    def parameters(self) -> tuple[dict[str, Any], str]:
        """Return the update's parameters and its condition."""
        change = {
            "UpdateExpression": f"SET {', '.join(self._assignments)}{self._added}",
            "ExpressionAttributeValues": self._values,
        }
        return change, " AND ".join(self._conditions)


def admit(stored: Record, visit: Visit) -> tuple[dict[str, Any], str]:
    """Return the update that lets a visit in, and the condition under which it may.

    `stored` is the record as last seen; the condition fails if the record has changed in a way that matters. Raises
    SignedOutError, RateExceededError or TooManyRunningError if `stored` does not let the visit in.
    """
    write = Write(visit)
    write.signed_in(stored)
    for name, limit in visit.rates.items():
        write.count(stored, name, limit)
    if visit.seat is not None:
        write.take(stored, visit.seat)
    return write.parameters()


def _lease(seat: Seat) -> tuple[int, str]:
    return int(seat.until.timestamp()), seat.holder


def _until(entry: str) -> int:
    return int(entry.partition("#")[0])


def _next_second(at: datetime) -> dict[str, Any]:
    return number(math.ceil(at.timestamp()))
