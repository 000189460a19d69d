"""Attachments of one table: each expires until it belongs to a thread, and is then deleted with that thread."""

from __future__ import annotations

from typing import Any

from chatkit.types import Attachment

from store_dynamo.bodies import Bodies, absent_body
from store_dynamo.errors import (
    AttachmentClaimedError,
    ConditionFailedError,
    attachment_not_found,
)
from store_dynamo.expressions import (
    PRESENT,
    TURN_LIFE,
    UNCLAIMED_LIFE,
    UNEXPIRED,
    Attributes,
    Lifetime,
    is_alive,
    seconds,
    text,
    thread_refused,
    update,
)
from store_dynamo.keys import attachment_key, attachment_order, overflow_prefix, thread_key
from store_dynamo.serialization import ATTACHMENT_MODEL, dump, load, schema
from store_dynamo.table import Table, conflicting_record

UNATTACHED = "unattached"  # the overflow folder of attachments without a thread; unlike any generated thread id
_UNCLAIMED = "attribute_not_exists(claimed_by) AND attribute_not_exists(ord)"
_FREE = f"(claimed_by = :turn OR ({_UNCLAIMED}))"


class Attachments:
    """The attachments of one table. With `claim`, none is added to a thread in which that claim is fenced."""

    def __init__(self, table: Table, bodies: Bodies, lifetime: Lifetime, claim: str | None = None) -> None:
        self._table = table
        self._bodies = bodies
        self._lifetime = lifetime
        self._claim = claim

    def fenced(self, claim: str) -> Attachments:
        """Return the same attachments for the turn of a claim."""
        return Attachments(self._table, self._bodies, self._lifetime, claim)

    async def save(self, user_id: str, attachment: Attachment) -> None:
        """Write an attachment, new or not. Raises NotFoundError or FencedError for the thread that it names."""
        thread_id = attachment.thread_id
        packed = await self._bodies.pack(dump(attachment), overflow_prefix(user_id, thread_id or UNATTACHED))
        key = attachment_key(user_id, attachment.id)
        if thread_id is None:
            await self._table.update(key, update(packed | schema(), self._expiry(), [*absent_body(packed), "ord"]))
            return
        assign = packed | schema() | {"ord": text(attachment_order(thread_id))}
        write: dict[str, Any] = {"Key": key, **update(assign, remove=[*absent_body(packed), "expires_at"])}
        try:
            lives = self._lifetime.thread_lives(user_id, thread_id, claim=self._claim)
            await self._table.transact(lives, {"Update": write})
        except ConditionFailedError as error:
            raise thread_refused(error, thread_id, self._claim) from error

    async def load(self, user_id: str, attachment_id: str) -> Attachment:
        """Return an attachment. Raises NotFoundError, also when its thread is deleted or expired."""
        record = await self._table.get(attachment_key(user_id, attachment_id))
        if record is None or not is_alive(record, self._lifetime.clock()):
            raise attachment_not_found(attachment_id)
        found = await self._bodies.read(record)
        attachment = load(ATTACHMENT_MODEL, *found) if found else None
        if attachment is None:
            raise attachment_not_found(attachment_id)
        if attachment.thread_id is not None:
            thread = await self._table.get(thread_key(user_id, attachment.thread_id))
            if not is_alive(thread, self._lifetime.clock()):
                raise attachment_not_found(attachment_id)
        return attachment

    async def delete(self, user_id: str, attachment_id: str) -> None:
        """Delete an attachment's record; the janitor deletes its objects."""
        await self._table.delete(attachment_key(user_id, attachment_id))

    async def delete_unclaimed(self, user_id: str, attachment_id: str) -> bool:
        """Delete an attachment's record, and return whether there was one; the janitor deletes its objects.

        Raises AttachmentClaimedError for one that a turn has reserved or that belongs to a message. One conditional
        write decides, so that of a claim and a deletion at the same moment only one succeeds.
        """
        try:
            return await self._table.delete(attachment_key(user_id, attachment_id), _UNCLAIMED)
        except ConditionFailedError as error:
            raise AttachmentClaimedError(attachment_id) from error

    async def claim(self, user_id: str, attachment_id: str, turn_id: str) -> None:
        """Reserve an attachment for a turn.

        Raises NotFoundError, also for an attachment that would expire while the turn runs, or AttachmentClaimedError
        for one that another turn has reserved or that belongs to a message.
        """
        change = update({"claimed_by": text(turn_id)}, values={":turn": text(turn_id)} | self._lifetime.after_a_turn())
        try:
            await self._table.update(
                attachment_key(user_id, attachment_id), change, f"{PRESENT} AND {UNEXPIRED} AND {_FREE}"
            )
        except ConditionFailedError as error:
            if not is_alive(conflicting_record(error), self._lifetime.clock() + TURN_LIFE):
                raise attachment_not_found(attachment_id) from error
            raise AttachmentClaimedError(attachment_id) from error

    async def release(self, user_id: str, attachment_id: str, turn_id: str) -> None:
        """Free an attachment that the turn has claimed, unless it belongs to a thread by now; idempotent."""
        change = update({}, remove=["claimed_by"], values={":turn": text(turn_id)})
        try:
            await self._table.update(
                attachment_key(user_id, attachment_id), change, "claimed_by = :turn AND attribute_not_exists(ord)"
            )
        except ConditionFailedError:
            return

    def _expiry(self) -> Attributes:
        return {"expires_at": seconds(self._lifetime.clock() + UNCLAIMED_LIFE)}
