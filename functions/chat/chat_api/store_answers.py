"""Requests of the ChatKit protocol that need only the store: lists, titles, deletion, feedback, attachments.

    if isinstance(request, StoreRequest):
        answer = await answer_with_turns(request, store, files, takeover, context)      # JSON and headers

`chatkit.server` would answer them in the same way, but imports the Agents SDK, MCP and OpenAI's client: two thirds of a
cold start (docs/decisions/0020-late-parts.md). A test compares each answer with `ChatKitServer`'s, byte by byte.

ChatKit's protocol does not know about running turns, so lists and threads name them in response headers:

    x-turns-running: thr_a=turn_1, thr_b=turn_2     the user's running turns, if there are any
    x-turn-interrupted: turn_3                      of a thread whose last turn was taken over, until its next turn

A thread's items are read after the locks of the running turns: a turn stores its answer before it frees its lock, so
a thread without a lock has its answer. If the thread's turn is dead, it is taken over between the two.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chatkit.types import (
    AttachmentsCreateReq,
    AttachmentsDeleteReq,
    HiddenContextItem,
    ItemsFeedbackReq,
    ItemsListReq,
    Page,
    SDKHiddenContextItem,
    Thread,
    ThreadItem,
    ThreadMetadata,
    ThreadsDeleteReq,
    ThreadsGetByIdReq,
    ThreadsListReq,
    ThreadsUpdateReq,
)
from pydantic import BaseModel
from pydantic_core import from_json, to_json

from attachments_s3 import S3AttachmentStore
from chat_api.attach.takeover import Takeover, interrupted_turn
from chat_api.bounds import clean_title
from chat_api.context import RequestContext
from chat_api.request_checks import reason_of
from store_dynamo import ActivePage, DynamoStore
from store_dynamo.errors import StoreError
from store_dynamo.running import RunningTurn
from store_dynamo.search import Hit

PAGE_SIZE = 20
"""ChatKit's default."""
DONE = b"{}"
MAX_NAMED = 20
"""Running turns in a header."""
HEADER_SAFE = re.compile(r"[\w.:-]+", re.ASCII)

logger = logging.getLogger("chat_api.store_answers")

StoreRequest = (
    ThreadsGetByIdReq
    | ThreadsListReq
    | ThreadsUpdateReq
    | ThreadsDeleteReq
    | ItemsListReq
    | ItemsFeedbackReq
    | AttachmentsCreateReq
    | AttachmentsDeleteReq
)


@dataclass(frozen=True, slots=True)
class NonStreamingResult:
    """One JSON document, like ChatKit's class, whose module would import the Agents SDK, and headers about turns."""

    json: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


async def answer_with_turns(
    request: StoreRequest,
    store: DynamoStore[RequestContext],
    files: S3AttachmentStore[RequestContext],
    takeover: Takeover,
    context: RequestContext,
) -> NonStreamingResult:
    """Process one request, and take over a dead turn of its thread first. Raises the errors of `answer`."""
    if not isinstance(request, ThreadsListReq | ThreadsGetByIdReq | ItemsListReq):
        return await answer(request, store, files, context)
    if isinstance(request, ThreadsListReq):  # no items, so the order does not matter
        (running, _), found = await asyncio.gather(_locks(store, context), answer(request, store, files, context))
    else:
        running, dead = await _locks(store, context)
        await _take_over(request.params.thread_id, dead, takeover, context)
        found = await answer(request, store, files, context)
    named = [f"{each.thread_id}={each.turn_id}" for each in running if HEADER_SAFE.fullmatch(each.thread_id)]
    header = {"x-turns-running": ", ".join(named[:MAX_NAMED])} if named else dict[str, str]()
    return NonStreamingResult(found.json, {**found.headers, **header})


async def _locks(
    store: DynamoStore[RequestContext], context: RequestContext
) -> tuple[Sequence[RunningTurn], Sequence[RunningTurn]]:
    """Return the user's running turns and the dead ones; none of either if they cannot be read."""
    try:
        return await store.running.find_all(context)
    except StoreError:
        logger.exception("answering without the running turns")
        return (), ()


async def _take_over(thread_id: str, dead: Sequence[RunningTurn], takeover: Takeover, context: RequestContext) -> None:
    """Take over the dead turn of a thread, if it has one. A failure is only logged."""
    for turn in dead:
        if turn.thread_id == thread_id:
            try:
                await takeover.of(turn, context)
            except StoreError:
                logger.exception("a dead turn was not taken over; the next request tries again")


