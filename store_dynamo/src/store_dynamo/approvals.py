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
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, Literal, cast

from typing_extensions import TypeVar

from store_dynamo.bodies import Bodies
from store_dynamo.errors import ConditionFailedError, StoreError, approval_not_found, item_not_found, thread_not_found
from store_dynamo.expressions import ABSENT, PRESENT, Lifetime, is_alive, seconds, text, update
from store_dynamo.keys import APPROVAL, approval_key, item_key, overflow_prefix, thread_key, thread_partition, unescape
from store_dynamo.serialization import check_schema, schema
from store_dynamo.table import Record, Table, conflicting_record, run_to_completion

TContext = TypeVar("TContext", default=Any)

Status = Literal["pending", "begun", "done", "failed", "unknown", "denied", "expired"]

MAX_ASKED = 50
"""Calls that are asked for at once; a transaction takes 100 actions."""
MAX_LISTED = 500
MAX_ARGUMENTS_CHARS = 20_000
MAX_OUTCOME_CHARS = 8_000
MAX_REASON_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a tool that waits for its user."""

    approval_id: str
    """Sorts by time, as `keys.new_id` makes it: `list` returns the newest."""
    group: str
    """The same for all calls of one response of the model."""
    item_id: str
    """The thread item of the card."""
    tool: str
    arguments: str
    """Canonical JSON."""
    digest: str
    words: str
    """The question that the card shows."""
    until: datetime
    """The end of the time in which the call can be decided; whole seconds."""
    agent: str = ""
    model: str = ""
    siblings: str = ""
    """The outputs of the other tools of the same response, as JSON."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A user's decision; `digest` is the one that the card showed, and `claim` that of the deciding turn."""

    approved: bool
    digest: str
    claim: str
    request_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a tool that was started."""

    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Approval:
    """A record: the call, and its state."""

    asked: Asked
    status: Status
    asked_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    request_id: str = ""
    reason: str = ""
    claim: str = ""
    outcome: str = ""

    def is_open(self, now: datetime) -> bool:
        """Return whether the user can still decide."""
        return self.status == "pending" and now < self.asked.until


class NotDecidedError(StoreError):
    """The call cannot be decided in this way, and nothing has changed; `approval` is its record."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(f"Approval {approval.asked.approval_id} is {approval.status}, or its digest or time differs")
        self.approval = approval


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
        now = self._lifetime.clock()
        puts: list[dict[str, Any]] = []
        for call in calls:
            if len(call.arguments) > MAX_ARGUMENTS_CHARS:
                raise ValueError(f"the arguments of {call.tool} have over {MAX_ARGUMENTS_CHARS} characters")
            packed = await self._bodies.pack(_dump(call), overflow_prefix(user_id, thread_id))
            record: Record = {
                **approval_key(user_id, thread_id, call.approval_id),
                **schema(),
                **packed,
                "status": text("pending"),
                "digest": text(call.digest),
                "open_until": seconds(call.until),
                "asked_at": text(now.isoformat()),
            }
            stated = {"ConditionExpression": ABSENT, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
            puts.append({"Put": {"Item": record, **stated}})
        try:
            await self._table.transact(self._lifetime.thread_lives(user_id, thread_id, claim=claim), *puts)
        except ConditionFailedError as error:
            if 0 in error.failed:
                raise thread_not_found(thread_id) from error
            for place, found in error.failed.items():  # a retry after a lost answer finds its own records
                if found is None or found["body"] != puts[place - 1]["Put"]["Item"]["body"]:
                    raise

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
        """Decide a call, once. Returns the record as it is then: begun or denied.

        Raises NotDecidedError if it was decided before, has expired, or has another digest than the one shown, and
        NotFoundError for the thread, the approval, or its card.
        """
        return await run_to_completion(self._decide(self._user_of(context), thread_id, approval_id, verdict, context))

    async def _decide(
        self, user_id: str, thread_id: str, approval_id: str, verdict: Verdict, context: TContext
    ) -> Approval:
        before = await self.load(thread_id, approval_id, context)
        now, token = self._lifetime.clock(), uuid.uuid4().hex
        status: Status = "begun" if verdict.approved else "denied"
        decided = {
            "status": text(status),
            "decided_at": text(now.isoformat()),
            "decided_by": text(user_id),
            "request_id": text(verdict.request_id),
            "reason": text(verdict.reason[:MAX_REASON_CHARS]),
            "claim": text(verdict.claim),
            "decision": text(token),  # distinguishes a retry after a lost answer from another decision
        }
        where = {":pending": text("pending"), ":shown": text(verdict.digest), ":now": seconds(now)}
        change = {
            "Key": approval_key(user_id, thread_id, approval_id),
            "ConditionExpression": "#status = :pending AND digest = :shown AND open_until > :now",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **update({name: value for name, value in decided.items() if value["S"]}, values=where),
        }
        card = {"Key": item_key(user_id, thread_id, before.asked.item_id), "ConditionExpression": PRESENT}
        lives = self._lifetime.thread_lives(user_id, thread_id, claim=verdict.claim)
        try:
            await self._table.transact(lives, {"ConditionCheck": card}, {"Update": change})
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
            *(named.get(each, "") for each in ("decided_by", "request_id", "reason", "claim", "outcome")),
        )


def _dump(call: Asked) -> str:
    fields = asdict(call)
    del fields["approval_id"], fields["until"]
    return json.dumps(fields, ensure_ascii=False)


def _asked(approval_id: str, body: str, until: int) -> Asked:
    return Asked(approval_id=approval_id, until=datetime.fromtimestamp(until, UTC), **json.loads(body))
