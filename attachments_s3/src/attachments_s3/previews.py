"""URLs that expire: signed when a model is read, removed before it is written.

    DynamoStore[Context](..., after_read=files.sign_urls, before_write=files.strip_urls)

Both do no I/O (a signature takes half a millisecond of CPU). They take a thread item or an attachment, return a copy,
and leave all other models alone. The database holds references instead of URLs:

    ImageAttachment.preview_url     attachment:preview
    GeneratedImageItem.image.url    attachment:generated/{image id}

A reference is useless without the reader's own user id, because `sign_urls` signs for the user of the context only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from chatkit.types import FileAttachment, GeneratedImageItem, ImageAttachment, UserMessageItem
from pydantic import AnyUrl, BaseModel

from attachments_s3 import keys
from attachments_s3.acceptance import AnyAttachment, Stage, UploadState
from attachments_s3.bucket import Bucket
from attachments_s3.errors import DataUrlError

TContext = TypeVar("TContext")
TModel = TypeVar("TModel", bound=BaseModel)

PREVIEW = AnyUrl("attachment:preview")
GENERATED = "attachment:generated/"
_GENERATED_PATH = re.compile(rf"/{keys.GENERATED}/[\w.-]+/([\w-]+)$", re.ASCII)


class Previews(Generic[TContext]):
    """Signs and removes the URLs of one bucket."""

    def __init__(self, bucket: Bucket, user_of: Callable[[TContext], str], seconds: int) -> None:
        self._bucket = bucket
        self._user_of = user_of
        self._seconds = seconds

    def sign_urls(self, model: TModel, context: TContext) -> TModel:
        """Return a copy whose URLs work for `seconds`."""
        match model:
            case ImageAttachment() | FileAttachment():
                return self._signed(model, context)
            case UserMessageItem() if model.attachments:
                signed = [self._signed(a, context) for a in model.attachments]
                return model.model_copy(update={"attachments": signed})
            case GeneratedImageItem(image=image) if image and (image_id := generated_id(image.url)):
                url = self.generated_url(image_id, context)
                return model.model_copy(update={"image": image.model_copy(update={"url": url})})
            case _:
                return model

    def strip_urls(self, model: TModel) -> TModel:
        """Return a copy without upload descriptors and without URLs that expire.

        Raises DataUrlError for a generated image whose URL contains its bytes, which would put megabytes into the item.
        """
        match model:
            case ImageAttachment() | FileAttachment():
                return _stripped(model)
            case UserMessageItem() if model.attachments:
                return model.model_copy(update={"attachments": [_stripped(a) for a in model.attachments]})
            case GeneratedImageItem(image=image) if image:
                if image.url.startswith("data:"):
                    raise DataUrlError(model.id, len(image.url))
                if image_id := generated_id(image.url):
                    return model.model_copy(update={"image": image.model_copy(update={"url": GENERATED + image_id})})
                # A signed URL that cannot be signed again, for example of a partial image: no image is better.
                return model.model_copy(update={"image": None}) if "X-Amz-Signature=" in image.url else model
            case _:
                return model

    def generated_url(self, image_id: str, context: TContext) -> str:
        """Return a URL of a generated image."""
        return self._bucket.presign_get(keys.generated_key(self._user_of(context), image_id), self._seconds)

    def _signed(self, attachment: AnyAttachment, context: TContext) -> AnyAttachment:
        state = UploadState.of(attachment)
        if state is None or not isinstance(attachment, ImageAttachment):
            return attachment
        key_of = keys.file_key if state.stage is Stage.STORED else keys.pending_key
        url = self._bucket.presign_get(key_of(self._user_of(context), attachment.id), self._seconds)
        return attachment.model_copy(update={"preview_url": AnyUrl(url)})


def _stripped(attachment: AnyAttachment) -> AnyAttachment:
    update: dict[str, object] = {"upload_descriptor": None}
    if isinstance(attachment, ImageAttachment) and UploadState.of(attachment):
        update["preview_url"] = PREVIEW
    return attachment.model_copy(update=update)


def generated_id(url: str) -> str | None:
    """Return the id of an image of this store from its stored or signed URL; None for any other URL."""
    if url.startswith(GENERATED):
        return url.removeprefix(GENERATED)
    found = _GENERATED_PATH.search(urlsplit(url).path)
    return found[1] if found else None
