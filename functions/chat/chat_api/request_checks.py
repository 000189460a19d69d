"""Read-only checks of a request against stored data and the assistant's capabilities.

    await RequestChecks(store, assistant).check(request, context)        # RefusedError or ChatKit's NotFoundError

Admission runs them concurrently with the turn's claim and its limits. `bounds.py` has already bounded every field.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Sequence
from typing import Any, TypeVar, cast

from chatkit.actions import Action
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    ActiveStatus,
    AttachmentsCreateReq,
    ChatKitReq,
    ClientToolCallItem,
    ClosedStatus,
    HiddenContextItem,
    InferenceOptions,
    InputTranscribeParams,
    InputTranscribeReq,
    ItemsFeedbackReq,
    ItemsListReq,
    LockedStatus,
    SDKHiddenContextItem,
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
    UserMessageContent,
    UserMessageInput,
    UserMessageItem,
    WidgetItem,
)
from pydantic import TypeAdapter, ValidationError

from attachments_s3.names import visible
from chat_api.assistant import (
    Assistant,
    SupportsActions,
    SupportsApprovals,
    SupportsModels,
    SupportsSyncActions,
    SupportsTranscription,
    accepts_attachments,
)
from chat_api.bounds import REASON, check_document
from chat_api.context import RequestContext
from chat_api.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundRequestError,
    TooLargeError,
)
from languages import Sentence, say

_CONTENT: TypeAdapter[list[UserMessageContent]] = TypeAdapter(list[UserMessageContent])

Item = TypeVar("Item", UserMessageItem, StructuredInputItem, WidgetItem)

MAX_MESSAGE_CHARS = 100_000
MAX_PAGE = 500
"""ChatKit.js requests 9999 threads at once; this many are at most a few hundred kilobytes."""
AUDIO_TYPES = ("audio/webm", "audio/ogg", "audio/mp4")
"""The formats that ChatKit.js records."""
MAX_AUDIO_BYTES = 2_500_000
"""About seven minutes of speech at 48 kbit/s; its base64 fits into a Lambda request."""
CALL_AMONG_ITEMS = 20
"""A client tool's result is accepted if its call is one of the thread's newest visible items."""
PAGE_ACTIONS = "turn."
"""Prefix of the actions that the page's `fetch` answers itself, such as `turn.attach`. Assistants never get them."""
APPROVAL_ACTIONS = frozenset(
    {"approval.approve", "approval.always", "approval.deny", "approval.details", "approval.check"}
)
"""The actions of the cards that ask for an approval. Types that begin with "approval." are reserved."""
ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class RequestChecks:
    """Read-only checks of each request type against the stored data and the assistant's capabilities."""

    def __init__(self, store: Store[RequestContext], assistant: Assistant) -> None:
        self._store = store
        self._assistant = assistant

    async def check(self, request: ChatKitReq, context: RequestContext) -> ThreadMetadata | None:
        """Return the thread of a request that answers in one. Reduces a page size above MAX_PAGE.

        Raises a RefusedError if the request is not possible.
        """
        thread: ThreadMetadata | None = None
        match request:
            case ThreadsListReq() | ItemsListReq():
                request.params.limit = _page_size(request.params.limit)
            case ThreadsCreateReq():
                self._check_message(request.params.input)
            case ThreadsAddUserMessageReq():
                self._check_message(request.params.input)
                thread = await self._open_thread(request.params.thread_id, context)
            case ThreadsRetryAfterItemReq():
                thread = await self._open_thread(request.params.thread_id, context)
                message = await self._item(request.params.thread_id, request.params.item_id, UserMessageItem, context)
                if (content := new_content(request)) is not None:
                    _check_text(content, has_files=bool(message.attachments), quoted=message.quoted_text)
            case ThreadsAddStructuredInputReq():
                thread = await self._open_thread(request.params.thread_id, context)
                form = await self._item(request.params.thread_id, request.params.item_id, StructuredInputItem, context)
                if form.status != "pending":
                    raise ConflictError(say("this form has already been answered; reload the conversation"))
            case ThreadsAddClientToolOutputReq():
                thread = await self._open_thread(request.params.thread_id, context)
                if await pending_tool_call(self._store, request.params.thread_id, context) is None:
                    raise ConflictError(say("this thread has no pending client tool call"))
            case ThreadsCustomActionReq() | ThreadsSyncCustomActionReq():
                thread = await self._open_thread(request.params.thread_id, context)
                self._check_action(request)
                if request.params.item_id:
                    await self._item(request.params.thread_id, request.params.item_id, WidgetItem, context)
            case AttachmentsCreateReq():
                check_attachments(self._assistant)
            case ItemsFeedbackReq():
                reason_of(request)
            case InputTranscribeReq():
                if not isinstance(self._assistant, SupportsTranscription):
                    raise InvalidRequestError(say("this assistant does not support dictation"))
                _check_audio(request.params)
            case _:
                pass  # the store answers these requests directly, and its NotFoundError is a 404
        return thread

    def _check_message(self, message: UserMessageInput) -> None:
        _check_text(message.content, has_files=bool(message.attachments), quoted=message.quoted_text)
        _check_choices(message.inference_options, self._assistant)
        if message.attachments:
            check_attachments(self._assistant)

    def _check_action(self, request: ThreadsCustomActionReq | ThreadsSyncCustomActionReq) -> None:
        if not isinstance(cast("object", request.params.action.type), str):  # ChatKit's default is a type variable
            raise InvalidRequestError("params.action.type: must be the name of an action")
        if is_approval(request.params.action):
            check_decision(request, self._assistant)
            return
        if request.params.action.type.startswith(PAGE_ACTIONS):
            raise InvalidRequestError(f"params.action.type: names that begin with {PAGE_ACTIONS} are the page's own")
        kind = SupportsActions if isinstance(request, ThreadsCustomActionReq) else SupportsSyncActions
        if not isinstance(self._assistant, kind):
            raise InvalidRequestError(say("this assistant does not support {kind}", kind=request.type))

    async def _open_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        thread = await self._store.load_thread(thread_id, context)
        if not isinstance(thread.status, ActiveStatus):
            raise ConflictError(_closed(thread.status))
        return thread

    async def _item(self, thread_id: str, item_id: str, kind: type[Item], context: RequestContext) -> Item:
        try:
            item = await self._store.load_item(thread_id, item_id, context)
        except NotFoundError as error:
            raise NotFoundRequestError(
                say("Item {item} not found in thread {thread}", item=item_id, thread=thread_id)
            ) from error
        if not isinstance(item, kind):
            raise InvalidRequestError(f"item {item_id} is a {item.type}, which this request does not accept")
        return item


