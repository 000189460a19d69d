"""ChatKit's AttachmentStore on S3: a presigned upload, verified and copied when a message refers to it.

    files = S3AttachmentStore[Context](bucket="chat-files", client=s3, user_of=lambda context: context.user_id)
    store = DynamoStore[Context](..., after_read=files.sign_urls, before_write=files.strip_urls)
    server = Server(store, attachment_store=files)    # a ChatKitServer with the mixin VerifiedAttachments

    attachments.create ─ create_attachment ──► upload_descriptor {PUT, url, headers}
    the browser PUTs ──► pending/{user}/{id}
    a message names it ─ verify ─► size, type, first bytes ─ accept ─► files/{user}/{id}, descriptor removed

ChatKit has no "upload done" call, so files are verified and accepted before ChatKit processes their message (see
`message_files`). The upload URL can still be valid then. `accept` therefore copies the verified version
(`CopySourceIfMatch`) once (`IfNoneMatch`) to a key that no URL can write, and all reads use that key.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from chatkit.store import AttachmentStore
from chatkit.types import (
    AttachmentCreateParams,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
)
from pydantic import AnyUrl, BaseModel

from attachments_s3 import completeness, content, keys
from attachments_s3.acceptance import Acceptance, AnyFile, Stage, UploadState
from attachments_s3.bucket import THREADS, Bucket
from attachments_s3.errors import (
    GoneError,
    InfectedError,
    LinkedError,
    ObjectMissingError,
    RefusedError,
    UploadChangedError,
)
from attachments_s3.generated import GeneratedImages
from attachments_s3.policy import FileType, Kind, Policy
from attachments_s3.previews import PREVIEW, Previews
from attachments_s3.scan import ScannedFile, SupportsScan, find_threat

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TContext = TypeVar("TContext")
TModel = TypeVar("TModel", bound=BaseModel)
MAX_UPLOAD_SECONDS = 600


class Action(StrEnum):
    """Something that happened to a file."""

    CREATED = "created"  # a presigned upload was returned
    UPLOADED = "uploaded"  # the bytes came through `put`
    VERIFIED = "verified"
    ACCEPTED = "accepted"
    DELETED = "deleted"
    GENERATED = "generated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """One action, for metrics; without name, URL and key.

    `size` is in bytes where known; `reason` is the error's `code` if the file was refused.
    """

    action: Action
    size: int = 0
    mime_type: str = ""
    reason: str = ""


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing."""


