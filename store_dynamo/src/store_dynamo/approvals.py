"""Approvals: the calls of tools that wait for their user, the decisions, and the outcomes.

    await store.approvals.ask("thr_1", [Asked(...)], context)                        # before the card is shown
    verdict = Verdict(approved=True, digest=shown, claim=claim, request_id=request_id)
    await store.approvals.decide("thr_1", "apr_1", verdict, context)                 # NotDecidedError: nothing changed
    if await store.approvals.start("thr_1", "apr_1", claim, context):                # True once, right before the tool
        await store.approvals.finish("thr_1", "apr_1", claim, Outcome("moved"), context)

    pending ── decide ──▶ begun ── finish ──▶ done | failed
       │                    └──── abandon ──▶ unknown ── finish ──▶ done | failed
       ├─────── decide ──▶ denied
       └─────── expire ──▶ expired
    allow ──▶ begun            (a call that an allowance covers, see `allowances`)

Theory. The record is the truth about a call: the model's plan, the card and the process may all be gone when the user
decides. Each arrow is one conditional write, so of two decisions, in two tabs or by a repeated request, one succeeds.
The decision names the digest that the card showed, and is one transaction with the conditions that the thread and the
card exist: an answer that was retried has lost its card, and an old tab cannot approve it. `claim` is the claim of the
deciding turn. Only this turn may start the tool, once, and not after it was taken over. A turn that dies after `begun`
leaves an outcome that no other process can know: `abandon` records that, and nothing starts the tool again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Generic, cast

from typing_extensions import TypeVar

from store_dynamo.allowances import granting, holds
from store_dynamo.approval_records import MAX_ARGUMENTS_CHARS, Allowance
from store_dynamo.approval_records import MAX_ASKED as MAX_ASKED
from store_dynamo.approval_records import MAX_OUTCOME_CHARS as MAX_OUTCOME_CHARS
from store_dynamo.approval_records import MAX_REASON_CHARS as MAX_REASON_CHARS
from store_dynamo.approval_records import Approval as Approval
from store_dynamo.approval_records import Asked as Asked
from store_dynamo.approval_records import Grant as Grant
from store_dynamo.approval_records import NotDecidedError as NotDecidedError
from store_dynamo.approval_records import Outcome as Outcome
from store_dynamo.approval_records import Status as Status
from store_dynamo.approval_records import Verdict as Verdict
from store_dynamo.bodies import Bodies
from store_dynamo.errors import ConditionFailedError, approval_not_found, item_not_found, thread_not_found
from store_dynamo.expressions import ABSENT, PRESENT, Lifetime, is_alive, seconds, text, update
from store_dynamo.keys import APPROVAL, approval_key, item_key, overflow_prefix, thread_key, thread_partition, unescape
from store_dynamo.serialization import check_schema, schema
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

MAX_LISTED = 500


class Approvals(Generic[TContext]):
    """Records, `APPROVAL#{id}` in the thread's partition.

    IAM: dynamodb:BatchGetItem, ConditionCheckItem, PutItem, Query and UpdateItem.
    A record has no `ord`, so that no page of items contains it. It is exported, swept and erased with its thread, and
    its removal gives the janitor nothing to do. `body` has the call; the attributes next to it have the decision.
    """

    def __init__(self, table: Table, bodies: Bodies, user_of: Callable[[TContext], str], lifetime: Lifetime) -> None:
        self._table = table
        self._bodies = bodies
        self._user_of = user_of
        self._lifetime = lifetime

    def now(self) -> datetime:
        """Return the time by which calls expire."""
        return self._lifetime.clock()

    async def ask(self, thread_id: str, calls: Sequence[Asked], context: TContext, claim: str | None = None) -> None:
        """Write the records of calls, all or none. Raises NotFoundError for the thread, or ValueError."""
        if not 1 <= len(calls) <= MAX_ASKED:
            raise ValueError(f"{len(calls)} calls cannot be asked for at once, the limit is {MAX_ASKED}")
        await run_to_completion(self._ask(self._user_of(context), thread_id, calls, claim))

    async def _ask(self, user_id: str, thread_id: str, calls: Sequence[Asked], claim: str | None) -> None:
        puts = [await self._new(user_id, thread_id, call, {"status": text("pending")}) for call in calls]
        try:
            await self._table.transact(self._lifetime.thread_lives(user_id, thread_id, claim=claim), *puts)
        except ConditionFailedError as error:
            if 0 in error.failed:
                raise thread_not_found(thread_id) from error
            for place, found in error.failed.items():  # a retry after a lost answer finds its own records
                if found is None or found["body"] != puts[place - 1]["Put"]["Item"]["body"]:
                    raise

    async def allow(
        self, thread_id: str, call: Asked, allowance: Allowance, claim: str, request_id: str, context: TContext
    ) -> Approval | None:
        """Record a call that an allowance of the user covers, as begun by the turn of a claim.

        Returns None, and records nothing, if the allowance was revoked, has ended or is for another tool. Raises
        NotFoundError for the thread, or ValueError.
        """
        return await run_to_completion(
            self._allow(self._user_of(context), thread_id, call, allowance, claim, request_id)
        )

    async def _allow(
        self, user_id: str, thread_id: str, call: Asked, allowance: Allowance, claim: str, request_id: str
    ) -> Approval | None:
        now = self._lifetime.clock()
        begun = _decision("begun", now, user_id, Verdict(True, call.digest, claim, request_id))
        begun |= {"allowance": text(allowance.allowance_id), "asked_at": text(now.isoformat())}
        put = await self._new(user_id, thread_id, call, begun)
        lives = self._lifetime.thread_lives(user_id, thread_id, claim=claim)
        try:
            await self._table.transact(lives, {"ConditionCheck": holds(user_id, allowance, self._lifetime)}, put)
        except ConditionFailedError as error:
            stored = conflicting_record(error, 2)
            if stored is None or stored.get("decision") != begun["decision"]:  # else a retry after a lost answer
                if 0 in error.failed:
                    raise thread_not_found(thread_id) from error
                return None
        return Approval(call, "begun", now, now, user_id, request_id, claim=claim, allowance=allowance.allowance_id)

    async def _new(self, user_id: str, thread_id: str, call: Asked, state: Record) -> dict[str, Any]:
        """Return the action of a transaction that writes a new record. Raises ValueError for long arguments."""
        if len(call.arguments) > MAX_ARGUMENTS_CHARS:
            raise ValueError(f"the arguments of {call.tool} have over {MAX_ARGUMENTS_CHARS} characters")
        record: Record = {
            **approval_key(user_id, thread_id, call.approval_id),
            **schema(),
            **await self._bodies.pack(_dump(call), overflow_prefix(user_id, thread_id)),
            "digest": text(call.digest),
            "open_until": seconds(call.until),
            "asked_at": text(self._lifetime.clock().isoformat()),
            **state,
        }
        stated = {"ConditionExpression": ABSENT, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        return {"Put": {"Item": record, **stated}}

    async def load(self, thread_id: str, approval_id: str, context: TContext) -> Approval:
        """Return one record. Raises NotFoundError, also when its thread is deleted or expired."""
        user_id = self._user_of(context)
        thread, record = await self._table.get_all(
            thread_key(user_id, thread_id), approval_key(user_id, thread_id, approval_id)
        )
        if record is None or not is_alive(thread, self._lifetime.clock()):
            raise approval_not_found(approval_id)
        return await self._approval(record)

    async def list(self, thread_id: str, context: TContext) -> list[Approval]:
        """Return the newest MAX_LISTED records of a thread, the oldest first."""
        values = {":pk": text(thread_partition(self._user_of(context), thread_id)), ":approval": text(APPROVAL)}
        condition = "pk = :pk AND begins_with(sk, :approval)"
        newest_first = await self._table.query(condition, values, limit=MAX_LISTED, forward=False)
        found = [await self._approval(each) for each in newest_first]
        return sorted(found, key=lambda each: (each.asked_at, each.asked.approval_id))

    async def decide(self, thread_id: str, approval_id: str, verdict: Verdict, context: TContext) -> Approval:
        """Decide a call, once, and grant the verdict's allowance. Returns the record as it is then: begun or denied.

        Raises NotDecidedError if it was decided before, has expired, or has another digest than the one shown, and
        NotFoundError for the thread, the approval, or its card.
        """
        return await run_to_completion(self._decide(self._user_of(context), thread_id, approval_id, verdict, context))

    async def _decide(
        self, user_id: str, thread_id: str, approval_id: str, verdict: Verdict, context: TContext
    ) -> Approval:
        before = await self.load(thread_id, approval_id, context)
        now, grant = self._lifetime.clock(), verdict.grant if verdict.approved else None
        status: Status = "begun" if verdict.approved else "denied"
        decided = _decision(status, now, user_id, verdict) | ({"allowance": text(approval_id)} if grant else {})
        where = {":pending": text("pending"), ":shown": text(verdict.digest), ":now": seconds(now)}
        change = {
            "Key": approval_key(user_id, thread_id, approval_id),
            "ConditionExpression": "#status = :pending AND digest = :shown AND open_until > :now",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **update(decided, values=where),
        }
        card = {"Key": item_key(user_id, thread_id, before.asked.item_id), "ConditionExpression": PRESENT}
        lives = self._lifetime.thread_lives(user_id, thread_id, claim=verdict.claim)
        actions: list[dict[str, Any]] = [lives, {"ConditionCheck": card}, {"Update": change}]
        if grant:
            record = granting(user_id, thread_id, approval_id, grant, verdict.request_id, self._lifetime)
            actions.append({"Put": {"Item": record}})
        try:
            await self._table.transact(*actions)
        except ConditionFailedError as error:
            if 0 in error.failed:
                raise thread_not_found(thread_id) from error
            stored = conflicting_record(error, 2)
            if 2 not in error.failed or stored is None:
                raise item_not_found(before.asked.item_id) from error
            if stored.get("decision") != decided["decision"]:
                raise NotDecidedError(await self._approval(stored)) from error
        return replace(
            before,
            status=status,
            decided_at=now,
            decided_by=user_id,
            request_id=verdict.request_id,
            reason=verdict.reason[:MAX_REASON_CHARS],
            claim=verdict.claim,
            allowance=approval_id if grant else "",
        )

    async def start(self, thread_id: str, approval_id: str, claim: str, context: TContext) -> bool:
        """Return True to the turn that decided, once, and False to any other call: the tool must not run then.

        It is also False once the turn was taken over, or the thread is gone.
        """
        user_id, token = self._user_of(context), text(uuid.uuid4().hex)
        where = {":begun": text("begun"), ":claim": text(claim)}
        change: dict[str, Any] = {
            "Key": approval_key(user_id, thread_id, approval_id),
            "ConditionExpression": "#status = :begun AND claim = :claim AND attribute_not_exists(started)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **update({"started": token}, values=where),
        }
        change["ExpressionAttributeNames"]["#status"] = "status"
        lives = self._lifetime.thread_lives(user_id, thread_id, claim=claim)
        try:
            await run_to_completion(self._table.transact(lives, {"Update": change}))
        except ConditionFailedError as error:
            stored = conflicting_record(error, 1)
            return 0 not in error.failed and stored is not None and stored.get("started") == token
        return True

    async def finish(self, thread_id: str, approval_id: str, claim: str, outcome: Outcome, context: TContext) -> bool:
        """Record the outcome of the tool that the turn of a claim has started. Returns False if that was not so.

        The process that ran the tool knows the outcome, so it may also end an outcome that counted as unknown.
        """
        status: Status = "failed" if outcome.failed else "done"
        assign = {"outcome": text(outcome.text[:MAX_OUTCOME_CHARS])}
        condition = "claim = :claim AND #status IN (:begun, :unknown)"
        where = {":claim": text(claim), ":begun": text("begun"), ":unknown": text("unknown")}
        return await self._close(thread_id, approval_id, status, condition, where, context, assign)

    async def abandon(self, thread_id: str, approval_id: str, claim: str, context: TContext) -> bool:
        """Record that the turn of a claim died and that its outcome is unknown. Returns False if that is not so.

        Only for the turn that has the thread's lock: then the turn of the claim no longer runs.
        """
        where = {":claim": text(claim), ":begun": text("begun")}
        return await self._close(
            thread_id, approval_id, "unknown", "claim = :claim AND #status = :begun", where, context
        )

    async def expire(self, thread_id: str, approval_id: str, context: TContext) -> bool:
        """Record that the time of a call is over. Returns False if that is not so."""
        where = {":pending": text("pending"), ":now": seconds(self._lifetime.clock())}
        condition = "#status = :pending AND open_until <= :now"
        return await self._close(thread_id, approval_id, "expired", condition, where, context)

    async def _close(
        self,
        thread_id: str,
        approval_id: str,
        status: Status,
        condition: str,
        where: Record,
        context: TContext,
        assign: Record | None = None,
    ) -> bool:
        closed = {**(assign or {}), "status": text(status), "closed_at": text(self._lifetime.clock().isoformat())}
        key = approval_key(self._user_of(context), thread_id, approval_id)
        try:
            await run_to_completion(self._table.update(key, update(closed, values=where), condition))
        except ConditionFailedError as error:
            stored = conflicting_record(error) or {}
            return all(stored.get(name) == value for name, value in closed.items())  # after a lost answer
        return True

    async def _approval(self, record: Record) -> Approval:
        check_schema(record)
        found = await self._bodies.read(record)
        assert found is not None  # a body in the bucket is never replaced
        named = {name: value["S"] for name, value in record.items() if "S" in value}
        decided = named.get("decided_at")
        return Approval(
            _asked(unescape(named["sk"].removeprefix(APPROVAL)), found[1], int(record["open_until"]["N"])),
            cast("Status", named["status"]),
            datetime.fromisoformat(named["asked_at"]),
            datetime.fromisoformat(decided) if decided else None,
            *(named.get(each, "") for each in ("decided_by", "request_id", "reason", "claim", "outcome", "allowance")),
        )


def _decision(status: Status, now: datetime, user_id: str, verdict: Verdict) -> Record:
    """Return the attributes of a decision; `decision` distinguishes a retry after a lost answer from another one."""
    decided = {
        "status": status,
        "decided_at": now.isoformat(),
        "decided_by": user_id,
        "request_id": verdict.request_id,
        "reason": verdict.reason[:MAX_REASON_CHARS],
        "claim": verdict.claim,
        "decision": uuid.uuid4().hex,
    }
    return {name: text(value) for name, value in decided.items() if value}


def _dump(call: Asked) -> str:
    fields = asdict(call)
    del fields["approval_id"], fields["until"]
    return json.dumps(fields, ensure_ascii=False)


def _asked(approval_id: str, body: str, until: int) -> Asked:
    return Asked(approval_id=approval_id, until=datetime.fromtimestamp(until, UTC), **json.loads(body))
