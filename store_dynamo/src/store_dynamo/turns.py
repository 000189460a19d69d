"""Turn records: each turn is claimed once, can be cancelled while it runs, and is remembered for a day.

await store.turns.claim("turn-1", "thr_1", context)           # TurnClaimedError: it runs or has run
…  await store.turns.is_cancelled("turn-1", context)  …       # one read, 1 RCU
await store.turns.find("turn-1", context)                     # TurnRecord("turn-1", "thr_1", cancelled=False)
await store.turns.win("turn-1", "call-1", context)            # True for one reader, which runs the client tool call
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.errors import ConditionFailedError, TurnClaimedError, turn_not_found
from store_dynamo.expressions import ABSENT, Clock, is_alive, number, seconds, text, update
from store_dynamo.keys import escape, turn_key
from store_dynamo.serialization import schema
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

REMEMBERED = timedelta(days=1)
EARLY = timedelta(minutes=1)
"""The time for which a cancellation waits for its turn: a request may overtake another one."""

MAX_CALLS = 100
"""The client tool calls of one turn that can be won."""
_WINS = "attribute_exists(claim) AND NOT contains(ran, :call) AND (attribute_not_exists(ran) OR size(ran) < :most)"


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A claimed turn."""

    turn_id: str
    thread_id: str
    cancelled: bool
    unsent: bool = False
    """Whether its process died before it stored its message."""
    ran: frozenset[str] = frozenset()
    """The client tool calls that a reader has won."""


class Turns(Generic[TContext]):
    """Turn records, `TURN#{turn}` in the user's partition. IAM: dynamodb:DeleteItem, GetItem, PutItem, UpdateItem."""

    def __init__(self, table: Table, user_of: Callable[[TContext], str], clock: Clock) -> None:
        self._table = table
        self._user_of = user_of
        self._clock = clock

    async def claim(self, turn_id: str, thread_id: str, context: TContext) -> None:
        """Begin a turn. Raises TurnClaimedError, with the thread that the first claim named, or InvalidIdError."""
        escape(thread_id, "thread")  # an id that is too long for a key might not fit into the record either
        claim = uuid.uuid4().hex  # distinguishes a retry after a lost answer from a second claim
        record: Record = {
            **turn_key(self._user_of(context), turn_id),
            **schema(),
            "claim": text(claim),
            "thread_id": text(thread_id),
            "expires_at": seconds(self._clock() + REMEMBERED),
        }
        try:
            await run_to_completion(self._table.put(record, ABSENT))
        except ConditionFailedError as error:
            first = conflicting_record(error) or {}
            if "claim" not in first:
                await self._claim_cancelled(turn_id, record, first)
            elif first["claim"] != record["claim"]:
                raise TurnClaimedError(turn_id, first.get("thread_id", {}).get("S")) from error

    async def _claim_cancelled(self, turn_id: str, record: Record, note: Record) -> None:
        """Claim a turn whose cancellation arrived first; one that is older than EARLY no longer counts."""
        noted_at = datetime.fromisoformat(note["cancelled_at"]["S"])
        late = noted_at < self._clock() - EARLY
        assigned = {name: value for name, value in record.items() if name not in ("pk", "sk")}
        change = update(assigned, remove=["cancelled_at"] if late else [])
        key = {"pk": record["pk"], "sk": record["sk"]}
        try:
            await run_to_completion(self._table.update(key, change, "attribute_not_exists(claim)"))
        except ConditionFailedError as error:
            first = conflicting_record(error) or {}
            if first.get("claim") != record["claim"]:
                raise TurnClaimedError(turn_id, first.get("thread_id", {}).get("S")) from error

    async def release(self, turn_id: str, context: TContext) -> None:
        """Delete the claim of a turn that was not carried out, so that it may begin again. Only for its holder."""
        await run_to_completion(self._table.delete(turn_key(self._user_of(context), turn_id)))

    async def cancel(self, turn_id: str, context: TContext) -> None:
        """Ask a turn to stop. If it is not claimed yet, a claim within EARLY begins a cancelled turn."""
        now = self._clock()
        keep = {**schema(), "expires_at": seconds(now + EARLY)}
        change = update({"cancelled_at": text(now.isoformat())}, keep=keep)
        await run_to_completion(self._table.update(turn_key(self._user_of(context), turn_id), change))

    async def is_cancelled(self, turn_id: str, context: TContext) -> bool:
        """Return whether `cancel` was called for the turn."""
        record = await self._table.get(turn_key(self._user_of(context), turn_id))
        return record is not None and "cancelled_at" in record

    async def find(self, turn_id: str, context: TContext) -> TurnRecord | None:
        """Return a turn that was claimed in the last day; None for any other, also for one that was only cancelled."""
        record = await self._table.get(turn_key(self._user_of(context), turn_id))
        if record is None or "claim" not in record or not is_alive(record, self._clock()):
            return None
        ran = frozenset(record.get("ran", {}).get("SS", ()))
        return TurnRecord(turn_id, record["thread_id"]["S"], "cancelled_at" in record, "unsent" in record, ran)

    async def mark_unsent(self, turn_id: str, context: TContext) -> None:
        """Note that a dead turn had not stored its message, so that the message may be sent again; idempotent."""
        change = update({"unsent": {"BOOL": True}})
        with suppress(ConditionFailedError):
            key = turn_key(self._user_of(context), turn_id)
            await run_to_completion(self._table.update(key, change, "attribute_exists(claim)"))

    async def win(self, turn_id: str, call_id: str, context: TContext) -> bool:
        """Return True to the first caller, which runs the turn's client tool call, and False to all others.

        Raises NotFoundError for an unknown turn, or InvalidIdError.
        """
        escape(call_id, "call")  # an id that is too long for a key must not fill the record either
        token = uuid.uuid4().hex  # distinguishes a retry after a lost answer from another caller
        change: dict[str, Any] = {
            "UpdateExpression": "ADD ran :calls, won :tokens",
            "ExpressionAttributeValues": {
                ":calls": {"SS": [call_id]},
                ":tokens": {"SS": [token]},
                ":call": text(call_id),
                ":most": number(MAX_CALLS),
            },
        }
        try:
            await run_to_completion(self._table.update(turn_key(self._user_of(context), turn_id), change, _WINS))
        except ConditionFailedError as error:
            record = conflicting_record(error) or {}
            if "claim" not in record:
                raise turn_not_found(turn_id) from error
            return token in record.get("won", {}).get("SS", ())
        return True
