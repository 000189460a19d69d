"""Audit records: who did something with a user's data, when, from where, and with which outcome. Never content.

    audit = Audit(table)
    await audit.write(Action("thread.delete", actor="4f1c…", subject="4f1c…", target="thr_1", source="203.0.113.7"))
    async with audit.recorded(Action("erase", actor="arn:aws:iam::…:user/ana", subject="4f1c…")): ...
    async for entry in audit.read("4f1c…"): ...

The records stand in partitions of their own, `AUDIT#{user}`, apart from the user's data: an erasure leaves them, no
export of a user has them, and the functions' roles may add but neither read, change, nor delete them. They contain ids,
addresses, and times, and expire after KEPT. A user is named by the `sub` of the tokens, a pseudonym.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from store_dynamo.expressions import ABSENT, Clock, seconds, text, utc_now
from store_dynamo.keys import audit_key, audit_partition
from store_dynamo.table import Record, Table

KEPT = timedelta(days=400)
"""The life of a record: a year, and a month to look into it."""
MAX_FIELD_CHARS = 300
BEGUN, DONE = "begun", "done"


@dataclass(frozen=True, slots=True)
class Action:
    """An action on a user's data, or on everyone's if `subject` is None.

    `actor` is a user's id or an operator's ARN, `target` an id of a thread or file, `source` the address of a client.
    """

    name: str
    actor: str
    subject: str | None
    target: str = ""
    source: str = ""
    request_id: str = ""


class Audit:
    """The audit records of one table. IAM: dynamodb:PutItem; to read, Query."""

    def __init__(self, table: Table, clock: Clock = utc_now) -> None:
        self._table = table
        self._clock = clock

    async def write(self, action: Action, outcome: str = DONE) -> None:
        """Add a record; it never replaces another one."""
        now = self._clock()
        fields = {
            "action": action.name,
            "actor": action.actor,
            "target": action.target,
            "source": action.source,
            "request_id": action.request_id,
            "outcome": outcome,
            "at": now.isoformat(),
        }
        record: Record = {name: text(value[:MAX_FIELD_CHARS]) for name, value in fields.items() if value}
        key = audit_key(action.subject, now, secrets.token_hex(8))
        await self._table.put({**record, **key, "expires_at": seconds(now + KEPT)}, ABSENT)

    @asynccontextmanager
    async def recorded(self, action: Action) -> AsyncGenerator[None]:
        """Record an operator's action: before it, so that none goes unrecorded, and after it with its outcome."""
        await self.write(action, BEGUN)
        try:
            yield
        except BaseException as error:
            await self.write(action, type(error).__name__)
            raise
        await self.write(action)

    async def read(self, subject: str | None) -> AsyncIterator[dict[str, str]]:
        """Yield the records about a user, or about all users, the oldest first."""
        pages = self._table.pages("pk = :pk", {":pk": text(audit_partition(subject))}, size=500)
        async for page in pages:
            for record in page:
                yield {name: value["S"] for name, value in record.items() if name not in ("pk", "sk") and "S" in value}
