"""Model input: accepted files as parts of a message in OpenAI's Responses API.

    class Converter(ThreadItemConverter):
        def __init__(self, files):
            self.files = files                                # ModelInput(store, context), one per turn

        async def attachment_to_message_content(self, attachment):
            return await self.files.part(attachment)

Images, PDFs and Office documents are sent inline as base64 up to a size, under a name whose extension fits their type.
Larger ones are sent as a presigned URL if `file_urls` is set and the bucket is not local. Text is sent as text in an
envelope, shortened to a stated length, and with the name of its encoding if that is a guess. A file that cannot be
sent becomes a note to the model instead of an exception: its message is already stored, so every later turn of the
thread would fail.

Every turn sends the files of its thread again, so a turn has a budget in addition to the limit per file. It bounds the
memory, which is about four times a file's size for base64 and JSON, however many files a thread has.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chatkit.types import FileAttachment, GeneratedImage, ImageAttachment

from attachments_s3 import content
from attachments_s3.acceptance import Stage, UploadState
from attachments_s3.envelope import Envelope
from attachments_s3.errors import GoneError, megabytes
from attachments_s3.policy import FileType, Kind
from attachments_s3.store import S3AttachmentStore
from attachments_s3.text import decode

if TYPE_CHECKING:
    from openai.types.responses import (
        ResponseInputContentParam,
        ResponseInputFileParam,
        ResponseInputImageParam,
        ResponseInputTextParam,
    )

TContext = TypeVar("TContext")


@dataclass(frozen=True)
class ModelLimits:
    """Limits in bytes: per file and in total for one turn.

    `url_seconds` is as long as a Lambda turn can last, because tools make the model read its input again.
    """

    file_urls: bool = False
    url_seconds: int = 900
    inline_bytes: int = 6_000_000
    inline_total_bytes: int = 24_000_000
    text_bytes: int = 100_000
    text_total_bytes: int = 400_000


class ModelInput(Generic[TContext]):
    """Converts the files of one turn, which share its budget and its envelopes."""

    def __init__(
        self,
        store: S3AttachmentStore[TContext],
        context: TContext,
        limits: ModelLimits | None = None,
        envelope: Envelope | None = None,
    ) -> None:
        self._store = store
        self._context = context
        self._limits = limits or ModelLimits()
        self.envelope = envelope or Envelope()
        self._inline_left = self._limits.inline_total_bytes
        self._text_left = self._limits.text_total_bytes

    async def part(self, attachment: FileAttachment | ImageAttachment) -> ResponseInputContentParam:
        """Return an attachment as one part of the user's message. Raises StorageError."""
        state, file_type = UploadState.of(attachment), self._store.policy.type_of(attachment.mime_type)
        if state is None or state.stage is not Stage.STORED:
            return self._note(attachment, "it was never uploaded completely")
        if file_type is None:
            return self._note(attachment, "files of its type cannot be read by the assistant")
        try:
            if file_type.kind is Kind.TEXT:
                return await self._text(attachment, state.size)
            return await self._binary(attachment, file_type, state.size)
        except GoneError:
            return self._note(attachment, "it is missing from the storage")

    async def generated_image(self, image: GeneratedImage) -> ResponseInputContentParam | None:
        """Return an image that the model made earlier, or None if it cannot be sent again. Raises StorageError."""
        if (limit := min(self._limits.inline_bytes, self._inline_left)) <= 0:
            return None
        try:
            data = await self._store.images.read(image.url, self._context, limit)
        except GoneError:
            return None
        if data is None:
            return None
        self._inline_left -= len(data)
        return _image(_data_url(content.mime_of(data[: content.HEAD_BYTES]) or "image/png", data))

    async def _binary(
        self, attachment: FileAttachment | ImageAttachment, file_type: FileType, size: int
    ) -> ResponseInputContentParam:
        if size <= min(self._limits.inline_bytes, self._inline_left):
            self._inline_left -= size
            data = await self._store.read(attachment, self._context, size)
            url = _data_url(attachment.mime_type, data)
            return (
                _image(url)
                if isinstance(attachment, ImageAttachment)
                else _file(file_type.fitted(attachment.name), url)
            )
        if self._limits.file_urls and not self._store.is_local:
            url = await self._store.url(attachment, self._context, self._limits.url_seconds)
            return _image(url) if isinstance(attachment, ImageAttachment) else _file_by_url(url)
        return self._note(attachment, f"it is too large to be sent to the assistant ({megabytes(size)})")

    async def _text(self, attachment: FileAttachment | ImageAttachment, size: int) -> ResponseInputTextParam:
        limit = min(size, self._limits.text_bytes, self._text_left)
        if limit <= 0:
            return self._note(attachment, "the files of this conversation are too long to be read together")
        self._text_left -= limit
        data = await self._store.read(attachment, self._context, limit)
        text, guessed = decode(data)
        cut = f"\n[cut here: the first {limit} of {size} bytes]" if limit < size else ""
        facts: dict[str, Any] = {"name": attachment.name, "type": attachment.mime_type, "bytes": size}
        if guessed:
            facts["encoding"] = f"{guessed} (guessed, so some characters can be wrong)"
        return {"type": "input_text", "text": self.envelope.wrap("file", text, **facts) + cut}

    def _note(self, attachment: FileAttachment | ImageAttachment, reason: str) -> ResponseInputTextParam:
        named = self.envelope.empty("file", name=attachment.name, type=attachment.mime_type)
        text = f"{named}\n[The user attached this file, but {reason}. Tell the user if it matters.]"
        return {"type": "input_text", "text": text}


def _image(url: str) -> ResponseInputImageParam:
    return {"type": "input_image", "image_url": url, "detail": "auto"}


def _file(name: str, data_url: str) -> ResponseInputFileParam:
    return {"type": "input_file", "filename": name, "file_data": data_url}


def _file_by_url(url: str) -> ResponseInputFileParam:
    return {"type": "input_file", "file_url": url}


def _data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode('ascii')}"
