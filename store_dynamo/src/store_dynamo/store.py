"""ChatKit's Store on DynamoDB.

store = DynamoStore(
    table="chat",
    client=boto3.client("dynamodb", config=CLIENT_CONFIG),
    user_of=lambda context: context.user_id,
    overflow=S3Bucket("chat-files", boto3.client("s3", config=CLIENT_CONFIG)),
)
server = MyChatKitServer(store)
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self

from chatkit.store import Store, StoreItemType
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from typing_extensions import TypeVar

from store_dynamo.access import Access
from store_dynamo.allowances import Allowances
from store_dynamo.approvals import Approvals
from store_dynamo.attachments import Attachments
from store_dynamo.audit import Audit
from store_dynamo.bodies import Bodies, S3Bucket
from store_dynamo.errors import AttachmentClaimedError
from store_dynamo.expressions import Clock, Lifetime, utc_now
from store_dynamo.feedback import Feedback
from store_dynamo.items import Items, Place
from store_dynamo.journal import Journal
from store_dynamo.keys import new_id
from store_dynamo.rates import Rates
from store_dynamo.running import RunningTurns
from store_dynamo.search import Search
from store_dynamo.serialization import item_without_descriptors, without_descriptor
from store_dynamo.table import Backoff, Table, run_to_completion
from store_dynamo.threads import Threads
from store_dynamo.turns import Turns

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


class _HasId(Protocol):
    id: str


TContext = TypeVar("TContext", default=Any)
T = TypeVar("T", bound=_HasId)
AfterRead = Callable[[Any, Any], Any]
BeforeWrite = Callable[[Any], Any]
OnDelete = Callable[[str, str, Any], Awaitable[None]]

MAX_PAGE = 1_000
"""ChatKit.js asks for 9999 threads; the rest follows on the next pages."""

ID_PREFIXES: dict[StoreItemType, str] = {
    "thread": "thr",
    "message": "msg",
    "tool_call": "tc",
    "workflow": "wf",
    "task": "tsk",
    "attachment": "atc",
    "sdk_hidden_context": "shcx",
}


class ActivePage(Page[Any], defer_build=True):
    """A page of threads ordered by activity, with the time of each one's last item (of its creation without one)."""

    last_activity: dict[str, datetime]


