"""Files of a ChatKit server in S3: a presigned upload, verified and copied when a message refers to it.

    store = S3AttachmentStore(bucket="files", client=s3, user_of=lambda ctx: ctx.user_id)
    server = ChatKitServer(thread_store, attachment_store=store)

    attachments.create ─ create_attachment ──► upload_descriptor {PUT, url, headers}
    the browser PUTs ──► pending/{user}/{id}
    a message refers to it ─ verify ─► size, type, first bytes ─ accept ─► files/{user}/{id}, descriptor gone

ChatKit has no "upload done" call, so `verify` and `accept` run before ChatKit processes the message. The URL may still
be alive then: `accept` copies the version that was verified (`CopySourceIfMatch`) to a key that nobody has a URL to
write, and only once (`IfNoneMatch`); everything is read from there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from chatkit.store import AttachmentStore
from chatkit.types import (
    AttachmentCreateParams,
    AttachmentUploadDescriptor,
    FileAttachment,
    ImageAttachment,
)
from pydantic import AnyUrl, BaseModel

from attachments_s3 import content, events, keys
from attachments_s3.acceptance import Acceptance, AnyFile
from attachments_s3.bucket import Bucket
from attachments_s3.errors import GoneError, LinkedError, ObjectMissingError, RefusedError
from attachments_s3.events import Action, Event, OnEvent
from attachments_s3.generated import GeneratedImages
from attachments_s3.policy import FileType, Kind, Policy
from attachments_s3.previews import PREVIEW, Previews
from attachments_s3.record import Record

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TContext = TypeVar("TContext")
TModel = TypeVar("TModel", bound=BaseModel)
MAX_UPLOAD_SECONDS = 600  # promise A1


class S3AttachmentStore(AttachmentStore[TContext]):
    """ChatKit's AttachmentStore on one S3 bucket.

    Keys: `pending/{user}/{id}`, `files/{user}/{id}`, `generated/{user}/{id}` (see `keys`). S3 is strongly consistent:
    what was PUT is seen at once. Needs `s3:GetObject`, `s3:PutObject` and `s3:DeleteObject` on the three prefixes, and
    no right on the bucket. Thread-safe as boto3's clients are. Whoever made the client closes it.
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
        on_event: OnEvent = events.ignore,
    ) -> None:
        if not 0 < upload_seconds <= MAX_UPLOAD_SECONDS:
            raise ValueError(f"upload_seconds is {upload_seconds}; allowed: 1 to {MAX_UPLOAD_SECONDS}")
        self.policy = policy or Policy()
        self._bucket = Bucket(bucket, client)
        self._user_of = user_of
        self._previews = Previews(self._bucket, user_of, preview_seconds)
        self.images = GeneratedImages(self._bucket, user_of, self.policy, preview_seconds, clock, on_event)
        self._acceptance = Acceptance(self._bucket, self.policy)
        self._upload_seconds = upload_seconds
        self._clock = clock
        self._on_event = on_event

    # ── the upload ──────────────────────────────────────────────────────────────────────────────────────────────────

    def generate_attachment_id(self, mime_type: str, context: TContext) -> str:
        """Return a new id: ordered by time, with 80 random bits (ChatKit's own has 32)."""
        return keys.new_id("atc", self._clock())

    async def create_attachment(self, input: AttachmentCreateParams, context: TContext) -> AnyFile:
        """Check the declaration and hand out a presigned PUT. No request to S3.

        Raises RefusedError: InvalidNameError, TypeNotAllowedError, InvalidSizeError, TooLargeError.
        """
        with self._refusals():
            name, file_type = self.policy.check(input.name, input.mime_type, input.size)
        attachment = self._new(name, file_type, Record(input.size), context)
        url = self._bucket.presign_put(
            keys.pending_key(self._user_of(context), attachment.id),
            file_type.mime_type,
            input.size,
            self._upload_seconds,
        )
        # Only what a script may set: the browser itself sends Content-Length, which is signed as well.
        headers = {"Content-Type": file_type.mime_type}
        descriptor = AttachmentUploadDescriptor(url=AnyUrl(url), method="PUT", headers=headers)
        self._on_event(Event(Action.CREATED, input.size, file_type.mime_type))
        return attachment.model_copy(update={"upload_descriptor": descriptor})

    async def put(self, name: str, mime_type: str, data: bytes, context: TContext) -> AnyFile:
        """Take a file's bytes directly (one request to S3); it then waits under pending/ like any other.

        Raises RefusedError as `create_attachment` and `verify` do, StorageError.
        """
        with self._refusals():
            name, file_type = self.policy.check(name, mime_type, len(data))
            head = data[: content.LONG_HEAD_BYTES if file_type.kind is Kind.IMAGE else content.HEAD_BYTES]
            content.check(name, head, file_type, max_pixels=self.policy.max_pixels)
        attachment = self._new(name, file_type, Record(len(data)), context)
        key = keys.pending_key(self._user_of(context), attachment.id)
        await self._bucket.put(key, data, file_type.mime_type, self.policy.content_disposition(name, file_type))
        self._on_event(Event(Action.UPLOADED, len(data), file_type.mime_type))
        return attachment

    def check_id(self, attachment_id: str) -> None:
        """Raise InvalidIdError for an id that no file of this store can have."""
        with self._refusals():
            keys.escape(attachment_id)

    # ── the message ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def verify(self, attachment: AnyFile, context: TContext) -> AnyFile:
        """Compare what arrived with what was declared, and return the attachment bound to that version.

        One request to S3 (a JPEG with much metadata: two). An attachment that was accepted before is looked up only.
        Raises RefusedError: NotUploadedError, GoneError, UploadMismatchError, ContentMismatchError, ImageTooLargeError.
        """
        with self._refusals():
            record = await self._acceptance.verify(attachment, self._user_of(context))
        self._on_event(Event(Action.VERIFIED, record.size, attachment.mime_type))
        return attachment.model_copy(update={"metadata": record.metadata(attachment.metadata)})

    async def accept(self, attachment: AnyFile, context: TContext) -> AnyFile:
        """Move a verified file to where nobody can write it, and return the attachment without its descriptor.

        Two requests to S3; none when it was accepted before, so that the same turn may try again.
        Raises RefusedError: UploadChangedError, NotUploadedError; ValueError for an attachment that was not verified.
        """
        with self._refusals():
            record = await self._acceptance.accept(attachment, self._user_of(context))
        if record != Record.of(attachment):
            self._on_event(Event(Action.ACCEPTED, record.size, attachment.mime_type))
        update = {"upload_descriptor": None, "metadata": record.metadata(attachment.metadata)}
        return self._previews.sign_urls(attachment.model_copy(update=update), context)

    def check_delete(self, attachment: AnyFile) -> None:
        """Raise LinkedError for a file that belongs to a message: only the composer's files are deleted one by one."""
        if attachment.thread_id:
            with self._refusals():
                raise LinkedError(attachment.id, attachment.name, attachment.thread_id)

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete a file in whatever state; one that does not exist, or is another user's, is no error."""
        await self._bucket.delete(*keys.attachment_keys(self._user_of(context), attachment_id))
        self._on_event(Event(Action.DELETED))

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def read(self, attachment: AnyFile, context: TContext, limit: int) -> bytes:
        """Return an accepted file's first bytes, at most `limit` (one request). Raises GoneError, StorageError."""
        try:
            return (await self._bucket.read(self._file_key(attachment, context), limit)).data
        except ObjectMissingError as exc:
            raise GoneError(attachment.id, attachment.name) from exc

    async def url(self, attachment: AnyFile, context: TContext, seconds: int) -> str:
        """Return a URL that serves an accepted file for `seconds` (one request). Raises GoneError, StorageError."""
        await self._acceptance.stored(attachment, self._user_of(context))
        return self._bucket.presign_get(self._file_key(attachment, context), seconds)

    @property
    def is_local(self) -> bool:
        """Say whether the bucket is on this machine, so that nobody outside can follow its URLs."""
        return self._bucket.is_local

    def sign_urls(self, model: TModel, context: TContext) -> TModel:
        """Mint the URLs of a thread item or attachment: the thread store's hook after reading."""
        return self._previews.sign_urls(model, context)

    def strip_urls(self, model: TModel) -> TModel:
        """Drop descriptors and expiring URLs from a thread item or attachment: the hook before writing."""
        return self._previews.strip_urls(model)

    # ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _new(self, name: str, file_type: FileType, record: Record, context: TContext) -> AnyFile:
        attachment_id = self.generate_attachment_id(file_type.mime_type, context)
        facts = {"id": attachment_id, "name": name, "mime_type": file_type.mime_type, "metadata": record.metadata()}
        if file_type.kind is not Kind.IMAGE:
            return FileAttachment.model_validate(facts)
        image = ImageAttachment.model_validate({**facts, "preview_url": PREVIEW})
        return self._previews.sign_urls(image, context)

    def _file_key(self, attachment: AnyFile, context: TContext) -> str:
        return keys.file_key(self._user_of(context), attachment.id)

    @contextmanager
    def _refusals(self) -> Generator[None]:
        try:
            yield
        except RefusedError as exc:
            self._on_event(Event(Action.REFUSED, reason=exc.code))
            raise
