"""Images that the model makes: into S3 instead of, as data URLs, into thread items.

    class Converter(ResponseStreamConverter):
        async def base64_image_to_url(self, image_id, base64_image, partial_image_index=None):
            partial = partial_image_index is not None
            return await store.images.put(base64_image, self.context, partial=partial)

The URL that `put` returns is signed and expires; the thread store's `strip_urls` hook replaces it by a reference before
the item is written, and `sign_urls` signs it anew on load (see `previews`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from attachments_s3 import content, keys
from attachments_s3.bucket import Bucket
from attachments_s3.errors import GoneError, NotAnImageError, ObjectMissingError
from attachments_s3.events import Action, Event, OnEvent
from attachments_s3.policy import Kind, Policy
from attachments_s3.previews import generated_id

TContext = TypeVar("TContext")

NAME = "generated image"


class GeneratedImages(Generic[TContext]):
    """Generated images of one bucket, under `generated/{user}/{image}`; `S3AttachmentStore.images` is one."""

    def __init__(
        self,
        bucket: Bucket,
        user_of: Callable[[TContext], str],
        policy: Policy,
        url_seconds: int,
        clock: Callable[[], datetime],
        on_event: OnEvent,
    ) -> None:
        self._bucket = bucket
        self._user_of = user_of
        self._policy = policy
        self._url_seconds = url_seconds
        self._clock = clock
        self._on_event = on_event

    async def put(self, image: str, context: TContext, *, partial: bool = False) -> str:
        """Store an image given in base64 (one request to S3), and return a signed URL of it.

        A partial image is shown only until the next one: it goes under pending/, where a lifecycle rule removes it.
        Raises NotAnImageError when it is no raster image, StorageError.
        """
        try:
            data = base64.b64decode(image, validate=True)
        except binascii.Error as exc:
            raise NotAnImageError(len(image)) from exc
        file_type = self._policy.type_of(content.mime_of(data[: content.HEAD_BYTES]) or "")
        if file_type is None or file_type.kind is not Kind.IMAGE:
            raise NotAnImageError(len(image))
        key_of = keys.pending_key if partial else keys.generated_key
        key = key_of(self._user_of(context), keys.new_id("img", self._clock()))
        disposition = self._policy.content_disposition(NAME, file_type)
        await self._bucket.put(key, data, file_type.mime_type, disposition)
        self._on_event(Event(Action.GENERATED, len(data), file_type.mime_type))
        return self._bucket.presign_get(key, self._url_seconds)

    async def read(self, url: str, context: TContext, limit: int) -> bytes | None:
        """Return the image behind a thread item's URL, or None when it is not ours or has more than `limit` bytes.

        Raises GoneError, StorageError.
        """
        image_id = generated_id(url)
        if image_id is None:
            return None
        try:
            found = await self._bucket.read(keys.generated_key(self._user_of(context), image_id), limit)
        except ObjectMissingError as exc:
            raise GoneError(image_id, NAME) from exc
        return found.data if found.size <= limit else None
