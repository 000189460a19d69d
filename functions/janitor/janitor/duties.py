"""Maps a record of the table's stream to the janitor's duties. Pure functions.

    change in the table                                       duty
    a thread became a tombstone, or its record was removed    SweepThread: everything under the thread
    an attachment was removed                                 DeleteObjects: the file, uploaded or accepted
    a generated image was removed                             DeleteObjects: the image
    a body in S3 was replaced, or its record removed          DeleteObjects: the old body

The duty does not depend on the cause: a user's deletion, TTL, or a sweep by the janitor. Under a legal hold the janitor
has no duties; it keeps a copy of the removed content (`lost`) instead. The removal of a copy counts as that of the
record itself. The event source's filters (filters.json) pass only such records.

Event: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from attachments_s3.keys import attachment_keys, generated_key
from attachments_s3.previews import generated_id
from store_dynamo.holds import original_key
from store_dynamo.keys import ALLOWANCE, ATTACHMENT, FEEDBACK, ITEM, THREAD, Key, attachment_of, thread_of, unescape

Image = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SweepThread:
    user_id: str
    thread_id: str


@dataclass(frozen=True, slots=True)
class DeleteObjects:
    keys: tuple[str, ...]


Duty = SweepThread | DeleteObjects


def key_of(record: Mapping[str, Any]) -> Key:
    """Return the key of the record that changed; for the removal of a copy, that of the original."""
    key: Key = record["dynamodb"]["Keys"]
    return original_key(key) or key


def user_of(record: Mapping[str, Any]) -> str:
    return _user_of(key_of(record))


def lost(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the content that a change removes, in boto3's form: a thread, item, attachment, allowance or feedback."""
    change: Mapping[str, Any] = record["dynamodb"]
    old: Image = change.get("OldImage") or {}
    new: Image | None = change.get("NewImage")
    removed = new is None or ("deleted_at" in new and "deleted_at" not in old)
    if not old or "deleted_at" in old or not removed:
        return None
    if not key_of(record)["sk"]["S"].startswith((THREAD, ITEM, ATTACHMENT, ALLOWANCE, FEEDBACK)):
        return None
    return {name: _boto(value) for name, value in old.items()}


def _boto(value: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an attribute of an event, where bytes are base64, to boto3's form."""
    return {kind: base64.b64decode(each) if kind == "B" else each for kind, each in value.items()}


def duties(record: Mapping[str, Any]) -> list[Duty]:
    """Return the duties of one stream record; most records have none."""
    change: Mapping[str, Any] = record["dynamodb"]
    key = key_of(record)
    old: Image = change.get("OldImage") or {}
    new: Image | None = change.get("NewImage")
    sort_key: str = key["sk"]["S"]
    found: list[Duty] = []
    if sort_key.startswith(THREAD) and (new is None or "deleted_at" in new):
        found.append(SweepThread(*thread_of(key)))
    if objects := _objects(key, old, new):
        found.append(DeleteObjects(tuple(objects)))
    return found


def _objects(key: dict[str, dict[str, Any]], old: Image, new: Image | None) -> list[str]:
    keys: list[str] = []
    if new is None and key["sk"]["S"].startswith(ATTACHMENT):
        keys += attachment_keys(*attachment_of(key))
    if new is None and old.get("kind") == {"S": "generated_image"} and (image := _image_id(old)):
        keys.append(generated_key(_user_of(key), image))
    if "overflow" in old and old["overflow"] != (new or {}).get("overflow"):
        keys.append(old["overflow"]["S"])
    return keys


def _image_id(old: Image) -> str | None:
    body: Mapping[str, str] = old.get("body", {})
    if "B" in body:
        raw: bytes | str = zlib.decompress(base64.b64decode(body["B"]))
    else:
        raw = body.get("S", "{}")
    image: Mapping[str, Any] = json.loads(raw).get("image") or {}
    return generated_id(image.get("url", ""))


def _user_of(key: dict[str, dict[str, Any]]) -> str:
    return unescape(key["pk"]["S"].removeprefix("USER#").partition("#")[0])
