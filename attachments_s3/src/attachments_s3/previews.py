"""URLs that expire: minted when a model is read, dropped before it is written.

`Previews.strip_urls` and `.sign_urls` are the hooks of a thread store. They do no I/O (a signature is
arithmetic, half a millisecond), take a thread item or an attachment, return a copy, and leave other models alone.
In the database stands

    ImageAttachment.preview_url     attachment:preview
    GeneratedImageItem.image.url    attachment:generated/{image id}

which say nothing without the reader's own user id: `sign_urls` signs only under the context's user.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from chatkit.types import FileAttachment, GeneratedImageItem, ImageAttachment, UserMessageItem
from pydantic import AnyUrl, BaseModel

from attachments_s3 import keys
from attachments_s3.bucket import Bucket
from attachments_s3.errors import DataUrlError
from attachments_s3.record import AnyAttachment, Record, State

TContext = TypeVar("TContext")
TModel = TypeVar("TModel", bound=BaseModel)

PREVIEW = AnyUrl("attachment:preview")
GENERATED = "attachment:generated/"
_GENERATED_PATH = re.compile(rf"/{keys.GENERATED}/[\w.-]+/([\w-]+)$", re.ASCII)


class Previews(Generic[TContext]):
    """Mints and drops the URLs of one bucket."""

    def __init__(self, bucket: Bucket, user_of: Callable[[TContext], str], seconds: int) -> None:
        self._bucket = bucket
        self._user_of = user_of
        self._seconds = seconds

    def sign_urls(self, model: TModel, context: TContext) -> TModel:
        """Return a copy with URLs that work for a while."""
        match model:
            case ImageAttachment() | FileAttachment():
                return self._present_attachment(model, context)
            case UserMessageItem() if model.attachments:
                shown = [self._present_attachment(a, context) for a in model.attachments]
                return model.model_copy(update={"attachments": shown})
            case GeneratedImageItem(image=image) if image and (image_id := generated_id(image.url)):
                url = self.generated_url(image_id, context)
                return model.model_copy(update={"image": image.model_copy(update={"url": url})})
            case _:
                return model

    def strip_urls(self, model: TModel) -> TModel:
        """Return a copy without upload descriptors and without URLs that expire.

        Raises DataUrlError for a generated image whose bytes are in its URL: megabytes do not belong into an item.
        """
        match model:
            case ImageAttachment() | FileAttachment():
                return _conceal_attachment(model)
            case UserMessageItem() if model.attachments:
                return model.model_copy(update={"attachments": [_conceal_attachment(a) for a in model.attachments]})
            case GeneratedImageItem(image=image) if image:
                if image.url.startswith("data:"):
                    raise DataUrlError(model.id, len(image.url))
                if image_id := generated_id(image.url):
                    return model.model_copy(update={"image": image.model_copy(update={"url": GENERATED + image_id})})
                # A signed URL that is none of ours to mint again, a partial image's for one: nothing is better.
                return model.model_copy(update={"image": None}) if "X-Amz-Signature=" in image.url else model
            case _:
                return model

    def preview_url(self, attachment: ImageAttachment, state: State, context: TContext) -> AnyUrl:
        """Return a URL that shows the image."""
        key_of = keys.file_key if state is State.STORED else keys.pending_key
        key = key_of(self._user_of(context), attachment.id)
        return AnyUrl(self._bucket.presign_get(key, self._seconds))

    def generated_url(self, image_id: str, context: TContext) -> str:
        """Return a URL that shows a generated image."""
        return self._bucket.presign_get(keys.generated_key(self._user_of(context), image_id), self._seconds)

    def _present_attachment(self, attachment: AnyAttachment, context: TContext) -> AnyAttachment:
        record = Record.of(attachment)
        if record is None or not isinstance(attachment, ImageAttachment):
            return attachment
        return attachment.model_copy(update={"preview_url": self.preview_url(attachment, record.state, context)})


def _conceal_attachment(attachment: AnyAttachment) -> AnyAttachment:
    update: dict[str, object] = {"upload_descriptor": None}
    if isinstance(attachment, ImageAttachment) and Record.of(attachment):
        update["preview_url"] = PREVIEW
    return attachment.model_copy(update=update)


def generated_id(url: str) -> str | None:
    """Return our image's id from its stored or its signed URL; None for any other URL."""
    if url.startswith(GENERATED):
        return url.removeprefix(GENERATED)
    found = _GENERATED_PATH.search(urlsplit(url).path)
    return found[1] if found else None