async def pending_tool_call(
    store: Store[RequestContext], thread_id: str, context: RequestContext
) -> ClientToolCallItem | None:
    """Return the newest client tool call that has no result yet, among the newest items that a user can see.

    The user may have written meanwhile, and the assistant may have stored hidden notes after the call.
    """
    page = await store.load_thread_items(thread_id, None, 2 * CALL_AMONG_ITEMS, "desc", context)
    visible = [item for item in page.data if not isinstance(item, HiddenContextItem | SDKHiddenContextItem)]
    newest = visible[:CALL_AMONG_ITEMS]
    return next((item for item in newest if isinstance(item, ClientToolCallItem) and item.status == "pending"), None)


def _closed(status: LockedStatus | ClosedStatus) -> Sentence:
    locked = isinstance(status, LockedStatus)
    if not status.reason:
        kind = say("this conversation is locked; start a new one")
        return kind if locked else say("this conversation is closed; start a new one")
    if locked:
        return say("this conversation is locked: {reason}; start a new one", reason=status.reason)
    return say("this conversation is closed: {reason}; start a new one", reason=status.reason)


def new_content(request: ChatKitReq) -> list[UserMessageContent] | None:
    """Return the content that a retry gives the user's message, from `metadata.content`; None for any other request.

    ChatKit's protocol has no request to edit a message. Raises InvalidRequestError or TooLargeError.
    """
    if not isinstance(request, ThreadsRetryAfterItemReq) or (content := request.metadata.get("content")) is None:
        return None
    check_document({"params": {"input": {"content": content}}})
    try:
        return _CONTENT.validate_python(content)
    except ValidationError as error:
        raise InvalidRequestError("metadata.content: must be a list like params.input.content of a message") from error


def reason_of(request: ItemsFeedbackReq) -> str | None:
    """Return a rating's `metadata.reason` as one line. Raises InvalidRequestError or TooLargeError."""
    reason = request.metadata.get("reason")
    if reason is None:
        return None
    if not isinstance(reason, str):
        raise InvalidRequestError("metadata.reason: must be a text")
    if fault := REASON.fault(reason):
        raise TooLargeError(say("{name} {fault}", name="metadata.reason", fault=fault))
    return visible(reason) or None


