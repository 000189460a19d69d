"""A ChatKit store, and the records of approvals, bound to one user: they ignore the context of each call.

Assistants get these, so that a mistake in an assistant cannot reach another user's data.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from attachments_s3.names import visible
from chat_api.bounds import clean_title
from chat_api.context import RequestContext
from store_dynamo import DynamoStore
from store_dynamo.allowances import Allowances
from store_dynamo.approval_records import Allowance, Grant
from store_dynamo.approvals import Approval, Approvals, Asked, Outcome, Verdict
from store_dynamo.errors import FencedError
from store_dynamo.items import Place

logger = logging.getLogger("chat_api.user_store")

Audit = Callable[[str, RequestContext, str], Awaitable[None]]
"""Adds an action to the user's audit record: its name, and the id of the approval."""


class Lease(Protocol):
    """A turn's right to write (`attach.producer`)."""

    @property
    def claim(self) -> str: ...

    async def confirm(self) -> None: ...

    def superseded(self) -> asyncio.CancelledError: ...


class UserStore(Store[RequestContext]):
    """`Store` with a fixed context.

    `thread_id` is the id for the thread that the request creates; the turn's claim already contains it. With the
    `lease` of a turn, every write raises CancelledError once another process has taken the turn over. `admitted` is the
    thread as admission has just read it, which serves the first `load_thread`.
    """

    def __init__(
        self,
        store: DynamoStore[RequestContext],
        context: RequestContext,
        thread_id: str | None = None,
        lease: Lease | None = None,
        admitted: ThreadMetadata | None = None,
    ) -> None:
        self._store = store if lease is None else store.fenced(lease.claim)
        self._context = context
        self._thread_id = thread_id
        self._lease = lease
        self._generated: set[str] = set()
        self._loaded: set[str] = set()
        self._admitted = admitted
        self._place: tuple[tuple[str, str | None], Place | None] = ("", None), None
        """Thread and item that the next page of items continues behind, and that item's place."""

    @asynccontextmanager
    async def _writing(self) -> AsyncGenerator[None]:
        if self._lease is None:
            yield
            return
        await self._lease.confirm()
        try:
            yield
        except FencedError as error:
            raise self._lease.superseded() from error

    def generate_thread_id(self, context: RequestContext) -> str:
        thread_id, self._thread_id = self._thread_id, None
        return thread_id or self._store.generate_thread_id(self._context)

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: RequestContext) -> str:
        item_id = self._store.generate_item_id(item_type, thread, self._context)
        self._generated.add(item_id)
        return item_id

    def has_generated(self, item_id: str) -> bool:
        """Return whether the id comes from this object's `generate_item_id`."""
        return item_id in self._generated

    def has_loaded(self, item_id: str) -> bool:
        """Return whether an item of this id was read through this object."""
        return item_id in self._loaded

    async def set_automatic_title(self, thread_id: str, title: str) -> str:
        """Set the thread's title unless the user has set one; return the title in effect."""
        async with self._writing():
            return await self._store.set_automatic_title(thread_id, title, self._context)

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        thread, self._admitted = self._admitted, None
        if thread is not None and thread.id == thread_id:
            return thread
        return await self._store.load_thread(thread_id, self._context)

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Save a thread; its title is cleaned first, so that the client sees what is stored."""
        if thread.title is not None:
            thread.title = clean_title(thread.title)
        async with self._writing():
            await self._store.save_thread(thread, self._context)

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: RequestContext
    ) -> Page[ThreadMetadata]:
        return await self._store.load_threads(limit, after, order, self._context)

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        async with self._writing():
            await self._store.delete_thread(thread_id, self._context)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        place = self._place[1] if after and self._place[0] == (thread_id, after) else None
        items, last = await self._store.load_items_behind(place, thread_id, after, limit, order, self._context)
        self._place = (thread_id, items.after), last
        self._loaded.update(item.id for item in items.data)
        return items

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        async with self._writing():
            await self._store.add_thread_item(thread_id, item, self._context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        async with self._writing():
            await self._store.save_item(thread_id, item, self._context)

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        item = await self._store.load_item(thread_id, item_id, self._context)
        self._loaded.add(item.id)
        return item

    async def delete_thread_item(self, thread_id: str, item_id: str, context: RequestContext) -> None:
        async with self._writing():
            await self._store.delete_thread_item(thread_id, item_id, self._context)

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        async with self._writing():
            await self._store.save_attachment(attachment, self._context)

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        return await self._store.load_attachment(attachment_id, self._context)

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        async with self._writing():
            await self._store.delete_attachment(attachment_id, self._context)


def allowance_entry(allowance: Allowance) -> dict[str, str | None]:
    """Return an allowance as its user sees it."""
    grant = allowance.grant
    return {
        "id": allowance.allowance_id,
        "tool": grant.tool,
        "words": grant.words,
        "granted_at": allowance.granted_at.isoformat(),
        "until": grant.until and grant.until.isoformat(),
        "thread_id": allowance.thread_id,
    }


@dataclass(slots=True)
class UserApprovals:
    """The approvals in a thread of one user, for one turn: only this turn starts the tools that it has approved."""

    _approvals: Approvals[RequestContext]
    _allowances: Allowances[RequestContext]
    _context: RequestContext
    _claim: str
    _audit: Audit
    by_item: dict[str, Approval] = field(default_factory=dict[str, Approval])
    """The approvals that this turn has read, by the thread item of their cards."""
    counts: Counter[str] = field(default_factory=Counter[str])
    """Metrics: approvals by what this turn did to them. Never their contents."""
    ages: list[float] = field(default_factory=list[float])
    """Metrics: the seconds between a question and its decision."""
    unasked: set[str] = field(default_factory=set[str])
    """The digests of the calls that allowances have begun in this turn."""
    goes_on: bool = False
    """Whether allowances covered all calls of the model's last response, so that it can continue."""

    def is_open(self, approval: Approval) -> bool:
        """Return whether the user can still decide."""
        return approval.is_open(self._approvals.now())

    def now(self) -> datetime:
        """Return the time by which calls expire."""
        return self._approvals.now()

    async def list(self, thread_id: str) -> list[Approval]:
        """Return the approvals of a thread, the oldest first."""
        found = await self._approvals.list(thread_id, self._context)
        self.by_item.update((each.asked.item_id, each) for each in found)
        return found

    async def load(self, thread_id: str, approval_id: str) -> Approval:
        """Return one approval. Raises NotFoundError."""
        found = await self._approvals.load(thread_id, approval_id, self._context)
        self.by_item[found.asked.item_id] = found
        return found

    async def ask(self, thread_id: str, calls: Sequence[Asked]) -> None:
        """Record calls that wait for the user, all or none. Show their cards afterwards."""
        await self._approvals.ask(thread_id, calls, self._context, self._claim)
        self._count("asked", len(calls))

    async def decide(
        self,
        thread_id: str,
        approval_id: str,
        *,
        approved: bool,
        digest: str,
        reason: str = "",
        grant: Grant | None = None,
    ) -> Approval:
        """Record the user's decision, and the allowance that it grants, once.

        Raises NotDecidedError or NotFoundError; then nothing has changed.
        """
        verdict = Verdict(approved, digest, self._claim, self._context.request_id, visible(reason), grant)
        decided = await self._approvals.decide(thread_id, approval_id, verdict, self._context)
        action = "approved" if approved else "denied"
        self.ages.append((self._approvals.now() - decided.asked_at).total_seconds())
        self._count(action)
        await self._audit(f"approval.{action}", self._context, approval_id)
        if decided.allowance:
            self._count("always")
            await self._audit("allowance.granted", self._context, approval_id)
        return decided

    async def allowances(self) -> list[Allowance]:
        """Return the user's allowances, the newest first. One query."""
        return await self._allowances.list(self._context)

    def take_goes_on(self) -> bool:
        """Return `goes_on` and reset it."""
        goes_on, self.goes_on = self.goes_on, False
        return goes_on

    async def allow(self, thread_id: str, call: Asked, allowance: Allowance) -> Approval | None:
        """Record a call as begun by an allowance; None, and nothing is recorded, if the user has revoked it."""
        request_id = self._context.request_id
        begun = await self._approvals.allow(thread_id, call, allowance, self._claim, request_id, self._context)
        if begun is not None:
            self.by_item[call.item_id] = begun
            self.unasked.add(call.digest)
            self._count("allowed")
            await self._audit("allowance.used", self._context, call.approval_id)
        return begun

    async def start(self, thread_id: str, approval_id: str) -> bool:
        """Return True once to the turn that approved a call, right before its tool; False: do not run it."""
        return await self._approvals.start(thread_id, approval_id, self._claim, self._context)

    async def finish(self, thread_id: str, approval: Approval, outcome: Outcome) -> Approval:
        """Record the outcome of a tool, and return the record as it is then."""
        approval_id = approval.asked.approval_id
        if await self._approvals.finish(thread_id, approval_id, approval.claim, outcome, self._context):
            self._count("failed" if outcome.failed else "done")
        return await self.load(thread_id, approval_id)

    async def settle(self, thread_id: str, approval: Approval) -> Approval:
        """Record that an approval has expired, or that the turn which approved it has died, and return the record.

        The turn must have the thread's lock: then no other turn runs in the thread.
        """
        approval_id, changed = approval.asked.approval_id, False
        if approval.status == "pending" and not self.is_open(approval):
            changed = await self._approvals.expire(thread_id, approval_id, self._context)
        elif approval.status == "begun" and approval.claim != self._claim:
            changed = await self._approvals.abandon(thread_id, approval_id, approval.claim, self._context)
        if not changed:
            return approval
        settled = await self.load(thread_id, approval_id)
        self._count(settled.status)
        return settled

    def _count(self, name: str, amount: int = 1) -> None:
        self.counts[name] += amount
        logger.info("approvals", extra={"approval": name, "count": amount})
