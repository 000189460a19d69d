"""Golden records: everything that earlier versions wrote stays readable.

`tests/golden/store/v{schema}/` has one record of every model as that schema version wrote it, in DynamoDB's JSON with
binary values in base64. Files are added with a new schema version and are never changed:

    python -m tests.unit.store.test_golden        # writes the files of the current schema version, if it has none
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from chatkit.types import LockedStatus

from store_dynamo import Backoff, UnknownSchemaError
from store_dynamo.bodies import Bodies, S3Bucket
from store_dynamo.keys import attachment_key, attachment_order, item_key, item_order, thread_key, thread_order
from store_dynamo.serialization import (
    ATTACHMENT_MODEL,
    SCHEMA_VERSION,
    THREAD_MODEL,
    dump,
    item_kind,
    load,
    load_item,
    schema,
)
from store_dynamo.table import Table
from store_dynamo.testing.models import NOON, UNICODE, every_item, file, image, noise, note, thread

GOLDEN = Path(__file__).parents[2] / "golden" / "store"
VERSIONS = sorted(GOLDEN.glob("v*"))

MODELS: dict[str, Any] = {
    "thread": thread(title=UNICODE, status=LockedStatus(reason="r"), metadata={"a": [1, None]}),
    "attachment-file": file(thread_id="thr_1", metadata={"etag": "x"}),
    "attachment-image": image(),
    **{f"item-{item.id}": item for item in every_item()},
    "item-compressed": note("compressed", noise(3_000)),
}


def record_of(name: str, model: Any) -> dict[str, Any]:
    """Return the record that the store writes for a model."""
    bodies = Bodies(None, None)  # type: ignore[arg-type]
    common = {**schema(), **asyncio.run(bodies.pack(dump(model), ""))}
    if name == "thread":
        order = {"S": thread_order(NOON, model.id)}
        return {**thread_key("alice", model.id), **common, "ord": order, "revision": {"N": "1"}}
    if name.startswith("attachment"):
        order = {"ord": {"S": attachment_order(model.thread_id)}} if model.thread_id else {}
        return {**attachment_key("alice", model.id), **common, **order}
    order = {"S": item_order(NOON, 1)}
    return {**item_key("alice", "thr_1", model.id), **common, "ord": order, "kind": {"S": item_kind(model)}}


def read(path: Path) -> dict[str, Any]:
    record = json.loads(path.read_text())
    for value in record.values():
        if "B" in value:
            value["B"] = base64.b64decode(value["B"])
    return record


async def model_of(name: str, record: dict[str, Any]) -> Any:
    found = await Bodies(Table("", None, Backoff()), S3Bucket("", None)).read(record)  # type: ignore[arg-type]
    assert found
    if name == "thread":
        return load(THREAD_MODEL, *found)
    return load(ATTACHMENT_MODEL, *found) if name.startswith("attachment") else load_item(*found)


@pytest.mark.promise("S6")
@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
@pytest.mark.parametrize("name", MODELS)
async def test_a_record_of_every_version_is_read(version: Path, name: str) -> None:
    assert await model_of(name, read(version / f"{name}.json")) == MODELS[name]


@pytest.mark.promise("S6")
def test_the_current_version_is_on_file() -> None:
    folder = GOLDEN / f"v{SCHEMA_VERSION}"
    assert {path.stem for path in folder.glob("*.json")} == set(MODELS)


@pytest.mark.promise("S6")
@pytest.mark.parametrize("name", MODELS)
def test_the_current_version_writes_these_attributes(name: str) -> None:
    on_file = read(GOLDEN / f"v{SCHEMA_VERSION}" / f"{name}.json")
    written = record_of(name, MODELS[name])

    assert {key: list(value) for key, value in written.items()} == {key: list(value) for key, value in on_file.items()}
    assert {**written, "body": None} == {**on_file, "body": None}


@pytest.mark.promise("S6")
async def test_a_newer_version_is_refused() -> None:
    newer = read(GOLDEN / f"v{SCHEMA_VERSION}" / "thread.json") | {"schema_version": {"N": str(SCHEMA_VERSION + 1)}}
    with pytest.raises(UnknownSchemaError, match="THREAD#thr_1"):
        await model_of("thread", newer)


def write() -> None:
    folder = GOLDEN / f"v{SCHEMA_VERSION}"
    if any(folder.glob("*.json")):
        sys.exit(f"{folder.name} exists already, and golden records never change")
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in MODELS.items():
        record = record_of(name, model)
        for value in record.values():
            if "B" in value:
                value["B"] = base64.b64encode(value["B"]).decode()
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write()
