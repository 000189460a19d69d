"""Files of a message: claimed, verified and accepted before ChatKit stores the message.

    class Server(VerifiedAttachments[Context], ChatKitServer[Context]):
        async def respond(self, thread, input_user_message, context): ...

    server = Server(store, attachment_store=S3AttachmentStore[Context](...))

`VerifiedAttachments` is enough for any `ChatKitServer`. A server that checks requests itself before ChatKit runs calls
`MessageFiles.admit` last, and `MessageFiles.release` when the message was not stored after all.

    claim ─► load ─► verify        all files at once; a refusal gives every claim back, and nothing has changed
    scan                           all files at once, if there is a scanner; one with a threat is deleted
    accept ─► save                 all files at once

A store with claims (see `SupportsClaims`) gives a file to one message even when two arrive at the same moment. With
any other store, a file is taken once its record names a thread, so two messages that a user sends at the same moment
can share it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from chatkit.store import NotFoundError, Store
from chatkit.types import AttachmentsDeleteReq, ChatKitReq, ThreadsAddUserMessageReq, ThreadsCreateReq, UserMessageItem
from pydantic import TypeAdapter

from attachments_s3.acceptance import AnyFile
from attachments_s3.errors import ClaimedError, InfectedError, RefusedError, RepeatedFileError, UnknownFileError
from attachments_s3.scan import SupportsScan
from attachments_s3.store import S3AttachmentStore

TContext = TypeVar("TContext")
T = TypeVar("T")

if TYPE_CHECKING:
    from chatkit.server import ChatKitServer as _Server
    from chatkit.server import NonStreamingResult, StreamingResult
else:
    _Server = Generic  # a mixin needs ChatKitServer as a type only, and importing it loads the Agents SDK

NEWEST_ITEMS = 50  # a message that this request may have stored is among them
MESSAGE_STORED = b'data: {"type":"thread.item.done"'  # the first event that follows a write of an item

logger = logging.getLogger(__name__)


@runtime_checkable
class SupportsClaims(Protocol):
    """A thread store that gives each attachment to one claim, as `store_dynamo.DynamoStore` does.

    `claim_attachment` raises ChatKit's NotFoundError for an unknown attachment, and `claimed_error` for one that
    another claim has or that belongs to a message. `release_attachment` ignores an attachment that the claim does not
    have or that belongs to a message. `delete_unclaimed_attachment` raises `claimed_error` for an attachment that a
    claim has or that belongs to a message; it and a claim at the same moment never both succeed. All are idempotent.
    """

    claimed_error: type[Exception]

    async def claim_attachment(self, attachment_id: str, turn_id: str, context: Any) -> None: ...
    async def release_attachment(self, attachment_id: str, turn_id: str, context: Any) -> None: ...
    async def delete_unclaimed_attachment(self, attachment_id: str, context: Any) -> None: ...


class MessageFiles(Generic[TContext]):
    """Takes the files of a request for its message.

    A file costs three requests to S3, four to a store with claims (two reads, two writes), and two to any other store.
    """

    def __init__(
        self, store: Store[TContext], files: S3AttachmentStore[TContext], scanner: SupportsScan | None = None
    ) -> None:
        self._store = store
        self._files = files
        self._scanner = scanner
        self._claims = store if isinstance(store, SupportsClaims) else None

    async def admit(self, request: ChatKitReq, claim: str, context: TContext) -> None:
        """Take all files of the request's message, or none.

        A file to be deleted must not belong to a message. A store with claims deletes its record here, in one
        conditional write, so that no message can claim it any more; its objects remain for `attachments.delete`.
        `claim` identifies the request: repeating it under the same claim succeeds. Raises RefusedError, StorageError.
        """
        if isinstance(request, AttachmentsDeleteReq):
            await self._admit_deletion(request.params.attachment_id, context)
        ids = _attachment_ids(request)
        with self._files.count_refusals():
            self._files.policy.check_count(len(ids))
            if len(set(ids)) < len(ids):
                raise RepeatedFileError
        for attachment_id in ids:
            self._files.check_id(attachment_id)
        try:
            verified = await _all(self._verify(each, claim, context) for each in ids)
            if self._scanner is not None:
                await _all(self._scan(each, self._scanner, context) for each in verified)
            await _all(self._accept(each, context) for each in verified)
        except BaseException:
            await self._unclaim(ids, claim, context)
            raise

    async def release(self, request: ChatKitReq, claim: str, context: TContext) -> None:
        """Free the files that `admit` took, unless their message was stored, so that another message can have them."""
        await self.free(_attachment_ids(request), claim, context)

    async def free(self, attachment_ids: Iterable[str], claim: str, context: TContext) -> None:
        """Free files as `release` does, by their ids: for a process that has died, and whose request is gone."""
        unsent = await _all(self._unlink(each, context) for each in attachment_ids)
        await self._unclaim([each for each in unsent if each], claim, context)

    async def _verify(self, attachment_id: str, claim: str, context: TContext) -> AnyFile:
        with _naming(attachment_id):
            with self._files.count_refusals():
                attachment = await self._claim(attachment_id, claim, context)
            return await self._files.verify(attachment, context)

    async def _claim(self, attachment_id: str, claim: str, context: TContext) -> AnyFile:
        try:
            if self._claims:
                await self._claims.claim_attachment(attachment_id, claim, context)
            attachment = await self._store.load_attachment(attachment_id, context)
        except NotFoundError as exc:
            raise UnknownFileError(attachment_id) from exc
        except Exception as exc:
            if self._claims and isinstance(exc, self._claims.claimed_error):
                raise ClaimedError(attachment_id) from exc
            raise
        if attachment.thread_id and not self._claims:
            raise ClaimedError(attachment_id)
        return attachment

    async def _scan(self, attachment: AnyFile, scanner: SupportsScan, context: TContext) -> None:
        try:
            await self._files.scan(attachment, scanner, context)
        except InfectedError:
            await self._store.delete_attachment(attachment.id, context)
            raise

    async def _accept(self, attachment: AnyFile, context: TContext) -> None:
        await self._store.save_attachment(await self._files.accept(attachment, context), context)

    async def _unclaim(self, attachment_ids: Iterable[str], claim: str, context: TContext) -> None:
        if not self._claims:
            return
        given_back = (self._claims.release_attachment(each, claim, context) for each in attachment_ids)
        for outcome in await asyncio.gather(*given_back, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error("a file stays claimed", exc_info=outcome)

    async def _admit_deletion(self, attachment_id: str, context: TContext) -> None:
        self._files.check_id(attachment_id)
        if not self._claims:
            await self._check_unlinked(attachment_id, context)
            return
        try:
            await self._claims.delete_unclaimed_attachment(attachment_id, context)
        except self._claims.claimed_error as exc:
            if await self._check_unlinked(attachment_id, context):
                raise ClaimedError(attachment_id) from exc

    async def _check_unlinked(self, attachment_id: str, context: TContext) -> bool:
        """Return whether a file exists; deleting an unknown one succeeds. Raises LinkedError for a message's file."""
        try:
            attachment = await self._store.load_attachment(attachment_id, context)
        except NotFoundError:
            return False
        self._files.check_delete(attachment)
        return True

    async def _unlink(self, attachment_id: str, context: TContext) -> str | None:
        """Take a file out of a thread that does not show it, and return its id; None if a message shows it."""
        try:
            attachment = await self._store.load_attachment(attachment_id, context)
        except NotFoundError:
            return None
        if attachment.thread_id:  # ChatKit links a file to its thread before it stores the message
            if await self._is_sent(attachment_id, attachment.thread_id, context):
                return None
            await self._store.save_attachment(attachment.model_copy(update={"thread_id": None}), context)
        return attachment_id

    async def _is_sent(self, attachment_id: str, thread_id: str, context: TContext) -> bool:
        newest = await self._store.load_thread_items(thread_id, None, NEWEST_ITEMS, "desc", context)
        messages = [item for item in newest.data if isinstance(item, UserMessageItem)]
        return any(attachment_id == file.id for message in messages for file in message.attachments)


