"""Running turns: a lock that gives each thread one turn at a time, and lists a user's running turns.

    await store.running.begin("thr_1", "turn-1", claim, context)    # ThreadBusyError: another turn has the lock
    …  await store.running.beat("thr_1", claim, context)  …         # every few seconds; False: the lock is lost
    await store.running.end("thr_1", claim, context)
    await store.running.list(context)                               # one query

    if await store.running.condemn(error.holder, context):          # a dead turn: its process may write no more
        …                                                           # take it over
        await store.running.end("thr_1", error.holder.claim, context, taken=True)

Theory. A lock is free when its record is absent. Every change is one conditional write: `begin` creates the lock,
`beat` and `end` change only the lock of their own claim. A claim is a random text, because a client chooses the turn's
id and may repeat it. A turn is dead when its last sign of life is older than DEAD_AFTER by the clock of the process
that looks. `condemn` decides the race between a late beat and a takeover: it marks the lock as taken, unless the turn
has beaten since the look. A process that was paused cannot renew or free a lock that is taken: its next beat returns
False, and only a taker ends the lock, after it has stored the dead turn's answer. Until then every other turn finds
the lock, and carries on with the takeover.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, StoreError
from store_dynamo.expressions import ABSENT, TURN_LIFE, Clock, number, seconds, text
from store_dynamo.keys import RUNNING, running_key, unescape, user_partition
from store_dynamo.serialization import schema
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

DEAD_AFTER = timedelta(seconds=20)
"""The silence after which a turn counts as dead."""
MAX_RUNNING = 100
EPOCH, MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
OWN = "claim = :claim"
UNTAKEN = f"{OWN} AND attribute_not_exists(taken)"


@dataclass(frozen=True, slots=True)
class RunningTurn:
    """A lock: its thread, turn and claim, its last sign of life, its message's attachments, and whether it is taken."""

    thread_id: str
    turn_id: str
    claim: str
    at: datetime
    files: tuple[str, ...] = ()
    taken: bool = False

    def is_alive(self, now: datetime) -> bool:
        return not self.taken and now - self.at < DEAD_AFTER


class ThreadBusyError(StoreError):
    """`holder` is the turn that has the lock, alive or dead."""

    def __init__(self, holder: RunningTurn) -> None:
        super().__init__(f"Thread {holder.thread_id} is locked by turn {holder.turn_id}")
        self.holder, self.thread_id, self.turn_id = holder, holder.thread_id, holder.turn_id


class RunningTurns(Generic[TContext]):
    """Locks, `RUNNING#{thread}` in the user's partition. IAM: dynamodb:DeleteItem, GetItem, PutItem, Query, UpdateItem.

    Each write costs one unit. A lock contains no text, has no `ord`, and is deleted at the end of its turn.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def begin(
        self, thread_id: str, turn_id: str, claim: str, context: TContext, files: Sequence[str] = ()
    ) -> None:
        """Lock a thread for a turn; `files` are the ids of its message's attachments.

        Raises ThreadBusyError, with the turn that has the lock, alive or dead, or InvalidIdError.
        """
        now = self._clock()
        record: Record = {
            **running_key(self._user_of(context), thread_id),
            **schema(),
            "turn": text(turn_id),
            "claim": text(claim),
            "at": _milliseconds(now),
            "expires_at": seconds(now + TURN_LIFE),
        }
        if files:
            record["files"] = {"L": [text(each) for each in files]}
        try:
            await run_to_completion(self._table.put(record, ABSENT))
        except ConditionFailedError as error:
            holder = _turn(conflicting_record(error) or record)
            if holder.claim != claim or holder.taken:  # its own claim after a lost answer
                raise ThreadBusyError(holder) from error

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
            await run_to_completion(self._table.update(running_key(self._user_of(context), thread_id), change, UNTAKEN))
        except ConditionFailedError:
            return False
        return True

    async def condemn(self, turn: RunningTurn, context: TContext) -> bool:
        """Mark a dead turn's lock as taken, so that its process can neither renew nor free it; idempotent.

        Returns False if the turn is alive, if it has beaten since it was read, or if the lock is gone.
        """
        if turn.is_alive(self._clock()):
            return False
        change: dict[str, Any] = {
            "UpdateExpression": "SET taken = :taken",
            "ExpressionAttributeNames": {"#at": "at"},
            "ExpressionAttributeValues": {
                ":taken": {"BOOL": True},
                ":claim": text(turn.claim),
                ":seen": _milliseconds(turn.at),
            },
        }
        condition = f"{OWN} AND (#at = :seen OR attribute_exists(taken))"
        key = running_key(self._user_of(context), turn.thread_id)
        try:
            await run_to_completion(self._table.update(key, change, condition))
        except ConditionFailedError:
            return False
        return True

    async def end(self, thread_id: str, claim: str, context: TContext, *, taken: bool = False) -> None:
        """Free the lock, unless it is another claim's by now.

        A turn cannot free a lock that was taken from it: only its taker does, with `taken`, after the takeover.
        """
        key = running_key(self._user_of(context), thread_id)
        with suppress(ConditionFailedError):
            await run_to_completion(self._table.delete(key, OWN if taken else UNTAKEN, {":claim": text(claim)}))

    async def find(self, thread_id: str, context: TContext) -> RunningTurn | None:
        """Return the lock of a thread, alive or not."""
        record = await self._table.get(running_key(self._user_of(context), thread_id))
        return _turn(record) if record else None

    async def find_all(self, context: TContext) -> tuple[Sequence[RunningTurn], Sequence[RunningTurn]]:
        """Return the user's running turns, and the dead ones that were not taken over yet. One query."""
        values = {":pk": text(user_partition(self._user_of(context))), ":running": text(RUNNING)}
        found = await self._table.query("pk = :pk AND begins_with(sk, :running)", values, limit=MAX_RUNNING)
        turns, now = [_turn(each) for each in found], self._clock()
        return [each for each in turns if each.is_alive(now)], [each for each in turns if not each.is_alive(now)]

    async def list(self, context: TContext) -> Sequence[RunningTurn]:
        """Return the user's running turns; dead ones are left out."""
        return (await self.find_all(context))[0]


def _turn(record: Record) -> RunningTurn:
    at = EPOCH + int(record["at"]["N"]) * MILLISECOND
    thread_id = unescape(record["sk"]["S"].removeprefix(RUNNING))
    files = tuple(each["S"] for each in record.get("files", {}).get("L", ()))
    return RunningTurn(thread_id, record["turn"]["S"], record["claim"]["S"], at, files, "taken" in record)


def _milliseconds(at: datetime) -> dict[str, Any]:
    return number((at - EPOCH) // MILLISECOND)  # exact, because `condemn` compares it with the stored one
