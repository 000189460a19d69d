"""Running turns: a lock that gives each thread one turn at a time, and lists a user's running turns.

    await store.running.begin("thr_1", "turn-1", claim, context)    # ThreadBusyError: another turn runs
    …  await store.running.beat("thr_1", claim, context)  …         # every few seconds; False: the lock is lost
    await store.running.end("thr_1", claim, context)
    await store.running.list(context)                               # one query

Theory. A lock is free when its record is absent, or when its last sign of life is older than DEAD_AFTER by the clock of
the process that looks. Every change is one conditional write: `begin` takes a free lock, `beat` and `end` change only
the lock of their own claim. A claim is a random text, because a client chooses the turn's id and may repeat it. A
process that was paused for longer than DEAD_AFTER loses its lock to the next turn, and its next beat says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, ThreadBusyError
from store_dynamo.expressions import ABSENT, TURN_LIFE, Clock, number, seconds, text
from store_dynamo.keys import RUNNING, running_key, unescape, user_partition
from store_dynamo.serialization import schema
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

DEAD_AFTER = timedelta(seconds=20)
"""The silence after which a turn counts as dead."""
MAX_RUNNING = 100
OWN = "claim = :claim"


@dataclass(frozen=True, slots=True)
class RunningTurn:
    """A lock: its thread, its turn, its claim, and the last sign of life."""

    thread_id: str
    turn_id: str
    claim: str
    at: datetime

    def is_alive(self, now: datetime) -> bool:
        return now - self.at < DEAD_AFTER


class RunningTurns(Generic[TContext]):
    """Locks, `RUNNING#{thread}` in the user's partition. IAM: dynamodb:DeleteItem, GetItem, PutItem, Query, UpdateItem.

    Each write costs one unit. A lock contains no text, has no `ord`, and is deleted at the end of its turn.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def begin(self, thread_id: str, turn_id: str, claim: str, context: TContext) -> None:
        """Lock a thread for a turn. Raises ThreadBusyError, with the turn that holds the lock, or InvalidIdError."""
        now = self._clock()
        record: Record = {
            **running_key(self._user_of(context), thread_id),
            **schema(),
            "turn": text(turn_id),
            "claim": text(claim),
            "at": _milliseconds(now),
            "expires_at": seconds(now + TURN_LIFE),
        }
        values = {":dead": _milliseconds(now - DEAD_AFTER)}
        try:
            await run_to_completion(self._table.put(record, f"{ABSENT} OR #at <= :dead", values, {"#at": "at"}))
        except ConditionFailedError as error:
            holder = conflicting_record(error) or {}
            if holder.get("claim") != record["claim"]:  # equal after a lost answer
                raise ThreadBusyError(thread_id, holder.get("turn", {}).get("S")) from error

    async def beat(self, thread_id: str, claim: str, context: TContext) -> bool:
        """Renew the lock. Returns whether it is still this claim's."""
        now = self._clock()
        change: dict[str, Any] = {
            "UpdateExpression": "SET #at = :at, expires_at = :expiry",
            "ExpressionAttributeNames": {"#at": "at"},
            "ExpressionAttributeValues": {
                ":at": _milliseconds(now),
                ":expiry": seconds(now + TURN_LIFE),
                ":claim": text(claim),
            },
        }
        try:
            await run_to_completion(self._table.update(running_key(self._user_of(context), thread_id), change, OWN))
        except ConditionFailedError:
            return False
        return True

    async def end(self, thread_id: str, claim: str, context: TContext) -> None:
        """Free the lock, unless it is another claim's by now."""
        key = running_key(self._user_of(context), thread_id)
        with suppress(ConditionFailedError):
            await run_to_completion(self._table.delete(key, OWN, {":claim": text(claim)}))

    async def find(self, thread_id: str, context: TContext) -> RunningTurn | None:
        """Return the lock of a thread, alive or not."""
        record = await self._table.get(running_key(self._user_of(context), thread_id))
        return _turn(record) if record else None

    async def list(self, context: TContext) -> list[RunningTurn]:
        """Return the user's running turns; dead ones are left out."""
        values = {":pk": text(user_partition(self._user_of(context))), ":running": text(RUNNING)}
        found = await self._table.query("pk = :pk AND begins_with(sk, :running)", values, limit=MAX_RUNNING)
        now = self._clock()
        return [turn for turn in map(_turn, found) if turn.is_alive(now)]


def _turn(record: Record) -> RunningTurn:
    at = datetime.fromtimestamp(int(record["at"]["N"]) / 1000, UTC)
    thread_id = unescape(record["sk"]["S"].removeprefix(RUNNING))
    return RunningTurn(thread_id, record["turn"]["S"], record["claim"]["S"], at)


def _milliseconds(at: datetime) -> dict[str, Any]:
    return number(int(at.timestamp() * 1000))
