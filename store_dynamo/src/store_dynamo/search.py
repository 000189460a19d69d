"""Search in a user's own threads: titles and the text of messages, newest thread first.

    found = await store.search.find(SearchQuery.parse("lisbon"), context)
    found.hits[0].thread.title, found.hits[0].snippet, found.after      # None: everything was searched

A search uses no index. It reads the user's threads and the messages of each, in queries that run side by side, and
stops at the first of its bounds. `after` continues there. Reads of messages are eventually consistent, half a unit for
4 KB (docs/understand/data-model.md has the units). An index would cost writes in every turn.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from chatkit.store import NotFoundError
from chatkit.types import ThreadMetadata
from typing_extensions import TypeVar

from store_dynamo.bodies import Bodies
from store_dynamo.expressions import text
from store_dynamo.keys import ITEM, item_key, thread_partition, unescape
from store_dynamo.query import InvalidQueryError, SearchQuery, snippet
from store_dynamo.table import Record, Table
from store_dynamo.threads import Threads

TContext = TypeVar("TContext", default=Any)

MAX_HITS = 20
MAX_THREADS = 100
"""Threads that one search reads."""
MAX_RECORDS = 5_000
"""Messages that one search reads in all threads together; the next one continues, also within a thread."""
THREADS_PAGE = 25
PARALLEL = 10
PAGE = 200
NOT_BEGUN = ""
SEARCHED_KINDS = ("user_message", "assistant_message")


@dataclass(frozen=True, slots=True)
class Hit:
    """A thread with a match: in its title (`item_id` None) or in its newest matching message."""

    thread: ThreadMetadata
    item_id: str | None
    snippet: list[str]
    """Parts of the text; every second one is a match."""


@dataclass(frozen=True, slots=True)
class Found:
    """Hits of one search, newest thread first; `after` continues the search, None if it is complete."""

    hits: list[Hit]
    after: str | None
    threads: int
    """Threads that were searched."""
    records: int
    """Messages that were read."""


@dataclass(frozen=True, slots=True)
class _Searched:
    hit: Hit | None
    stopped_at: str | None = None
    """Id of the last item that was read, if the thread has more; NOT_BEGUN if none was."""


@dataclass(slots=True)
class _Budget:
    """Messages that one search may read, in all threads together; those read side by side exceed it by a few pages."""

    total: int
    spent: int = 0

    @property
    def left(self) -> int:
        return self.total - self.spent


class Search(Generic[TContext]):
    """Searches threads and items of one table. IAM: dynamodb:GetItem and Query."""

    def __init__(self, table: Table, bodies: Bodies, threads: Threads, user_of: Callable[[TContext], str]) -> None:
        self._table = table
        self._bodies = bodies
        self._threads = threads
        self._user_of = user_of

    async def find(self, query: SearchQuery, context: TContext, after: str | None = None) -> Found:
        """Search until a bound is reached. Raises InvalidQueryError for an `after` that no search returned.

        A thread that is deleted meanwhile may still be found; one that was deleted before never is.
        """
        user_id = self._user_of(context)
        thread_id, item_id = _read_cursor(after)
        hits: list[Hit] = []
        threads = 0
        budget = _Budget(MAX_RECORDS)
        if thread_id and item_id:  # the rest of a long thread
            try:
                thread = await self._threads.load(user_id, thread_id, context)
                found = await self._search(user_id, thread, query, item_id, budget)
            except NotFoundError:
                pass  # deleted since
            else:
                hits += [found.hit] if found.hit else []
                if found.stopped_at:
                    return Found(hits, _cursor(thread_id, found.stopped_at), 1, budget.spent)
        while True:
            try:
                page, more = await self._threads.page(user_id, thread_id, THREADS_PAGE, forward=False)
            except NotFoundError as error:
                raise InvalidQueryError(
                    "cannot continue: the conversation at this place is gone; search again"
                ) from error
            results = await self._side_by_side(user_id, page, query, budget)
            for thread, found in zip(page, results, strict=True):
                if thread_id and found.stopped_at == NOT_BEGUN:
                    return Found(hits, _cursor(thread_id), threads, budget.spent)
                thread_id = thread.id
                threads += 1
                hits += [found.hit] if found.hit else []
                if found.stopped_at:
                    return Found(hits, _cursor(thread.id, found.stopped_at), threads, budget.spent)
                if len(hits) == MAX_HITS and (more or thread is not page[-1]):
                    return Found(hits, _cursor(thread.id), threads, budget.spent)
            if not more:
                return Found(hits, None, threads, budget.spent)
            if threads >= MAX_THREADS or budget.left <= 0:
                return Found(hits, _cursor(page[-1].id), threads, budget.spent)

    async def _side_by_side(
        self, user_id: str, threads: Sequence[ThreadMetadata], query: SearchQuery, budget: _Budget
    ) -> list[_Searched]:
        turnstile = asyncio.Semaphore(PARALLEL)

        async def one(thread: ThreadMetadata) -> _Searched:
            async with turnstile:
                return await self._search(user_id, thread, query, None, budget)

        return await asyncio.gather(*map(one, threads))

    async def _search(
        self, user_id: str, thread: ThreadMetadata, query: SearchQuery, behind: str | None, budget: _Budget
    ) -> _Searched:
        """Search one thread from its newest message on, or from behind an item, until the budget is spent."""
        if budget.left <= 0:
            return _Searched(None, NOT_BEGUN)
        if behind is None and thread.title and (places := query.find(thread.title)):
            return _Searched(Hit(thread, None, snippet(thread.title, places)))
        after = await self._table.get(item_key(user_id, thread.id, behind)) if behind else None
        while True:
            page = await self._table.query(
                "pk = :pk",
                {":pk": text(thread_partition(user_id, thread.id))},
                limit=PAGE,
                index=True,
                forward=False,
                after=after,
                consistent=False,
            )
            budget.spent += len(page)
            for record in page:
                if hit := await self._match(thread, record, query):
                    return _Searched(hit)
            if len(page) < PAGE:
                return _Searched(None)
            after = page[-1]
            if budget.left <= 0:
                return _Searched(None, _item_of(after))

    async def _match(self, thread: ThreadMetadata, record: Record, query: SearchQuery) -> Hit | None:
        if record.get("kind", {}).get("S") not in SEARCHED_KINDS:
            return None
        found = await self._bodies.read(record)
        if found is None or not query.may_match(found[1]):
            return None
        item: dict[str, Any] = json.loads(found[1])
        for part in _texts(item):
            if places := query.find(part):
                return Hit(thread, item["id"], snippet(part, places))
        return None


def _texts(item: dict[str, Any]) -> Sequence[str]:
    """Return the visible texts of a message: of all parts together, since words may be spread over them."""
    whole = "".join(part.get("text") or "" for part in item.get("content", []))
    return [whole, item["quoted_text"]] if item.get("quoted_text") else [whole]


def _item_of(record: Record) -> str:
    """Return the id of an item record's key."""
    return unescape(record["sk"]["S"].removeprefix(ITEM))


def _cursor(thread_id: str, item_id: str | None = None) -> str:
    return base64.urlsafe_b64encode(json.dumps([thread_id, item_id]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None) -> tuple[str | None, str | None]:
    if cursor is None:
        return None, None
    try:
        thread_id, item_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidQueryError("cannot continue: `after` is not a value that a search returned") from error
    if not isinstance(thread_id, str) or not isinstance(item_id, str | None):
        raise InvalidQueryError("cannot continue: `after` is not a value that a search returned")
    return thread_id, item_id
