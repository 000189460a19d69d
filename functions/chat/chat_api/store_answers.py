"""The requests of ChatKit's protocol that its store can answer: no model, so no assistant and no Agents SDK.

    if isinstance(request, StoreRequest):
        await answer(request, store, files, feedback, context)      # JSON

`chatkit.server` answers them in the same way, but it imports the Agents SDK, and with it MCP and OpenAI's client: two
thirds of a cold start that a list of threads does not need (docs/decisions/0020-late-parts.md). A test compares
each answer with that of `ChatKitServer`, byte by byte.
"""

from __future__ import annotations

import asyncio

from chatkit.store import Store
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

from attachments_s3 import S3AttachmentStore
from chat_api.context import RequestContext
from chat_api.records import Feedback

PAGE_SIZE = 20
"""ChatKit's own."""
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
    store: Store[RequestContext],
    files: S3AttachmentStore[RequestContext],
    feedback: Feedback,
    context: RequestContext,
) -> bytes:
    """Carry out one request and return its JSON. Raises ChatKit's NotFoundError and what store and files raise."""
    match request:
        case ThreadsGetByIdReq():
            thread_id = request.params.thread_id
            thread, items = await asyncio.gather(
                store.load_thread(thread_id, context),
                store.load_thread_items(thread_id, None, PAGE_SIZE, "asc", context),
            )
            return _json(_thread(thread, items))
        case ThreadsListReq(params=page):
            threads = await store.load_threads(page.limit or PAGE_SIZE, page.after, page.order, context)
            return _json(
                Page(data=[_thread(one) for one in threads.data], has_more=threads.has_more, after=threads.after)
            )
        case ItemsListReq(params=page):
            items = await store.load_thread_items(
                page.thread_id, page.after, page.limit or PAGE_SIZE, page.order, context
            )
            return _json(_shown(items))
        case ThreadsUpdateReq():
            thread = await store.load_thread(request.params.thread_id, context)
            thread.title = request.params.title
            await store.save_thread(thread, context)
            return _json(_thread(thread))
        case ThreadsDeleteReq():
            await store.delete_thread(request.params.thread_id, context)
        case ItemsFeedbackReq(params=given):
            await feedback.put(given.thread_id, given.item_ids, given.kind, context)
        case AttachmentsCreateReq():
            attachment = await files.create_attachment(request.params, context)
            await store.save_attachment(attachment, context)
            return _json(attachment)
        case AttachmentsDeleteReq():
            await files.delete_attachment(request.params.attachment_id, context)
            await store.delete_attachment(request.params.attachment_id, context)
    return DONE


def _thread(thread: ThreadMetadata, items: Page[ThreadItem] | None = None) -> Thread:
    """Return what a client sees of a thread: not its metadata."""
    return Thread(
        id=thread.id,
        title=thread.title,
        created_at=thread.created_at,
        items=_shown(items or Page()),
        status=thread.status,
        allowed_image_domains=thread.allowed_image_domains,
    )


def _shown(items: Page[ThreadItem]) -> Page[ThreadItem]:
    items.data = [item for item in items.data if not isinstance(item, HiddenContextItem | SDKHiddenContextItem)]
    return items


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True}).encode()
