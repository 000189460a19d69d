"""What happens to a file when a message refers to it: verified, then copied to where nobody can write.

    PENDING ── verify: size, type, first bytes; remembers the version ──► PENDING with an ETag
            ── accept: copies that version to files/, deletes pending/ ─► STORED

Both may be repeated: whoever finds `pending/` empty, or `files/` taken, looks whether an earlier attempt, whose record
was never saved, has been here. `files/` is written once (`IfNoneMatch: *`), so nothing read from it ever changes.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace

from chatkit.types import FileAttachment, ImageAttachment

from attachments_s3 import content, keys
from attachments_s3.bucket import Bucket, Stored
from attachments_s3.errors import (
    GoneError,
    NotUploadedError,
    ObjectMissingError,
    PreconditionError,
    StorageError,
    TypeNotAllowedError,
    UploadChangedError,
    UploadMismatchError,
)
from attachments_s3.policy import FileType, Policy
from attachments_s3.record import Record, State

AnyFile = FileAttachment | ImageAttachment

logger = logging.getLogger(__name__)


class Acceptance:
    """The two steps for one bucket under one policy."""

    def __init__(self, bucket: Bucket, policy: Policy) -> None:
        self._bucket = bucket
        self._policy = policy

    async def verify(self, attachment: AnyFile, user_id: str) -> Record:
        """Return the record of the version that was found to be what was declared."""
        record, file_type = self._known(attachment)
        if record.state is State.STORED:
            await self.stored(attachment, user_id)
            return record
        try:
            found = await self._read_head(keys.pending_key(user_id, attachment.id), file_type)
        except ObjectMissingError as exc:
            with suppress(GoneError):
                return await self._accepted_before(attachment, record, user_id)
            raise NotUploadedError(attachment.id, attachment.name) from exc
        _compare(attachment, record, found)
        content.check(attachment.name, found.data, file_type, max_pixels=self._policy.max_pixels)
        return replace(record, etag=found.etag)

    async def accept(self, attachment: AnyFile, user_id: str) -> Record:
        """Return the record of the copy. Raises ValueError for an attachment that was not verified."""
        record, file_type = self._known(attachment)
        if not record.etag:
            raise ValueError(f"attachment {attachment.id} was not verified")
        if record.state is State.STORED:
            return record
        source, target = keys.attachment_keys(user_id, attachment.id)
        disposition = self._policy.content_disposition(attachment.name, file_type)
        try:
            etag = await self._bucket.copy(source, target, record.etag, file_type.mime_type, disposition)
        except (PreconditionError, ObjectMissingError) as exc:
            with suppress(GoneError):
                return await self._accepted_before(attachment, record, user_id)
            raise UploadChangedError(attachment.id, attachment.name) from exc
        try:
            await self._bucket.delete(source)
        except StorageError as exc:  # the lifecycle rule will do it
            logger.warning("a pending object stays: %s", exc.aws_code, extra={"attachment_id": attachment.id})
        return replace(record, etag=etag, state=State.STORED)

    async def stored(self, attachment: AnyFile, user_id: str) -> Stored:
        """Return the facts of an accepted file. Raises GoneError."""
        try:
            return await self._bucket.read(keys.file_key(user_id, attachment.id), 1)
        except ObjectMissingError as exc:
            raise GoneError(attachment.id, attachment.name) from exc

    async def _accepted_before(self, attachment: AnyFile, record: Record, user_id: str) -> Record:
        found = await self.stored(attachment, user_id)
        _compare(attachment, record, found)
        return replace(record, etag=found.etag, state=State.STORED)

    async def _read_head(self, key: str, file_type: FileType) -> Stored:
        found = await self._bucket.read(key, content.HEAD_BYTES)
        more = content.needs_more(found.data, file_type)
        return await self._bucket.read(key, content.LONG_HEAD_BYTES) if more else found

    def _known(self, attachment: AnyFile) -> tuple[Record, FileType]:
        record, file_type = Record.of(attachment), self._policy.type_of(attachment.mime_type)
        if record is None:
            raise NotUploadedError(attachment.id, attachment.name)
        if file_type is None:
            raise TypeNotAllowedError(attachment.name, attachment.mime_type)
        return record, file_type


def _compare(attachment: AnyFile, record: Record, found: Stored) -> None:
    if found.size != record.size:
        raise UploadMismatchError(attachment.id, attachment.name, f"{record.size} bytes", f"{found.size}")
    if found.mime_type != attachment.mime_type:
        raise UploadMismatchError(attachment.id, attachment.name, attachment.mime_type, found.mime_type or "no type")
    if found.encoding:  # S3 lets whoever uploads add it unsigned, and a reader would see other bytes than we checked
        raise UploadMismatchError(attachment.id, attachment.name, "no encoding", found.encoding)
