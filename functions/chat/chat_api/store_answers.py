"""Requests of the ChatKit protocol that need only the store: lists, titles, deletion, feedback, attachments.

    if isinstance(request, StoreRequest):
        await answer(request, store, files, context)      # JSON

`chatkit.server` would answer them in the same way, but imports the Agents SDK, MCP and OpenAI's client: two thirds of a
cold start (docs/decisions/0020-late-parts.md). A test compares each answer with `ChatKitServer`'s, byte by byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

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
from chat_api.bounds import clean_title
from chat_api.context import RequestContext
from chat_api.request_checks import reason_of
from store_dynamo import ActivePage, DynamoStore

PAGE_SIZE = 20
"""ChatKit's default."""
DONE = b"{}"

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


async def answer(
    request: StoreRequest,
    store: DynamoStore[RequestContext],
    files: S3AttachmentStore[RequestContext],
    context: RequestContext,
) -> bytes:
    """Process one request and return its JSON. Raises ChatKit's NotFoundError and the errors of store and files."""
    match request:
        case ThreadsGetByIdReq():
            return await _get_thread(request, store, context)
        case ThreadsListReq(params=page):
            threads = await store.load_threads(page.limit or PAGE_SIZE, page.after, page.order, context)
            listed = Page(data=[_thread(one) for one in threads.data], has_more=threads.has_more, after=threads.after)
            return _with_times(listed, threads.last_activity) if isinstance(threads, ActivePage) else _json(listed)
        case ItemsListReq(params=page):
            items = await store.load_thread_items(
                page.thread_id, page.after, page.limit or PAGE_SIZE, page.order, context
            )
            return _json(_visible(items))
        case ThreadsUpdateReq():
            thread = await store.load_thread(request.params.thread_id, context)
            thread.title = clean_title(request.params.title)
            await store.save_thread(thread, context)
            return _json(_thread(thread))
        case ThreadsDeleteReq():
            await store.delete_thread(request.params.thread_id, context)
        case ItemsFeedbackReq():
            await _feedback(request, store, context)
        case AttachmentsCreateReq():
            attachment = await files.create_attachment(request.params, context)
            await store.save_attachment(attachment, context)
            return _json(attachment)
        case AttachmentsDeleteReq():
            await files.delete_attachment(request.params.attachment_id, context)  # admission deleted the record
    return DONE


async def _get_thread(request: ThreadsGetByIdReq, store: DynamoStore[RequestContext], context: RequestContext) -> bytes:
    """Return a thread; with `feedback` in the request's metadata, which ChatKit never sends, the user's ratings too."""
    thread_id = request.params.thread_id
    wanted = request.metadata.get("feedback") is True
    thread, items, ratings = await asyncio.gather(
        store.load_thread(thread_id, context),
        store.load_thread_items(thread_id, None, PAGE_SIZE, "asc", context),
        store.feedback.load(thread_id, context) if wanted else _none(),
    )
    answer = _json(_thread(thread, items))
    if ratings is None:
        return answer
    found = {
        key: {"kind": each.kind} | ({"reason": each.reason} if each.reason else {}) for key, each in ratings.items()
    }
    return answer[:-1] + b',"feedback":' + to_json(found) + b"}"


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
