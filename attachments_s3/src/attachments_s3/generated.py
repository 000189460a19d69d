"""Images made by the model: stored in S3 instead of as data URLs in thread items.

    class Converter(ResponseStreamConverter):
        async def base64_image_to_url(self, image_id, base64_image, partial_image_index=None):
            partial = partial_image_index is not None
            return await files.images.put(base64_image, self.context, partial=partial)

`put` returns a signed URL that expires. Before the item is written, `strip_urls` replaces it by a reference, and
`sign_urls` signs it again when the item is read (see `previews`).
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
from attachments_s3.policy import Kind, Policy
from attachments_s3.previews import generated_id

TContext = TypeVar("TContext")

NAME = "generated image"


class GeneratedImages(Generic[TContext]):
    """Generated images of one bucket, under `generated/{user}/{image}`; created as `S3AttachmentStore.images`.

    `on_stored(size, mime_type)` is called for each image, with its size in bytes.
    """

    def __init__(
        self,
        bucket: Bucket,
        user_of: Callable[[TContext], str],
        policy: Policy,
        url_seconds: int,
        clock: Callable[[], datetime],
        on_stored: Callable[[int, str], None],
    ) -> None:
        self._bucket = bucket
        self._user_of = user_of
        self._policy = policy
        self._url_seconds = url_seconds
        self._clock = clock
        self._on_stored = on_stored

    async def put(self, image: str, context: TContext, *, partial: bool = False) -> str:
        """Store a base64 image with one request to S3 and return a signed URL.

        A partial image is shown only until the next one, so it goes under pending/, where a lifecycle rule removes it.
        Raises NotAnImageError unless it is a raster image of an allowed type, StorageError.
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
        self._on_stored(len(data), file_type.mime_type)
        return self._bucket.presign_get(key, self._url_seconds)

    async def read(self, url: str, context: TContext, limit: int) -> bytes | None:
        """Return the image of a thread item's URL; None for a foreign URL or an image of more than `limit` bytes.

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
