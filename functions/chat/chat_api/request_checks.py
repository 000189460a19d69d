"""The checks of every request type; they read only.

await RequestChecks(store, assistant).check(parse(body), context)
"""

from __future__ import annotations

from typing import TypeVar

from chatkit.store import NotFoundError, Store
from chatkit.types import (
    ChatKitReq,
    ClientToolCallItem,
    InputTranscribeReq,
    ItemsListReq,
    StructuredInputItem,
    ThreadMetadata,
    ThreadsAddClientToolOutputReq,
    ThreadsAddStructuredInputReq,
    ThreadsAddUserMessageReq,
    ThreadsCreateReq,
    ThreadsCustomActionReq,
    ThreadsListReq,
    ThreadsRetryAfterItemReq,
    ThreadsSyncCustomActionReq,
    UserMessageInput,
    UserMessageItem,
    WidgetItem,
)

from chat_api.assistant import Assistant, SupportsActions, SupportsSyncActions, SupportsTranscription
from chat_api.choices import check_choices
from chat_api.context import RequestContext
from chat_api.dictation import check_audio
from chat_api.errors import ConflictError, InvalidRequestError, NotFoundRequestError, TooLargeError

Item = TypeVar("Item", UserMessageItem, StructuredInputItem, WidgetItem)

MAX_MESSAGE_CHARS = 100_000
MAX_PAGE = 500
"""ChatKit.js asks for 9999 threads at once; a page is one answer of at most a few hundred kilobytes."""


class RequestChecks:
    """What a request may ask for, given what is stored and what the assistant can do."""

    def __init__(self, store: Store[RequestContext], assistant: Assistant) -> None:
        self._store = store
        self._assistant = assistant

    async def check(self, request: ChatKitReq, context: RequestContext) -> None:
        """Raise a RefusedError when the request cannot be carried out; a page that is too long is cut to MAX_PAGE."""
        match request:
            case ThreadsListReq() | ItemsListReq():
                request.params.limit = _page_size(request.params.limit)
            case ThreadsCreateReq():
                self._check_message(request.params.input)
            case ThreadsAddUserMessageReq():
                self._check_message(request.params.input)
                await self._open_thread(request.params.thread_id, context)
            case ThreadsRetryAfterItemReq():
                await self._open_thread(request.params.thread_id, context)
                await self._item(request.params.thread_id, request.params.item_id, UserMessageItem, context)
            case ThreadsAddStructuredInputReq():
                await self._open_thread(request.params.thread_id, context)
                form = await self._item(request.params.thread_id, request.params.item_id, StructuredInputItem, context)
                if form.status != "pending":
                    raise ConflictError("this form was already answered; reload the conversation")
            case ThreadsAddClientToolOutputReq():
                await self._open_thread(request.params.thread_id, context)
                await self._pending_tool_call(request.params.thread_id, context)
            case ThreadsCustomActionReq() | ThreadsSyncCustomActionReq():
                await self._open_thread(request.params.thread_id, context)
                self._check_action(request)
                if request.params.item_id:
                    await self._item(request.params.thread_id, request.params.item_id, WidgetItem, context)
            case InputTranscribeReq():
                self._check_audio(request)
            case _:
                pass  # ChatKit answers these at once, and its NotFoundError is a 404

    def _check_message(self, message: UserMessageInput) -> None:
        _check_text(message)
        check_choices(message.inference_options, self._assistant)

    def _check_action(self, request: ThreadsCustomActionReq | ThreadsSyncCustomActionReq) -> None:
        kind = SupportsActions if isinstance(request, ThreadsCustomActionReq) else SupportsSyncActions
        if not isinstance(self._assistant, kind):
            raise InvalidRequestError(f"this assistant answers no {request.type}")

    def _check_audio(self, request: InputTranscribeReq) -> None:
        if not isinstance(self._assistant, SupportsTranscription):
            raise InvalidRequestError("this assistant takes no dictation")
        check_audio(request.params)

    async def _open_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        thread = await self._store.load_thread(thread_id, context)
        if thread.status.type != "active":
            reason = f": {thread.status.reason}" if thread.status.reason else ""
            raise ConflictError(f"this conversation is {thread.status.type}{reason}; start a new one")
        return thread

    async def _item(self, thread_id: str, item_id: str, kind: type[Item], context: RequestContext) -> Item:
        try:
            item = await self._store.load_item(thread_id, item_id, context)
        except NotFoundError as error:
            raise NotFoundRequestError(f"Item {item_id} not found in thread {thread_id}") from error
        if not isinstance(item, kind):
            raise InvalidRequestError(f"item {item_id} is a {item.type}, which this request cannot be about")
        return item

    async def _pending_tool_call(self, thread_id: str, context: RequestContext) -> None:
        page = await self._store.load_thread_items(thread_id, None, 1, "desc", context)
        last = page.data[0] if page.data else None
        if not isinstance(last, ClientToolCallItem) or last.status != "pending":
            raise ConflictError("no client tool call is waiting for a result in this thread")


def _check_text(message: UserMessageInput) -> None:
    length = sum(len(part.text) for part in message.content) + len(message.quoted_text or "")
    if length > MAX_MESSAGE_CHARS:
        raise TooLargeError(f"the message has {length} characters, {MAX_MESSAGE_CHARS} are allowed: shorten it")
    if not any(part.text.strip() for part in message.content) and not message.attachments:
        raise InvalidRequestError("the message is empty: write something or attach a file")


def _page_size(limit: int | None) -> int | None:
    if limit is not None and limit < 0:
        raise InvalidRequestError("params.limit: must not be negative")
    return min(limit, MAX_PAGE) if limit else limit
