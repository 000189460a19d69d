"""Duties of each kind of stream record."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

import janitor
from attachments_s3.keys import attachment_keys, generated_key
from janitor.duties import DeleteObjects, Duty, SweepThread, duties
from store_dynamo.keys import attachment_key, feedback_key, item_key, thread_key
from tools.local.function.stream_poller import matches

FILTERS = json.loads((Path(janitor.__file__).parent / "filters.json").read_text())["Filters"]
USER, THREAD = "alice#1", "thr/1"
ALIVE = {"body": {"S": "{}"}, "ord": {"S": "THREAD#0#thr"}}
TOMBSTONE = {"deleted_at": {"N": "1"}, "expires_at": {"N": "2"}}
SWEEP = SweepThread(USER, THREAD)
ATTACHMENT = DeleteObjects(attachment_keys(USER, "atc#1"))
IMAGE = {"kind": {"S": "generated_image"}, "body": {"S": '{"image": {"id": "i", "url": "attachment:generated/img_1"}}'}}
PACKED = IMAGE | {"body": {"B": base64.b64encode(zlib.compress(IMAGE["body"]["S"].encode())).decode()}}
DELETED_IMAGE = DeleteObjects((generated_key(USER, "img_1"),))
OVERFLOW = {"overflow": {"S": "overflow/alice/thr/1"}}
OVERFLOWED = DeleteObjects(("overflow/alice/thr/1",))
THREAD_KEY, ITEM_KEY = thread_key(USER, THREAD), item_key(USER, THREAD, "i")
ATTACHMENT_KEY, FEEDBACK_KEY = attachment_key(USER, "atc#1"), feedback_key(USER, THREAD, "i")


def change(name: str, key: Any, old: Any = None, new: Any = None) -> dict[str, Any]:
    images = {"OldImage": old, "NewImage": new}
    return {
        "eventName": name,
        "dynamodb": {"Keys": key, "SequenceNumber": "1", **{k: key | v for k, v in images.items() if v is not None}},
    }


CASES = [
    ("a thread is deleted", change("MODIFY", THREAD_KEY, ALIVE, TOMBSTONE), [SWEEP]),
    ("a sweep is continued", change("MODIFY", THREAD_KEY, TOMBSTONE, TOMBSTONE | {"n": {"N": "1"}}), [SWEEP]),
    ("a sweep is continued after TTL", change("INSERT", THREAD_KEY, None, TOMBSTONE), [SWEEP]),
    ("a tombstone expires", change("REMOVE", THREAD_KEY, TOMBSTONE), [SWEEP]),
    ("a thread expires", change("REMOVE", THREAD_KEY, ALIVE), [SWEEP]),
    ("a big thread is deleted", change("MODIFY", THREAD_KEY, OVERFLOW, TOMBSTONE), [SWEEP, OVERFLOWED]),
    ("a thread is saved", change("MODIFY", THREAD_KEY, ALIVE, ALIVE), []),
    ("an attachment goes", change("REMOVE", ATTACHMENT_KEY, ALIVE), [ATTACHMENT]),
    ("an attachment is saved", change("MODIFY", ATTACHMENT_KEY, ALIVE, ALIVE), []),
    ("an item is added", change("INSERT", ITEM_KEY, None, ALIVE), []),
    ("an item goes", change("REMOVE", ITEM_KEY, ALIVE | {"kind": {"S": "widget"}}), []),
    ("an image goes", change("REMOVE", ITEM_KEY, IMAGE), [DELETED_IMAGE]),
    ("an image of a long item goes", change("REMOVE", ITEM_KEY, PACKED), [DELETED_IMAGE]),
    ("an image without one goes", change("REMOVE", ITEM_KEY, IMAGE | {"body": {"S": '{"image": null}'}}), []),
    ("a big item goes", change("REMOVE", ITEM_KEY, OVERFLOW), [OVERFLOWED]),
    ("a big item shrinks", change("MODIFY", ITEM_KEY, OVERFLOW, ALIVE), [OVERFLOWED]),
    ("a big item is replaced", change("MODIFY", ITEM_KEY, OVERFLOW, {"overflow": {"S": "overflow/2"}}), [OVERFLOWED]),
    ("a big item keeps its body", change("MODIFY", ITEM_KEY, OVERFLOW, OVERFLOW), []),
    ("feedback goes", change("REMOVE", FEEDBACK_KEY, {"kind": {"S": "positive"}}), []),
]


@pytest.mark.promise("S8")
@pytest.mark.parametrize(("record", "expected"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_record_asks_for_its_duties(record: dict[str, Any], expected: list[Duty]) -> None:
    assert duties(record) == expected


@pytest.mark.promise("S8")
@pytest.mark.parametrize("record", [pytest.param(case[1], id=case[0]) for case in CASES if case[2]])
def test_the_filters_let_every_duty_through(record: dict[str, Any]) -> None:
    assert any(matches(record, each["Pattern"]) for each in FILTERS)


@pytest.mark.parametrize("name", ["an item is added", "a thread is saved"])
def test_the_filters_keep_ordinary_turns_out(name: str) -> None:
    record = next(case[1] for case in CASES if case[0] == name)

    assert not any(matches(record, each["Pattern"]) for each in FILTERS)