class VerifiedAttachments(_Server[TContext]):
    """Mixin for a ChatKitServer whose `attachment_store` is an S3AttachmentStore; name it before ChatKitServer.

    `process` raises RefusedError for a bad file before anything is stored: answer with a 4xx and the error's `message`.
    Files are freed if the request fails before its message is stored. A stream that is returned but never read keeps
    its claims until the store lets them expire.
    """

    async def process(
        self, request: str | bytes | bytearray, context: TContext
    ) -> StreamingResult | NonStreamingResult:
        """Carry out one request once its files are accepted. Raises RefusedError, StorageError."""
        if not isinstance(self.attachment_store, S3AttachmentStore):
            raise TypeError("VerifiedAttachments needs attachment_store=S3AttachmentStore(...)")
        scanner = self if isinstance(self, SupportsScan) else None
        files = MessageFiles[TContext](self.store, self.attachment_store, scanner)
        parsed, claim = _parser().validate_json(request), secrets.token_hex(16)
        await files.admit(parsed, claim, context)
        try:
            result = await super().process(request, context)
        except BaseException:
            await asyncio.shield(files.release(parsed, claim, context))
            raise
        if _attachment_ids(parsed) and isinstance(result, AsyncIterable):
            return type(result)(_released_on_failure(result, lambda: files.release(parsed, claim, context)))
        return result


async def _released_on_failure(
    events: AsyncIterable[bytes], release: Callable[[], Coroutine[Any, Any, None]]
) -> AsyncGenerator[bytes]:
    """Yield a stream's events; call `release` if the stream ends before its message was stored."""
    stored = False
    try:
        async for event in events:
            stored = stored or event.startswith(MESSAGE_STORED)
            yield event
    finally:
        if not stored:
            await asyncio.shield(release())  # a client that disconnects cancels this task


@cache
def _parser() -> TypeAdapter[ChatKitReq]:
    """Return the validator of requests; building it takes milliseconds that only this mixin needs."""
    return TypeAdapter(ChatKitReq)


def _attachment_ids(request: ChatKitReq) -> list[str]:
    return request.params.input.attachments if isinstance(request, ThreadsCreateReq | ThreadsAddUserMessageReq) else []


@contextmanager
def _naming(attachment_id: str) -> Generator[None]:
    """Let an error say which of the message's files is at fault."""
    try:
        yield
    except RefusedError as refused:
        refused.attachment_id = attachment_id
        raise


async def _all(steps: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all steps at once to their end, then raise the first failure or return the results."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
