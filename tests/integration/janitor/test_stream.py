"""The janitor behind a real stream (MiniStack's), with the permissions of its role."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chatkit.types import GeneratedImage, GeneratedImageItem

import janitor
from attachments_s3.keys import file_key, generated_key
from function_setup import release_logs
from store_dynamo import CLIENT_CONFIG, S3Bucket
from store_dynamo.account import Account
from store_dynamo.holds import Holds
from store_dynamo.keys import thread_key
from store_dynamo.table import Table
from store_dynamo.testing import Caller, Clock
from store_dynamo.testing.models import NOON, file, noise, note, thread
from tests.fakes.dynamo_backend import BUCKET, DynamoBackend
from tests.fakes.janitor_backend import objects, records
from tools.local.function.stream_poller import StreamPoller
from tools.local.ministack import MiniStack
from tools.stack.clients import Credentials

FILTERS = [
    each["Pattern"] for each in json.loads((Path(janitor.__file__).parent / "filters.json").read_text())["Filters"]
]
# The permissions of the janitor's role, except reading the stream, which the poller does here.
JANITOR_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [f"dynamodb:{each}" for each in ("BatchWriteItem", "GetItem", "PutItem", "Query")],
            "Resource": ["arn:aws:dynamodb:*:*:table/chat*"],
        },
        {
            "Effect": "Allow",
            "Action": "s3:DeleteObject",
            "Resource": [f"arn:aws:s3:::{BUCKET}/{each}/*" for each in ("overflow", "files", "pending", "generated")],
        },
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"},
    ],
}


class Stack:
    """A user's store, the janitor behind its stream, and an administrator's view of the table and the bucket."""

    def __init__(self, stack: MiniStack, backend: DynamoBackend, poller: StreamPoller) -> None:
        self.backend = backend
        self.poller = poller
        self.admin = SimpleNamespace(
            client=stack.client("dynamodb"), s3=stack.client("s3"), table=backend.table, bucket=backend.bucket
        )

    def records(self, caller: Caller) -> list[tuple[str, str]]:
        return records(self.admin, f"USER#{caller.user_id}")

    def objects(self, caller: Caller) -> list[str]:
        return [key for key in objects(self.admin) if f"/{caller.user_id}/" in key]


@pytest.fixture(scope="session")
def janitor_key(ministack: MiniStack) -> Credentials:
    return ministack.iam_user("janitor", JANITOR_POLICY)


@pytest.fixture
async def stack(
    ministack: MiniStack, ministack_backend: DynamoBackend, janitor_key: Credentials, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stack]:
    key = janitor_key
    for name, value in {
        **key.environment(),
        "AWS_ENDPOINT_URL": ministack.endpoint,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "TABLE_NAME": ministack_backend.table,
        "BUCKET_NAME": BUCKET,
    }.items():
        monkeypatch.setenv(name, value)
    function = start_function()
    lambda_context = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 60_000)

    async def invoke(event: dict[str, Any]) -> Any:
        return await asyncio.to_thread(function.handler, json.loads(json.dumps(event)), lambda_context)

    streams = ministack.client("dynamodbstreams", config=CLIENT_CONFIG)
    root = ministack.client("dynamodb")
    arn = root.describe_table(TableName=ministack_backend.table)["Table"]["LatestStreamArn"]
    root.close()
    stack = Stack(ministack, ministack_backend, StreamPoller(streams, arn, invoke, FILTERS))
    await stack.poller.drain()
    yield stack
    for client in (streams, stack.admin.client, stack.admin.s3):
        client.close()
    for client in (function.janitor._bucket._client, function.janitor._sweep._table._client):
        client.close()
    release_logs()


def start_function() -> Any:
    """Import the handler module again, so that it reads the environment and configures the logs like a new process."""
    sys.modules.pop("janitor.handler", None)
    return importlib.import_module("janitor.handler")


@pytest.mark.promise("S8")
@pytest.mark.promise("A6")
async def test_everything_of_a_deleted_thread_is_gone_files_included(
    stack: Stack, request: pytest.FixtureRequest
) -> None:
    alice, other = Caller("alice-deletes"), Caller("other")
    store = stack.backend.store()
    for caller in (alice, other):
        await store.save_thread(thread(), caller)
        await store.add_thread_item("thr_1", note("big", noise(200_000)), caller)
        await store.add_thread_item("thr_1", note("i"), caller)
    image = GeneratedImage(id="x", url="attachment:generated/img_1")
    await store.add_thread_item(
        "thr_1", GeneratedImageItem(id="g", thread_id="thr_1", created_at=NOON, image=image), alice
    )
    await store.save_attachment(file("a", thread_id="thr_1"), alice)
    for key in (file_key(alice.user_id, "a"), generated_key(alice.user_id, "img_1")):
        stack.admin.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    kept = stack.records(other), stack.objects(other)
    assert len(stack.objects(alice)) == 3

    await store.delete_thread("thr_1", alice)
    await stack.poller.drain()

    assert stack.records(alice) == [(f"USER#{alice.user_id}", "THREAD#thr_1")]  # the tombstone
    assert stack.objects(alice) == []
    assert (stack.records(other), stack.objects(other)) == kept


@pytest.mark.promise("S8")
async def test_what_a_turn_wrote_meanwhile_goes_when_the_tombstone_does(stack: Stack) -> None:
    alice = Caller("alice-late")
    store = stack.backend.store()
    await store.save_thread(thread(), alice)
    await store.delete_thread("thr_1", alice)
    await stack.poller.drain()
    late = {"pk": {"S": f"USER#{alice.user_id}#THREAD#thr_1"}, "sk": {"S": "ITEM#late"}}
    stack.admin.client.put_item(TableName=stack.backend.table, Item=late)

    stack.admin.client.delete_item(TableName=stack.backend.table, Key=thread_key(alice.user_id, "thr_1"))  # as TTL does
    await stack.poller.drain()

    assert stack.records(alice) == []


@pytest.mark.promise("S10")
async def test_an_expired_thread_goes_whole(stack: Stack) -> None:
    alice, clock = Caller("alice-expires"), Clock()
    store = stack.backend.store(clock=clock, retention=timedelta(days=1))
    await store.save_thread(thread(), alice)
    await store.add_thread_item("thr_1", note("i"), alice)
    await store.save_attachment(file("a", thread_id="thr_1"), alice)
    stack.admin.s3.put_object(Bucket=BUCKET, Key=file_key(alice.user_id, "a"), Body=b"x")
    stack.admin.client.delete_item(TableName=stack.backend.table, Key=thread_key(alice.user_id, "thr_1"))  # as TTL does
    await stack.poller.drain()

    assert stack.records(alice) == []
    assert stack.objects(alice) == []


@pytest.mark.promise("H14")
async def test_legal_hold_keeps_what_is_deleted_and_what_expires_until_it_is_lifted(stack: Stack) -> None:
    alice = Caller("alice-held")
    store = stack.backend.store()
    table = Table(stack.backend.table, stack.admin.client, stack.backend.quick)
    holds = Holds(table)
    for thread_id in ("thr_1", "thr_2"):
        await store.save_thread(thread(thread_id, title=f"Plans {thread_id}"), alice)
        await store.add_thread_item(thread_id, note("big", noise(200_000)), alice)
    await store.save_attachment(file("a", thread_id="thr_1"), alice)
    stack.admin.s3.put_object(Bucket=BUCKET, Key=file_key(alice.user_id, "a"), Body=b"x")
    kept = stack.objects(alice)
    await holds.place(alice.user_id, "case 17", "ana")

    await store.delete_thread("thr_1", alice)
    stack.admin.client.delete_item(TableName=stack.backend.table, Key=thread_key(alice.user_id, "thr_2"))  # as TTL does
    await stack.poller.drain()

    assert (await store.load_threads(9, None, "asc", alice)).data == []
    assert stack.objects(alice) == kept
    account = Account(table, S3Bucket(BUCKET, stack.admin.s3, stack.backend.quick), alice.user_id)
    exported = [entry async for entry in account.export()]
    titles = [entry["body"]["title"] for entry in exported if entry.get("record") == "thread" and "body" in entry]
    assert sorted(titles) == ["Plans thr_1", "Plans thr_2"]
    assert len([entry for entry in exported if entry.get("record") == "item"]) == 2

    assert len([each async for each in holds.lift(alice.user_id)]) == 2
    await stack.poller.drain()

    assert stack.records(alice) == [(f"USER#{alice.user_id}", "THREAD#thr_1")]  # the tombstone
    assert stack.objects(alice) == []


@pytest.mark.promise("S7")
async def test_replaced_bodies_leave_no_object(stack: Stack) -> None:
    alice = Caller("alice-replaces")
    store = stack.backend.store()
    await store.save_thread(thread(), alice)
    for n in range(3):
        await store.save_item("thr_1", note("i", noise(200_000, seed=n)), alice)
    await stack.poller.drain()
    assert len(stack.objects(alice)) == 1
    assert await store.load_item("thr_1", "i", alice) == note("i", noise(200_000, seed=2))

    await store.delete_thread_item("thr_1", "i", alice)
    await stack.poller.drain()

    assert stack.objects(alice) == []


@pytest.mark.promise("A6")
async def test_a_deleted_attachment_takes_its_file_with_it(stack: Stack) -> None:
    alice = Caller("alice-attaches")
    store = stack.backend.store()
    await store.save_attachment(file("a"), alice)
    stack.admin.s3.put_object(Bucket=BUCKET, Key=file_key(alice.user_id, "a"), Body=b"x")
    await store.delete_attachment("a", alice)
    await stack.poller.drain()

    assert stack.objects(alice) == []