class S3AttachmentStore(AttachmentStore[TContext]):
    """ChatKit's AttachmentStore on one S3 bucket, generic over the context.

    Keys: `pending/{user}/{id}`, `files/{user}/{id}` and `generated/{user}/{id}` (see `keys`).
    Isolation: `user_of(context)` is in every key; another user's objects cannot be addressed.
    Consistency: S3 is strongly consistent, so an upload is visible as soon as it ends.
    Limits: see `policy`; a presigned upload is valid for at most 600 seconds.
    Errors: see `errors`.

    IAM: s3:GetObject, s3:PutObject and s3:DeleteObject on the three prefixes, nothing on the bucket itself.

    `on_event` is called in the event loop after each action and must be quick. Thread-safe as boto3's clients are. The
    caller makes the client, with `s3_config`, and closes it. Requests run in `threads`, which must not run an
    application's own blocking calls.
    """

    def __init__(
        self,
        *,
        bucket: str,
        client: S3Client,
        user_of: Callable[[TContext], str],
        policy: Policy | None = None,
        upload_seconds: int = MAX_UPLOAD_SECONDS,
        preview_seconds: int = 3600,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_event: OnEvent = ignore,
        threads: Executor = THREADS,
    ) -> None:
        if not 0 < upload_seconds <= MAX_UPLOAD_SECONDS:
            raise ValueError(f"upload_seconds is {upload_seconds}; allowed: 1 to {MAX_UPLOAD_SECONDS}")
        self.policy = policy or Policy()
        self._bucket = Bucket(bucket, client, threads)
        self._user_of = user_of
        self._previews = Previews(self._bucket, user_of, preview_seconds)
        self.images = GeneratedImages(
            self._bucket,
            user_of,
            self.policy,
            preview_seconds,
            clock,
            on_stored=lambda size, mime_type: on_event(Event(Action.GENERATED, size, mime_type)),
        )
        self._acceptance = Acceptance(self._bucket, self.policy)
        self._upload_seconds = upload_seconds
        self._clock = clock
        self._on_event = on_event

    # ── the upload ──────────────────────────────────────────────────────────────────────────────────────────────────

    def generate_attachment_id(self, mime_type: str, context: TContext) -> str:
        """Return a new id that sorts by time and has 80 random bits (ChatKit's default has 32)."""
        return keys.new_id("atc", self._clock())

    async def create_attachment(self, input: AttachmentCreateParams, context: TContext) -> AnyFile:
        """Check the declaration and return an attachment with a presigned PUT, without a request to S3.

        Raises RefusedError: InvalidNameError, TypeNotAllowedError, InvalidSizeError, TooLargeError.
        """
        with self.count_refusals():
            name, file_type = self.policy.check(input.name, input.mime_type, input.size)
        attachment = self._new(name, file_type, UploadState(input.size), context)
        url = self._bucket.presign_put(
            keys.pending_key(self._user_of(context), attachment.id),
            file_type.mime_type,
            input.size,
            self._upload_seconds,
        )
        # Scripts cannot set Content-Length, which is signed as well; the browser sends it itself.
        headers = {"Content-Type": file_type.mime_type}
        descriptor = AttachmentUploadDescriptor(url=AnyUrl(url), method="PUT", headers=headers)
        self._on_event(Event(Action.CREATED, input.size, file_type.mime_type))
        return attachment.model_copy(update={"upload_descriptor": descriptor})

    async def put(self, name: str, mime_type: str, data: bytes, context: TContext) -> AnyFile:
        """Store a file's bytes under pending/ with one request to S3; it is accepted with its message like any other.

        Raises RefusedError as `create_attachment` and `verify` do, StorageError.
        """
        with self.count_refusals():
            name, file_type = self.policy.check(name, mime_type, len(data))
            head = data[: content.LONG_HEAD_BYTES if file_type.kind is Kind.IMAGE else content.HEAD_BYTES]
            content.check(name, head, file_type, max_pixels=self.policy.max_pixels)
            completeness.check(name, file_type, size=len(data), head=data, tail=data[-completeness.TAIL_BYTES :])
        attachment = self._new(name, file_type, UploadState(len(data)), context)
        key = keys.pending_key(self._user_of(context), attachment.id)
        await self._bucket.put(key, data, file_type.mime_type, self.policy.content_disposition(name, file_type))
        self._on_event(Event(Action.UPLOADED, len(data), file_type.mime_type))
        return attachment

    def check_id(self, attachment_id: str) -> None:
        """Raise InvalidIdError for an id that no file of this store can have."""
        with self.count_refusals():
            keys.escape(attachment_id)

    # ── the message ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def verify(self, attachment: AnyFile, context: TContext) -> AnyFile:
        """Check the uploaded object against its declaration and return the attachment pinned to that version.

        One request to S3 (two for a JPEG with much metadata). For an accepted file, only its existence is checked.
        Raises RefusedError: NotUploadedError, GoneError, UploadMismatchError, ContentMismatchError, ImageTooLargeError.
        """
        with self.count_refusals():
            state = await self._acceptance.verify(attachment, self._user_of(context))
        self._on_event(Event(Action.VERIFIED, state.size, attachment.mime_type))
        return attachment.model_copy(update={"metadata": state.metadata(attachment.metadata)})

    async def scan(self, attachment: AnyFile, scanner: SupportsScan, context: TContext) -> None:
        """Let a scanner examine a verified file; an accepted one was scanned before.

        Raises ScanError, or InfectedError after the file's objects were deleted.
        """
        state = UploadState.of(attachment)
        if state is None or state.stage is Stage.STORED:
            return
        key = keys.pending_key(self._user_of(context), attachment.id)

        async def read() -> bytes:
            found = await self._bucket.read(key, state.size)
            if found.etag != state.etag:
                raise UploadChangedError(attachment.id, attachment.name)
            return found.data

        facts = (attachment.id, attachment.name, attachment.mime_type, state.size, self._bucket.name, key, state.etag)
        with self.count_refusals():
            threat = await find_threat(scanner, ScannedFile(*facts, read))
            if threat is None:
                return
            await self.delete_attachment(attachment.id, context)
            raise InfectedError(attachment.id, attachment.name, threat)

    async def accept(self, attachment: AnyFile, context: TContext) -> AnyFile:
        """Move a verified file to its final key and return the attachment without its upload descriptor.

        Two requests to S3; none for an accepted file, so that a message can be retried.
        Raises RefusedError: UploadChangedError, NotUploadedError; ValueError for an attachment that was not verified.
        """
        with self.count_refusals():
            state = await self._acceptance.accept(attachment, self._user_of(context))
        if state != UploadState.of(attachment):
            self._on_event(Event(Action.ACCEPTED, state.size, attachment.mime_type))
        update = {"upload_descriptor": None, "metadata": state.metadata(attachment.metadata)}
        return self._previews.sign_urls(attachment.model_copy(update=update), context)

    def check_delete(self, attachment: AnyFile) -> None:
        """Raise LinkedError for a file of a message; it is deleted with its thread."""
        if attachment.thread_id:
            with self.count_refusals():
                raise LinkedError(attachment.id, attachment.name, attachment.thread_id)

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete a file in any state. Succeeds for a file that does not exist or that another user has."""
        await self._bucket.delete(*keys.attachment_keys(self._user_of(context), attachment_id))
        self._on_event(Event(Action.DELETED))

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self, attachment: AnyFile, context: TContext, limit: int) -> bytes:
        """Return up to `limit` first bytes of an accepted file (one request). Raises GoneError, StorageError."""
        try:
            return (await self._bucket.read(self._file_key(attachment, context), limit)).data
        except ObjectMissingError as exc:
            raise GoneError(attachment.id, attachment.name) from exc

    async def url(self, attachment: AnyFile, context: TContext, seconds: int) -> str:
        """Return a URL of an accepted file that works for `seconds` (one request). Raises GoneError, StorageError."""
        await self._acceptance.stored(attachment, self._user_of(context))
        return self._bucket.presign_get(self._file_key(attachment, context), seconds)

    @property
    def is_local(self) -> bool:
        """Whether the bucket's URLs work on this machine or its network only."""
        return self._bucket.is_local

    def sign_urls(self, model: TModel, context: TContext) -> TModel:
        """Sign the URLs of a thread item or attachment; the thread store calls this after reading."""
        return self._previews.sign_urls(model, context)

    def strip_urls(self, model: TModel) -> TModel:
        """Remove upload descriptors and expiring URLs; the thread store calls this before writing."""
        return self._previews.strip_urls(model)

    # ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _new(self, name: str, file_type: FileType, state: UploadState, context: TContext) -> AnyFile:
        attachment_id = self.generate_attachment_id(file_type.mime_type, context)
        facts = {"id": attachment_id, "name": name, "mime_type": file_type.mime_type, "metadata": state.metadata()}
        if file_type.kind is not Kind.IMAGE:
            return FileAttachment.model_validate(facts)
        image = ImageAttachment.model_validate({**facts, "preview_url": PREVIEW})
        return self._previews.sign_urls(image, context)

    def _file_key(self, attachment: AnyFile, context: TContext) -> str:
        return keys.file_key(self._user_of(context), attachment.id)

    @contextmanager
    def count_refusals(self) -> Generator[None]:
        """Report a RefusedError of the code inside as an event."""
        try:
            yield
        except RefusedError as exc:
            self._on_event(Event(Action.REFUSED, reason=exc.code))
            raise