def _check_text(content: Sequence[UserMessageContent], *, has_files: bool, quoted: str | None) -> None:
    length = sum(len(part.text) for part in content) + len(quoted or "")
    if length > MAX_MESSAGE_CHARS:
        raise TooLargeError(
            say(
                "the message has {length} characters, the limit is {limit}: shorten it",
                length=length,
                limit=MAX_MESSAGE_CHARS,
            )
        )
    if not any(part.text.strip() for part in content) and not has_files:
        raise InvalidRequestError(say("the message is empty: enter text or attach a file"))


def _check_choices(options: InferenceOptions, assistant: Assistant) -> None:
    models: Collection[str] = [each["id"] for each in assistant.models] if isinstance(assistant, SupportsModels) else ()
    tools: Collection[str] = [each["id"] for each in assistant.tools] if isinstance(assistant, SupportsModels) else ()
    _check_choice("model", options.model, models)
    _check_choice("tool_choice.id", options.tool_choice and options.tool_choice.id, tools)


def _check_choice(field: str, choice: str | None, offered: Collection[str]) -> None:
    if choice is not None and choice not in offered:
        names = ", ".join(sorted(offered)) or "none"
        raise InvalidRequestError(
            say("params.input.inference_options.{field}: not available; available: {names}", field=field, names=names)
        )


def _check_audio(params: InputTranscribeParams) -> None:
    """Raise InvalidRequestError for an unsupported type or invalid base64, TooLargeError above MAX_AUDIO_BYTES."""
    media_type = params.mime_type.split(";", 1)[0].strip().lower()
    if media_type not in AUDIO_TYPES:
        raise InvalidRequestError(f"params.mime_type: must be {' or '.join(AUDIO_TYPES)}")
    try:
        size = len(base64.b64decode(params.audio_base64, validate=True))
    except ValueError as error:  # not ASCII, or binascii.Error
        raise InvalidRequestError("params.audio_base64: not valid base64") from error
    if not size:
        raise InvalidRequestError(say("params.audio_base64: the recording is empty"))
    if size > MAX_AUDIO_BYTES:
        raise TooLargeError(
            say(
                "the recording has {size} bytes, the limit is {limit}: make it shorter",
                size=size,
                limit=MAX_AUDIO_BYTES,
            )
        )


def is_approval(action: Action[str, Any]) -> bool:
    """Return whether an action is about an approval. These types are reserved, so no other method gets them."""
    return action.type.startswith("approval.")


def check_decision(request: ThreadsCustomActionReq | ThreadsSyncCustomActionReq, assistant: Assistant) -> None:
    """Raise InvalidRequestError or TooLargeError unless an action `approval.*` is complete and bounded."""
    action, payload = request.params.action, request.params.action.payload
    if not isinstance(assistant, SupportsApprovals):
        raise InvalidRequestError(say("this assistant does not ask for approvals"))
    if not isinstance(request, ThreadsCustomActionReq) or action.type not in APPROVAL_ACTIONS:
        raise InvalidRequestError(f"params.action.type: must be one of {', '.join(sorted(APPROVAL_ACTIONS))}, streamed")
    if not request.params.item_id:
        raise InvalidRequestError("params.item_id: must be the id of the card")
    fields = cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}
    if not all(isinstance(fields.get(name), str) and ID.fullmatch(fields[name]) for name in ("id", "digest")):
        raise InvalidRequestError("params.action.payload: must have the id and the digest that the card has")
    reason = fields.get("reason", "")
    if not isinstance(reason, str):
        raise InvalidRequestError("params.action.payload.reason: must be a text")
    if fault := REASON.fault(reason):
        raise TooLargeError(say("{name} {fault}", name="params.action.payload.reason", fault=fault))


def check_attachments(assistant: Assistant) -> None:
    """Raise InvalidRequestError if the assistant does not read files."""
    if not accepts_attachments(assistant):
        raise InvalidRequestError(say("this assistant does not accept files: write the text into the message"))


def _page_size(limit: int | None) -> int | None:
    if limit is not None and limit < 0:
        raise InvalidRequestError("params.limit: must not be negative")
    return min(limit, MAX_PAGE) if limit else limit
