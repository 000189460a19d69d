"""The files of a message, taken before ChatKit stores anything (promise A3).

    await message_files.take(ids, context)        # in admission
    await message_files.release(ids, context)     # when the message was not stored after all

A file is claimed for the turn (so that two messages cannot both have it), verified against what was declared, moved to
where its upload URL cannot reach it, and saved in that state. When one file of a message is refused, the claims of the
others are released and the message leaves no trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from chatkit.store import NotFoundError
from chatkit.types import Attachment, Page, ThreadItem, UserMessageItem

from attachments_s3 import S3AttachmentStore
from chat_api.context import RequestContext
from chat_api.errors import ConflictError, InvalidRequestError, NotFoundRequestError
from store_dynamo.errors import AttachmentClaimedError

NEWEST_ITEMS = 50
"""Where a message that this turn may have stored would be: nobody else wrote that much meanwhile."""


class ClaimingStore(Protocol):
    """A store that gives each attachment to one turn only, as DynamoStore does."""

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]: ...
    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment: ...
    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None: ...
    async def claim_attachment(self, attachment_id: str, turn_id: str, context: RequestContext) -> None: ...
    async def release_attachment(self, attachment_id: str, turn_id: str, context: RequestContext) -> None: ...


class MessageFiles:
    """Claims, verifies and accepts; four requests a file to DynamoDB and three to S3, all files at once."""

    def __init__(self, store: ClaimingStore, files: S3AttachmentStore[RequestContext]) -> None:
        self._store = store
        self._files = files

    def check_ids(self, attachment_ids: Sequence[str]) -> None:
        """Raise InvalidRequestError, or the AttachmentError for too many files."""
        self._files.policy.check_count(len(attachment_ids))
        if len(set(attachment_ids)) < len(attachment_ids):
            raise InvalidRequestError("params.input.attachments: the same file twice in one message")

    async def take(self, attachment_ids: Sequence[str], context: RequestContext) -> None:
        """Take all files of one message, or none.

        Raises InvalidRequestError, NotFoundRequestError, ConflictError, or the AttachmentError that says what is wrong
        with a file.
        """
        self.check_ids(attachment_ids)
        taken = await asyncio.gather(
            *(self._take(attachment_id, context) for attachment_id in attachment_ids), return_exceptions=True
        )
        failure = next((result for result in taken if isinstance(result, BaseException)), None)
        if failure is not None:
            await asyncio.gather(
                *(self._give_back(taken_id, context) for taken_id in taken if isinstance(taken_id, str))
            )
            raise failure

    async def release(self, attachment_ids: Sequence[str], context: RequestContext) -> None:
        """Give up files that this turn took, so that another message can have them; those of a stored message stay."""
        await asyncio.gather(*(self._release(attachment_id, context) for attachment_id in attachment_ids))

    async def _give_back(self, attachment_id: str, context: RequestContext) -> None:
        await self._store.release_attachment(attachment_id, context.turn_id, context)

    async def check_delete(self, attachment_id: str, context: RequestContext) -> None:
        """Raise LinkedError when the file belongs to a message; one that does not exist may be deleted."""
        try:
            attachment = await self._store.load_attachment(attachment_id, context)
        except NotFoundError:
            return
        self._files.check_delete(attachment)

    async def _release(self, attachment_id: str, context: RequestContext) -> None:
        try:
            attachment = await self._store.load_attachment(attachment_id, context)
        except NotFoundError:
            return
        if attachment.thread_id:  # ChatKit links a file to the thread before it stores the message
            if await self._is_sent(attachment_id, attachment.thread_id, context):
                return
            await self._store.save_attachment(attachment.model_copy(update={"thread_id": None}), context)
        await self._give_back(attachment_id, context)

    async def _is_sent(self, attachment_id: str, thread_id: str, context: RequestContext) -> bool:
        newest = await self._store.load_thread_items(thread_id, None, NEWEST_ITEMS, "desc", context)
        messages = [item for item in newest.data if isinstance(item, UserMessageItem)]
        return any(attachment_id == file.id for message in messages for file in message.attachments)

    async def _take(self, attachment_id: str, context: RequestContext) -> str:
        try:
            await self._store.claim_attachment(attachment_id, context.turn_id, context)
        except NotFoundError as error:
            raise NotFoundRequestError(f"Attachment {attachment_id} not found: upload it again") from error
        except AttachmentClaimedError as error:
            raise ConflictError(f"attachment {attachment_id} belongs to another message already") from error
        try:
            attachment = await self._store.load_attachment(attachment_id, context)
            accepted = await self._files.accept(await self._files.verify(attachment, context), context)
            await self._store.save_attachment(accepted, context)
        except BaseException:
            await self._give_back(attachment_id, context)
            raise
        return attachment_id
