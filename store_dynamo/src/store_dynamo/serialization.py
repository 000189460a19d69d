"""Serialization of ChatKit's models to the JSON of their records, and back. Pure functions.

    record = {**key, **schema(), "body": text(dump(thread))}
    load(THREAD_MODEL, record, body)          # UnknownSchemaError, CorruptRecordError

Every record that carries a model has

    body | overflow      the model's own JSON (see bodies.py), including fields that a new version of ChatKit adds
    schema_version       1; a record of a higher version is refused, not guessed at

and for the table's own use: a thread has `revision`, `title_source`, `expires_at`, and once it is deleted `deleted_at`
instead of a body; an item has `kind`; an attachment has `claimed_by`.

Values that JSON does not have are lost, as on ChatKit's own wire: an infinite float in free-form data becomes null.

A widget's root is a union that reads the JSON of a `DynamicWidgetRoot` (made by a WidgetTemplate) as a `Card` and
drops the properties that a Card does not have; the record's `kind` distinguishes them.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from chatkit.types import Attachment, AttachmentBase, ThreadItem, ThreadMetadata, UserMessageItem, WidgetItem
from chatkit.widgets import DynamicWidgetRoot
from pydantic import BaseModel, TypeAdapter, ValidationError

from store_dynamo.errors import CorruptRecordError, UnknownSchemaError
from store_dynamo.expressions import Attributes, number

Fields = dict[str, Any]
T = TypeVar("T")
A = TypeVar("A", bound=AttachmentBase)

SCHEMA_VERSION = 1
MAX_TITLE_CHARS = 200
DYNAMIC_WIDGET = "dynamic_widget"

ITEM_MODEL: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)
ATTACHMENT_MODEL: TypeAdapter[Attachment] = TypeAdapter(Attachment)
THREAD_MODEL: TypeAdapter[ThreadMetadata] = TypeAdapter(ThreadMetadata)


def dump(model: BaseModel) -> str:
    """Return a model as JSON text, with ChatKit's own names."""
    return model.model_dump_json(by_alias=True)


def dump_fields(fields: Fields) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def load(adapter: TypeAdapter[T], record: Attributes, body: str) -> T:
    """Return the model whose JSON is `body`. Raises UnknownSchemaError and CorruptRecordError, which name the key."""
    check_schema(record)
    try:
        return adapter.validate_json(body, by_alias=True, by_name=True)
    except ValidationError as exc:
        # Only the type of the error, and not chained: pydantic's messages quote their input, which is a user's text.
        first = exc.errors(include_input=False, include_url=False)[0]["type"]
        reason = f"{exc.error_count()} validation errors, first {first}"
        raise CorruptRecordError(record["pk"]["S"], record["sk"]["S"], reason) from None


def item_kind(item: ThreadItem) -> str:
    """Return an item's type; a template's widget has one of its own, which its JSON does not show."""
    return DYNAMIC_WIDGET if isinstance(item, WidgetItem) and isinstance(item.widget, DynamicWidgetRoot) else item.type


def load_item(record: Attributes, body: str) -> ThreadItem:
    """Return the item whose JSON is `body`. Raises UnknownSchemaError and CorruptRecordError."""
    item = load(ITEM_MODEL, record, body)
    if isinstance(item, WidgetItem) and record["kind"]["S"] == DYNAMIC_WIDGET:
        item.widget = DynamicWidgetRoot.model_validate(json.loads(body)["widget"])
    return item


def check_schema(record: Attributes) -> None:
    """Raise UnknownSchemaError for a record that a newer version of this package wrote."""
    version = int(record["schema_version"]["N"])
    if version > SCHEMA_VERSION:
        raise UnknownSchemaError(record["pk"]["S"], record["sk"]["S"], version, SCHEMA_VERSION)


def schema() -> Attributes:
    return {"schema_version": number(SCHEMA_VERSION)}


def thread_fields(thread: ThreadMetadata) -> Fields:
    """Return a thread's stored fields: all but the items of a `Thread`, and at most 200 characters of its title."""
    fields = thread.model_dump(mode="json", by_alias=True, exclude={"items"})
    if fields.get("title"):
        fields["title"] = fields["title"][:MAX_TITLE_CHARS]
    return fields


def item_without_descriptors(item: ThreadItem) -> ThreadItem:
    """Return the item without its attachments' upload descriptors: each is a secret URL, good for one upload."""
    if not isinstance(item, UserMessageItem) or not any(each.upload_descriptor for each in item.attachments):
        return item
    return item.model_copy(update={"attachments": [without_descriptor(each) for each in item.attachments]})


def without_descriptor(attachment: A) -> A:
    return attachment.model_copy(update={"upload_descriptor": None})
