"""DynamoDB expressions built from named pieces, and the conditions that a record is alive.

update(assign={"body": body}, keep={"ord": order}, remove=["overflow"])
→ SET #body = :body, #ord = if_not_exists(#ord, :ord) REMOVE #overflow

condition     holds when
PRESENT       the record exists
ABSENT        it does not
UNEXPIRED     it has not expired; needs `:now`, see `Lifetime`
ALIVE         it exists, is not a tombstone and has not expired; needs `:now`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chatkit.store import NotFoundError

from store_dynamo.errors import ConditionFailedError, FencedError, StoreError, thread_not_found
from store_dynamo.keys import thread_key, thread_order

Attributes = dict[str, dict[str, Any]]
"""Attribute name → {type: value}, as DynamoDB's JSON has it."""

Clock = Callable[[], datetime]

ABSENT = "attribute_not_exists(pk)"
PRESENT = "attribute_exists(pk)"
UNEXPIRED = "(attribute_not_exists(expires_at) OR expires_at > :now)"
ALIVE = f"attribute_exists(pk) AND attribute_not_exists(deleted_at) AND {UNEXPIRED}"

FENCED = "fenced"
"""The attribute of a thread with the claims of turns that were taken over, a set of strings."""

TURN_LIFE = timedelta(hours=1)
"""The life of a tombstone, longer than any turn: Lambda ends a turn after 15 minutes."""

UNCLAIMED_LIFE = timedelta(days=1)
"""The life of an attachment that no message refers to; the lifecycle rule of `pending/` has the same age."""


def text(value: str) -> dict[str, Any]:
    return {"S": value}


def number(value: int) -> dict[str, Any]:
    return {"N": str(value)}


def seconds(at: datetime) -> dict[str, Any]:
    """Return an instant in the form of DynamoDB's TTL: whole seconds since 1970."""
    return number(int(at.timestamp()))


def update(
    assign: Attributes, keep: Attributes | None = None, remove: Iterable[str] = (), values: Attributes | None = None
) -> dict[str, Any]:
    """Return an update's expression, names and values.

    `assign` overwrites, `keep` sets only absent attributes, `remove` drops; `values` are those of the condition.
    """
    keep = keep or {}
    clauses = [f"#{name} = :{name}" for name in assign]
    clauses += [f"#{name} = if_not_exists(#{name}, :{name})" for name in keep]
    removed = list(remove)
    expression = " ".join(
        f"{verb} {', '.join(parts)}"
        for verb, parts in (("SET", clauses), ("REMOVE", [f"#{name}" for name in removed]))
        if parts
    )
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in [*assign, *keep, *removed]},
        **expression_values({f":{name}": value for name, value in (assign | keep).items()} | (values or {})),
    }


def expression_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameter for an expression's values; DynamoDB refuses an empty one."""
    return {"ExpressionAttributeValues": dict(values)} if values else {}


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The clock, and what a new item changes in its thread.

    A thread is kept for `retention` after its last item, forever with None. With `by_activity` it moves to the front of
    the list.
    """

    clock: Clock = utc_now
    retention: timedelta | None = None
    by_activity: bool = False

    def now(self) -> Attributes:
        """Return the value that ALIVE and UNEXPIRED compare with."""
        return {":now": seconds(self.clock())}

    def after_a_turn(self) -> Attributes:
        """Return the value with which UNEXPIRED holds until a turn that begins now is over."""
        return {":now": seconds(self.clock() + TURN_LIFE)}

    def expiry(self) -> Attributes:
        """Return the expiry of a thread that gets an item now."""
        return {"expires_at": seconds(self.clock() + self.retention)} if self.retention else {}

    def thread_lives(
        self, user_id: str, thread_id: str, *, renew: bool = False, claim: str | None = None
    ) -> dict[str, Any]:
        """Return the action of a transaction that requires the thread to live; `renew` is for a new item in it.

        With `claim` it also requires that this claim is not fenced, and returns the thread's record if it fails.
        """
        where: dict[str, Any] = {"Key": thread_key(user_id, thread_id), "ConditionExpression": ALIVE}
        values = self.now()
        if claim is not None:
            where["ConditionExpression"] = f"{ALIVE} AND NOT contains({FENCED}, :claim)"
            where["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
            values[":claim"] = text(claim)
        changes = self.expiry()
        if self.by_activity:
            changes["ord"] = text(thread_order(self.clock(), thread_id))
        if renew and changes:
            return {"Update": where | update(assign=changes, values=values)}
        return {"ConditionCheck": where | expression_values(values)}


def thread_refused(error: ConditionFailedError, thread_id: str, claim: str | None = None) -> StoreError | NotFoundError:
    """Return the error of a transaction whose first action, `Lifetime.thread_lives`, failed."""
    record = error.failed.get(0) or {}
    if claim is not None and claim in record.get(FENCED, {}).get("SS", ()):
        return FencedError(thread_id, claim)
    return thread_not_found(thread_id)


def is_alive(record: Attributes | None, now: datetime) -> bool:
    """Return whether a thread or attachment is neither deleted nor expired; TTL removes expired records days later."""
    if record is None or "deleted_at" in record:
        return False
    return "expires_at" not in record or int(record["expires_at"]["N"]) > int(now.timestamp())
