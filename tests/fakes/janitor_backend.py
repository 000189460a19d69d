"""A janitor for a DynamoBackend, and stream records in the janitor's input format."""

from __future__ import annotations

from typing import Any

from janitor.janitor import Janitor
from store_dynamo.holds import Holds
from store_dynamo.keys import thread_key
from store_dynamo.sweep import Sweep
from store_dynamo.table import Table
from tests.fakes.dynamo_backend import QUICK, DynamoBackend


def make_janitor(backend: DynamoBackend) -> Janitor:
    table = Table(backend.table, backend.client, QUICK)
    return Janitor(Sweep(table, backend.bucket), backend.bucket, Holds(table))


def deleted(user_id: str, thread_id: str, number: str = "1") -> dict[str, Any]:
    """Return the stream record of a thread that became a tombstone."""
    change = {"Keys": thread_key(user_id, thread_id), "NewImage": {"deleted_at": {"N": "1"}}, "SequenceNumber": number}
    return {"eventName": "MODIFY", "dynamodb": change}


def records(backend: Any, partition: str = "") -> list[tuple[str, str]]:
    """Return the keys of all records whose partition key starts with `partition`."""
    pages = backend.client.get_paginator("scan").paginate(TableName=backend.table, ConsistentRead=True)
    keys = [(item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]]
    return sorted(key for key in keys if key[0].startswith(partition))


def objects(backend: Any) -> list[str]:
    pages = backend.s3.get_paginator("list_objects_v2").paginate(Bucket=backend.bucket.name)
    return sorted(each["Key"] for page in pages for each in page.get("Contents", []))