class DynamoStore(Store[TContext], Generic[TContext]):
    """A ChatKit Store in one DynamoDB table, generic over the context.

        pk                            sk                       ord (LSI by_order)
        USER#{user}                   THREAD#{thread}          THREAD#{created_us}#{thread}
        USER#{user}                   ATTACHMENT#{attachment}  ATTACHMENT#{thread}
        USER#{user}#THREAD#{thread}   ITEM#{item}              {created_us}#{inserted_ns}

    Isolation: `user_of(context)` is in every partition key; another user's records cannot be addressed.
    Order: `created_at`, then insertion (threads: then id); an update keeps the place. A page of n costs O(n).
    Consistency: every read is strongly consistent. `save_thread` writes only the caller's changes since it loaded or
    saved the thread, so that a rename and a running turn both survive.
    Deletion: one write. A deleted or expired thread is invisible at once in every method, and a write under it raises
    NotFoundError: ChatKit then ends the turn with an error event, instead of paying for an answer without a reader.
    Limits: an escaped id has 512 bytes, a title 200 characters, a page 1 000 entries; bodies that compress to more than
    64 KB go to `overflow`, and without a bucket 190 KB is the limit (RecordTooLargeError).
    Cancellation: a write that has begun is carried out before CancelledError is raised.
    Errors: see errors.py; throttling and timeouts are retried with `backoff`.

    `turns`, `running`, `journal`, `approvals`, `allowances`, `rates`, `access`, `audit` and `feedback` are records of
    the same table that ChatKit's Store does not have, and `search` finds messages by their words: see the modules of
    these names.

    IAM: dynamodb:BatchGetItem, ConditionCheckItem, DeleteItem, GetItem, PutItem, Query and UpdateItem on the table and
    its index; s3:GetObject and s3:PutObject on `overflow/*`.

    `before_write(model)` is applied to each item and attachment before it is written, and `after_read(model, context)`
    after it is read, for example to replace URLs that expire. Both are called in the event loop and must not do I/O.
    `retention` is the time for which a thread is kept after its last item. `by_activity` orders threads by their last
    item instead of their creation: `load_threads` then returns an ActivePage. A thread that gets an item between two
    pages moves to the front, so that a client may see it twice. The caller makes and closes the clients.
    """

    claimed_error: type[Exception] = (
        AttachmentClaimedError  # raised by `claim_attachment` and `delete_unclaimed_attachment`
    )

    def __init__(
        self,
        *,
        table: str,
        client: DynamoDBClient,
        user_of: Callable[[TContext], str],
        overflow: S3Bucket | None = None,
        after_read: AfterRead = lambda model, _context: model,
        before_write: BeforeWrite = lambda model: model,
        clock: Clock = utc_now,
        retention: timedelta | None = None,
        backoff: Backoff | None = None,
        by_activity: bool = False,
    ) -> None:
        records = Table(table, client, backoff or Backoff())
        bodies, lifetime = Bodies(records, overflow), Lifetime(clock, retention, by_activity)
        self._threads = Threads(records, bodies, lifetime)
        self._items = Items(records, bodies, lifetime)
        self._attachments = Attachments(records, bodies, lifetime)
        self.turns = Turns[TContext](records, user_of, clock)
        self.running = RunningTurns[TContext](records, user_of, clock)
        self.journal = Journal[TContext](records, user_of, clock)
        self.approvals = Approvals[TContext](records, bodies, user_of, lifetime)
        self.allowances = Allowances[TContext](records, user_of, lifetime)
        self.rates = Rates[TContext](records, user_of, clock)
        self.access = Access[TContext](records, user_of, clock)
        self.audit = Audit(records, clock)
        self.feedback = Feedback[TContext](records, user_of, lifetime)
        self.search = Search[TContext](records, bodies, self._threads, user_of)
        self._user_of = user_of
        self._by_activity = by_activity
        self._after_read = after_read
        self._before_write = before_write
        self.on_delete: OnDelete | None = None
        """Awaited with "thread" or "file", its id, and the context, after one was deleted that existed."""

    def fenced(self, claim: str) -> Self:
        """Return a view of this store for the turn of a claim.

        Once the claim is fenced in a thread, adding, saving and deleting items of that thread, and adding attachments
        to it, raises FencedError.
        """
        view = copy.copy(self)
        view._items = self._items.fenced(claim)
        view._attachments = self._attachments.fenced(claim)
        return view

    async def fence(self, thread_id: str, claim: str, context: TContext) -> bool:
        """Refuse all further writes of items by the turn of a claim. Returns False if the thread does not live.

        A thread that does not exist cannot be created for an hour.
        """
        return await run_to_completion(self._threads.fence(self._user_of(context), thread_id, claim))

    def generate_thread_id(self, context: TContext) -> str:
        return new_id(ID_PREFIXES["thread"])

    def generate_item_id(self, item_type: StoreItemType, thread: ThreadMetadata, context: TContext) -> str:
        return new_id(ID_PREFIXES[item_type])

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        return await self._threads.load(self._user_of(context), thread_id, context)

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        await run_to_completion(self._threads.save(self._user_of(context), thread, context))

    async def set_automatic_title(self, thread_id: str, title: str, context: TContext) -> str:
        """Set a thread's title unless a user did, and return the thread's title, to assign to the turn's own thread.

        Assigning `thread.title` and saving is safe as well, except for a rename that is loaded before and saved after.
        """
        return await run_to_completion(self._threads.set_automatic_title(self._user_of(context), thread_id, title))

    async def load_threads(self, limit: int, after: str | None, order: str, context: TContext) -> Page[ThreadMetadata]:
        forward, size = is_forward(order), page_size(limit)
        if not size:
            return make_page([], more=False)
        dated, more = await self._threads.dated_page(self._user_of(context), after, size, forward=forward)
        page = make_page([thread for thread, _ in dated], more=more)
        if not self._by_activity:
            return page
        last = {thread.id: at for thread, at in dated}
        return ActivePage(data=page.data, has_more=page.has_more, after=page.after, last_activity=last)

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        deletion = self._threads.delete(self._user_of(context), thread_id)
        await run_to_completion(self._delete("thread", thread_id, context, deletion))

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        return (await self.load_items_behind(None, thread_id, after, limit, order, context))[0]

    async def load_items_behind(
        self, place: Place | None, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> tuple[Page[ThreadItem], Place | None]:
        """Return a page as `load_thread_items` does, and the place of the item that its `after` names.

        Given back with that `after`, the place saves the round trip that finds it. The page continues there also if the
        item was deleted meanwhile.
        """
        forward, size = is_forward(order), page_size(limit)
        if not size:
            return make_page([], more=False), None
        items, last = await self._items.page(self._user_of(context), thread_id, after, size, place, forward=forward)
        return make_page([self._after_read(item, context) for item in items], more=last is not None), last

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        await run_to_completion(self._items.add(self._user_of(context), thread_id, self._storable(item)))

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        await run_to_completion(self._items.save(self._user_of(context), thread_id, self._storable(item)))

    def _storable(self, item: ThreadItem) -> ThreadItem:
        return item_without_descriptors(self._before_write(item))

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        return self._after_read(await self._items.load(self._user_of(context), thread_id, item_id), context)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        await run_to_completion(self._items.delete(self._user_of(context), thread_id, item_id))

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        storable = without_descriptor(self._before_write(attachment))
        await run_to_completion(self._attachments.save(self._user_of(context), storable))

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        return self._after_read(await self._attachments.load(self._user_of(context), attachment_id), context)

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        await run_to_completion(self._attachments.delete(self._user_of(context), attachment_id))

    async def delete_unclaimed_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete an attachment that no turn has claimed; idempotent. Raises AttachmentClaimedError."""
        deletion = self._attachments.delete_unclaimed(self._user_of(context), attachment_id)
        await run_to_completion(self._delete("file", attachment_id, context, deletion))

    async def _delete(self, kind: str, deleted_id: str, context: TContext, deletion: Awaitable[bool]) -> None:
        if await deletion and self.on_delete is not None:
            await self.on_delete(kind, deleted_id, context)

    async def claim_attachment(self, attachment_id: str, turn_id: str, context: TContext) -> None:
        """Reserve an attachment for one turn. Raises AttachmentClaimedError or NotFoundError."""
        await run_to_completion(self._attachments.claim(self._user_of(context), attachment_id, turn_id))

    async def release_attachment(self, attachment_id: str, turn_id: str, context: TContext) -> None:
        """Free an attachment that a failed turn had claimed; idempotent."""
        await run_to_completion(self._attachments.release(self._user_of(context), attachment_id, turn_id))


def page_size(limit: int) -> int:
    """Return the size of a page; the store reads one entry more, to see whether another page follows."""
    return max(0, min(limit, MAX_PAGE))


def make_page(entries: Sequence[T], *, more: bool) -> Page[T]:
    """Return a page; `after` is its last id, and None on the last page, as in ChatKit's reference store."""
    return Page(data=list(entries), has_more=more, after=entries[-1].id if more and entries else None)


def is_forward(order: str) -> bool:
    """Return whether the order is "asc" and not "desc". Raises ValueError for anything else."""
    if order not in ("asc", "desc"):
        raise ValueError(f"order is {order!r}, neither 'asc' nor 'desc'")
    return order == "asc"
