"""Allowances: a user's "Always allow" for later calls of one tool, within the bounds that its author has named.

    verdict = Verdict(True, digest=shown, claim=claim, grant=Grant("transfer", meaning, bounds, words))
    await store.approvals.decide("thr_1", "apr_1", verdict, context)                 # the approval, and its allowance
    [allowance] = await store.allowances.list(context)
    await store.approvals.allow("thr_1", call, allowance, claim, "req", context)     # None once it is revoked
    await store.allowances.revoke(allowance.allowance_id, context)

Theory. An allowance is written by the transaction that approves a call, and has that approval's id: it never exists
without a call that its user approved. A call that it covers is recorded by a transaction with the condition that the
allowance exists, has not expired, and is for the same tool. So a call begins before the revocation, or not at all. Only
`approvals` writes these records; the store does not interpret `bounds`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic

from typing_extensions import TypeVar

from store_dynamo.approval_records import Allowance, Grant
from store_dynamo.expressions import PRESENT, UNEXPIRED, Lifetime, expression_values, seconds, text
from store_dynamo.keys import ALLOWANCE, allowance_key, unescape, user_partition
from store_dynamo.serialization import check_schema, schema
from store_dynamo.table import Record, Table, run_to_completion

TContext = TypeVar("TContext", default=Any)

MAX_ALLOWANCES = 100
"""Of one user: further ones are neither listed nor used."""
MAX_BOUNDS_CHARS = 4_000
MAX_WORDS_CHARS = 1_000


class Allowances(Generic[TContext]):
    """Records, `ALLOWANCE#{approval}` in the user's partition. IAM: dynamodb:DeleteItem and Query.

    An allowance outlives its conversation. It ends when it is revoked, at the time its author has set, after the
    store's `retention`, or with the account.
    """

    def __init__(self, table: Table, user_of: Callable[[TContext], str], lifetime: Lifetime) -> None:
        self._table = table
        self._user_of = user_of
        self._lifetime = lifetime

    async def list(self, context: TContext) -> list[Allowance]:
        """Return the newest MAX_ALLOWANCES of the user, the newest first. One query."""
        values = {":pk": text(user_partition(self._user_of(context))), ":allowance": text(ALLOWANCE)}
        condition = "pk = :pk AND begins_with(sk, :allowance)"
        found = await self._table.query(condition, values, limit=MAX_ALLOWANCES, forward=False)
        now = int(self._lifetime.clock().timestamp())
        return [_allowance(each) for each in found if int(each.get("expires_at", {"N": now + 1})["N"]) > now]

    async def revoke(self, allowance_id: str, context: TContext) -> bool:
        """End an allowance, from the next call on. Returns whether there was one."""
        return await run_to_completion(self._table.delete(allowance_key(self._user_of(context), allowance_id)))


def granting(user_id: str, thread_id: str, approval_id: str, grant: Grant, request_id: str, life: Lifetime) -> Record:
    """Return the record of an allowance. Raises ValueError if its bounds are too long."""
    if len(grant.bounds) > MAX_BOUNDS_CHARS:
        raise ValueError(f"the bounds of {grant.tool} have over {MAX_BOUNDS_CHARS} characters")
    ends = [grant.until] if grant.until else []
    ends += [life.clock() + life.retention] if life.retention else []
    return {
        **allowance_key(user_id, approval_id),
        **schema(),
        "tool": text(grant.tool),
        "meaning": text(grant.meaning),
        "bounds": text(grant.bounds),
        "words": text(grant.words[:MAX_WORDS_CHARS]),
        "thread_id": text(thread_id),
        "granted_at": text(life.clock().isoformat()),
        "granted_by": text(user_id),
        **({"request_id": text(request_id)} if request_id else {}),
        **({"expires_at": seconds(min(ends))} if ends else {}),
    }


def holds(user_id: str, allowance: Allowance, life: Lifetime) -> dict[str, Any]:
    """Return the action of a transaction that requires the allowance to exist as it was read, and not to have ended."""
    return {
        "Key": allowance_key(user_id, allowance.allowance_id),
        "ConditionExpression": f"{PRESENT} AND meaning = :meaning AND bounds = :bounds AND {UNEXPIRED}",
        **expression_values(
            life.now() | {":meaning": text(allowance.grant.meaning), ":bounds": text(allowance.grant.bounds)}
        ),
    }


def _allowance(record: Record) -> Allowance:
    check_schema(record)
    named = {name: value["S"] for name, value in record.items() if "S" in value}
    until = datetime.fromtimestamp(int(record["expires_at"]["N"]), UTC) if "expires_at" in record else None
    return Allowance(
        unescape(named["sk"].removeprefix(ALLOWANCE)),
        Grant(named["tool"], named["meaning"], named["bounds"], named["words"], until),
        named["thread_id"],
        datetime.fromisoformat(named["granted_at"]),
        named["granted_by"],
        named.get("request_id", ""),
    )
