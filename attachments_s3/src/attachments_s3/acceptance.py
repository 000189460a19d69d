"""Acceptance of an uploaded file: verified, then copied to a key that no presigned URL can write.

    PENDING ── verify: size, type, first and last bytes; keeps the version's ETag ──► PENDING with an ETag
            ── accept: copies that version to files/, deletes pending/ ────► STORED

Both steps can be repeated. If `pending/` is empty or `files/` is taken, an earlier attempt may have copied the file
without its record being saved, so both look at `files/`. That key is written once (`IfNoneMatch: *`), so nothing read
from it ever changes.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar, cast

from chatkit.types import FileAttachment, ImageAttachment

from attachments_s3 import completeness, content, keys
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
from attachments_s3.policy import FileType, Kind, Policy

AnyFile = FileAttachment | ImageAttachment
AnyAttachment = TypeVar("AnyAttachment", FileAttachment, ImageAttachment, FileAttachment | ImageAttachment)

FIELD = "s3"  # key in `Attachment.metadata`; all other keys belong to the application

logger = logging.getLogger(__name__)


class Stage(StrEnum):
    """Place of the bytes. The values are stored."""

    PENDING = "pending"  # under pending/, if they have arrived
    STORED = "stored"  # under files/


@dataclass(frozen=True, slots=True)
class UploadState:
    """State of one file, kept in `Attachment.metadata`, which ChatKit stores and never sends to a client.

    `size` in bytes is the declared one; `etag` is the verified version's and empty before the verification.
    """

    size: int
    stage: Stage = Stage.PENDING
    etag: str = ""

    @classmethod
    def of(cls, attachment: AnyFile) -> UploadState | None:
        """Return an attachment's state; None if another attachment store made it."""
        fields = cast("dict[str, Any] | None", (attachment.metadata or {}).get(FIELD))
        return cls(int(fields["size"]), Stage(fields["state"]), str(fields["etag"])) if fields else None

    def metadata(self, old: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return an attachment's metadata with this state in it."""
        return {**(old or {}), FIELD: {"size": self.size, "state": self.stage.value, "etag": self.etag}}


class Acceptance:
    """The two steps for one bucket under one policy."""

    def __init__(self, bucket: Bucket, policy: Policy) -> None:
        self._bucket = bucket
        self._policy = policy

    async def verify(self, attachment: AnyFile, user_id: str) -> UploadState:
        """Check the uploaded object against its declaration and return a state pinned to that version's ETag."""
        state, file_type = self._known(attachment)
        if state.stage is Stage.STORED:
            await self.stored(attachment, user_id)
            return state
        try:
            found, tail = await self._read_ends(keys.pending_key(user_id, attachment.id), file_type, state.size)
        except ObjectMissingError as exc:
            with suppress(GoneError):
                return await self._accepted_before(attachment, state, user_id)
            raise NotUploadedError(attachment.id, attachment.name) from exc
        _compare(attachment, state, found)
        if tail.etag != found.etag:
            raise UploadChangedError(attachment.id, attachment.name)
        content.check(attachment.name, found.data, file_type, max_pixels=self._policy.max_pixels)
        completeness.check(attachment.name, file_type, size=found.size, head=found.data, tail=tail.data)
        return replace(state, etag=found.etag)

    async def accept(self, attachment: AnyFile, user_id: str) -> UploadState:
        """Copy the verified version and return the copy's state. Raises ValueError for an unverified attachment."""
        state, file_type = self._known(attachment)
        if not state.etag:
            raise ValueError(f"attachment {attachment.id} was not verified")
        if state.stage is Stage.STORED:
            return state
        source, target = keys.attachment_keys(user_id, attachment.id)
        disposition = self._policy.content_disposition(attachment.name, file_type)
        try:
            etag = await self._bucket.copy(source, target, state.etag, file_type.mime_type, disposition)
        except (PreconditionError, ObjectMissingError) as exc:
            with suppress(GoneError):
                return await self._accepted_before(attachment, state, user_id)
            raise UploadChangedError(attachment.id, attachment.name) from exc
        try:
            await self._bucket.delete(source)
        except StorageError as exc:  # the lifecycle rule deletes it later
            logger.warning("a pending object was not deleted: %s", exc.aws_code, extra={"attachment_id": attachment.id})
        return replace(state, etag=etag, stage=Stage.STORED)

    async def stored(self, attachment: AnyFile, user_id: str) -> Stored:
        """Return an accepted file's object without its bytes. Raises GoneError."""
        try:
            return await self._bucket.read(keys.file_key(user_id, attachment.id), 1)
        except ObjectMissingError as exc:
            raise GoneError(attachment.id, attachment.name) from exc

    async def _accepted_before(self, attachment: AnyFile, state: UploadState, user_id: str) -> UploadState:
        found = await self.stored(attachment, user_id)
        _compare(attachment, state, found)
        return replace(state, etag=found.etag, stage=Stage.STORED)

    async def _read_ends(self, key: str, file_type: FileType, size: int) -> tuple[Stored, Stored]:
        """Return the beginning and the end of an object; one request if the beginning is the whole."""
        limit = content.LONG_HEAD_BYTES if file_type.kind is Kind.IMAGE else content.HEAD_BYTES
        head = self._bucket.read(key, limit)
        if size <= limit or file_type.kind is Kind.TEXT:
            return (found := await head), found
        tail = self._bucket.read_end(key, max(size - completeness.TAIL_BYTES, 0))
        return await asyncio.gather(head, tail)

    def _known(self, attachment: AnyFile) -> tuple[UploadState, FileType]:
        state, file_type = UploadState.of(attachment), self._policy.type_of(attachment.mime_type)
        if state is None:
            raise NotUploadedError(attachment.id, attachment.name)
        if file_type is None:
            raise TypeNotAllowedError(attachment.name, attachment.mime_type)
        return state, file_type


def _compare(attachment: AnyFile, state: UploadState, found: Stored) -> None:
    if found.size != state.size:
        raise UploadMismatchError(attachment.id, attachment.name, f"{state.size} bytes", f"{found.size}")
    if found.mime_type != attachment.mime_type:
        raise UploadMismatchError(attachment.id, attachment.name, attachment.mime_type, found.mime_type or "no type")
    if found.encoding:  # S3 lets an uploader add it unsigned, and readers would then see other bytes than we checked
        raise UploadMismatchError(attachment.id, attachment.name, "no encoding", found.encoding)