async def answer(
    request: StoreRequest,
    store: DynamoStore[RequestContext],
    files: S3AttachmentStore[RequestContext],
    context: RequestContext,
) -> NonStreamingResult:
    """Process one request. Raises ChatKit's NotFoundError and the errors of store and files."""
    match request:
        case ThreadsGetByIdReq():
            return await _get_thread(request, store, context)
        case ThreadsListReq(params=page):
            threads = await store.load_threads(page.limit or PAGE_SIZE, page.after, page.order, context)
            listed = Page(data=[_thread(one) for one in threads.data], has_more=threads.has_more, after=threads.after)
            timed = isinstance(threads, ActivePage)
            return NonStreamingResult(_with_times(listed, threads.last_activity) if timed else _json(listed))
        case ItemsListReq(params=page):
            items = await store.load_thread_items(
                page.thread_id, page.after, page.limit or PAGE_SIZE, page.order, context
            )
            newest = _newest(items, page.order, is_first=page.after is None)
            return NonStreamingResult(_json(_visible(items)), _interruption(newest))
        case ThreadsUpdateReq():
            thread = await store.load_thread(request.params.thread_id, context)
            thread.title = clean_title(request.params.title)
            await store.save_thread(thread, context)
            return NonStreamingResult(_json(_thread(thread)))
        case ThreadsDeleteReq():
            await store.delete_thread(request.params.thread_id, context)
        case ItemsFeedbackReq():
            await _feedback(request, store, context)
        case AttachmentsCreateReq():
            attachment = await files.create_attachment(request.params, context)
            await store.save_attachment(attachment, context)
            return NonStreamingResult(_json(attachment))
        case AttachmentsDeleteReq():
            await files.delete_attachment(request.params.attachment_id, context)  # admission deleted the record
    return NonStreamingResult(DONE)


async def _get_thread(
    request: ThreadsGetByIdReq, store: DynamoStore[RequestContext], context: RequestContext
) -> NonStreamingResult:
    """Return a thread; with `feedback` in the request's metadata, which ChatKit never sends, the user's ratings too."""
    thread_id = request.params.thread_id
    wanted = request.metadata.get("feedback") is True
    thread, items, ratings = await asyncio.gather(
        store.load_thread(thread_id, context),
        store.load_thread_items(thread_id, None, PAGE_SIZE, "asc", context),
        store.feedback.load(thread_id, context) if wanted else _none(),
    )
    last = await store.load_thread_items(thread_id, None, 1, "desc", context) if items.has_more else items
    headers = _interruption(_newest(last, "desc" if items.has_more else "asc", is_first=True))
    answer = _json(_thread(thread, items))
    if ratings is None:
        return NonStreamingResult(answer, headers)
    found = {
        key: {"kind": each.kind} | ({"reason": each.reason} if each.reason else {}) for key, each in ratings.items()
    }
    return NonStreamingResult(answer[:-1] + b',"feedback":' + to_json(found) + b"}", headers)


def _newest(page: Page[ThreadItem], order: str, *, is_first: bool) -> ThreadItem | None:
    """Return the thread's newest item, if it is on the page."""
    if not page.data:
        return None
    if order == "desc":
        return page.data[0] if is_first else None
    return None if page.has_more else page.data[-1]


def _interruption(newest: ThreadItem | None) -> dict[str, str]:
    turn_id = interrupted_turn(newest)
    return {} if turn_id is None else {"x-turn-interrupted": turn_id}


async def _none() -> None:
    return None


async def _feedback(request: ItemsFeedbackReq, store: DynamoStore[RequestContext], context: RequestContext) -> None:
    """Store a rating with the `reason` in the request's metadata, or remove it if that says `withdrawn`."""
    params = request.params
    if request.metadata.get("withdrawn") is True:
        await store.load_thread(params.thread_id, context)
        await store.feedback.remove(params.thread_id, params.item_ids, context)
        return
    await store.feedback.put(params.thread_id, params.item_ids, params.kind, context, reason=reason_of(request))


def _thread(thread: ThreadMetadata, items: Page[ThreadItem] | None = None) -> Thread:
    """Return the client's view of a thread, without its metadata."""
    return Thread(
        id=thread.id,
        title=thread.title,
        created_at=thread.created_at,
        items=_visible(items or Page()),
        status=thread.status,
        allowed_image_domains=thread.allowed_image_domains,
    )


def _visible(items: Page[ThreadItem]) -> Page[ThreadItem]:
    items.data = [item for item in items.data if not isinstance(item, HiddenContextItem | SDKHiddenContextItem)]
    return items


def _with_times(page: Page[Thread], last_activity: Mapping[str, datetime]) -> bytes:
    """Return a list with the times of the threads' last items, which ChatKit's protocol does not have."""
    document = from_json(_json(page))
    for thread in document["data"]:
        thread["last_activity_at"] = last_activity[thread["id"]]
    return to_json(document)


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True}).encode()


def hit_entry(hit: Hit) -> dict[str, Any]:
    """Return a found message as its user sees it."""
    return {
        "thread_id": hit.thread.id,
        "title": hit.thread.title,
        "created_at": hit.thread.created_at.isoformat(),
        "item_id": hit.item_id,
        "snippet": hit.snippet,
    }
