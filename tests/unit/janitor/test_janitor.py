"""Sweeping on moto: deleted and kept records, failures, and the end of an invocation's time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from store_dynamo.journal import Segment
from store_dynamo.running import DEAD_AFTER
from store_dynamo.sweep import Sweep
from store_dynamo.table import Table
from store_dynamo.testing import Caller, Clock
from store_dynamo.testing.models import file, noise, note, thread
from tests.fakes.dynamo_backend import QUICK, DynamoBackend
from tests.fakes.faults import Faults
from tests.fakes.janitor_backend import deleted, make_janitor, objects, records

ALICE, BOB = Caller("alice"), Caller("bob")


def never() -> bool:
    return False


@pytest.fixture
async def store(moto_backend: DynamoBackend) -> Any:
    """Return a store with threads of the same ids for Alice and Bob; one of Alice's has a record of every kind."""
    store = moto_backend.store()
    for caller in (ALICE, BOB):
        for thread_id in ("thr_1", "thr_2"):
            await store.save_thread(thread(thread_id), caller)
            await store.add_thread_item(thread_id, note("i"), caller)
    await store.add_thread_item("thr_1", note("big", noise(200_000)), ALICE)
    await store.save_attachment(file("a", thread_id="thr_1"), ALICE)
    await store.save_attachment(file("free"), ALICE)
    await store.feedback.put("thr_1", ["i"], "positive", ALICE)
    for caller in (ALICE, BOB):
        await store.running.begin("thr_1", "turn-1", "c", caller)
        await store.journal.append("thr_1", "turn-1", Segment(0, 1, "[]", "c"), caller)
    return store


@pytest.fixture(autouse=True)
def admin(moto_backend: DynamoBackend) -> Any:
    """Clear the request log, because the janitor and these tests read all users' records."""
    yield
    for key in objects(moto_backend):
        moto_backend.s3.delete_object(Bucket=moto_backend.bucket.name, Key=key)
    moto_backend.log.requests.clear()


@pytest.mark.promise("S8")
async def test_everything_under_a_deleted_thread_goes_and_nothing_else(store: Any, moto_backend: DynamoBackend) -> None:
    await store.delete_thread("thr_1", ALICE)
    before = records(moto_backend)
    moto_backend.log.requests.clear()
    moto_backend.log.user_of(ALICE)

    answer = await make_janitor(moto_backend).clean([deleted("alice", "thr_1")], never)

    assert moto_backend.log.strangers() == [("alice", "GetItem", "SHARED")]  # the legal hold of all users
    assert answer == {"batchItemFailures": []}
    gone = set(before) - set(records(moto_backend))
    under = "USER#alice#THREAD#thr_1"
    assert gone == {
        (under, "ITEM#i"), (under, "ITEM#big"), (under, "FEEDBACK#i"), ("USER#alice", "ATTACHMENT#a"),
        (under, "LIVE#turn-1#000000000"), ("USER#alice", "RUNNING#thr_1"),
    }  # fmt: skip
    assert objects(moto_backend) == []


@pytest.mark.promise("R5")
async def test_a_turn_that_runs_in_a_deleted_thread_loses_its_lock(store: Any, moto_backend: DynamoBackend) -> None:
    """What it journals until its next beat goes with the tombstone."""
    await store.delete_thread("thr_1", ALICE)
    await make_janitor(moto_backend).clean([deleted("alice", "thr_1")], never)

    assert not await store.running.beat("thr_1", "c", ALICE)
    assert await store.running.beat("thr_1", "c", BOB)
    assert await store.journal.append("thr_1", "turn-1", Segment(1, 1, "[]", "c"), ALICE)
    await make_janitor(moto_backend).clean([deleted("alice", "thr_1")], never)
    assert records(moto_backend, "USER#alice#THREAD#thr_1") == []
    assert len(records(moto_backend, "USER#bob#THREAD#thr_1")) == 2


@pytest.mark.promise("R4")
async def test_a_takeover_keeps_its_lock_during_a_sweep(moto_backend: DynamoBackend) -> None:
    """The fence of a thread that was never created is a tombstone, and the janitor sweeps while the taker works."""
    clock = Clock()
    store = moto_backend.store(clock=clock)
    await store.running.begin("thr_new", "turn-1", "c", ALICE, ["file"])
    clock.advance(DEAD_AFTER)
    seen = await store.running.find("thr_new", ALICE)
    assert seen
    assert await store.running.condemn(seen, ALICE)
    await store.fence("thr_new", "c", ALICE)

    await make_janitor(moto_backend).clean([deleted("alice", "thr_new")], never)

    assert await store.running.find("thr_new", ALICE) == replace(seen, taken=True)


@pytest.mark.promise("S8")
async def test_leftovers_of_failed_writes_go_too(store: Any, moto_backend: DynamoBackend) -> None:
    moto_backend.s3.put_object(Bucket=moto_backend.bucket.name, Key="overflow/alice/thr_1/orphan", Body=b"")
    await store.delete_thread("thr_1", ALICE)
    await make_janitor(moto_backend).clean([deleted("alice", "thr_1")], never)

    assert objects(moto_backend) == []


@pytest.mark.promise("S8")
async def test_an_old_event_does_not_hurt_a_living_thread(store: Any, moto_backend: DynamoBackend) -> None:
    before = records(moto_backend)
    await make_janitor(moto_backend).clean([deleted("alice", "thr_1")], never)

    assert records(moto_backend) == before


@pytest.mark.promise("S8")
async def test_the_same_event_twice_changes_nothing(store: Any, moto_backend: DynamoBackend) -> None:
    await store.delete_thread("thr_1", ALICE)
    janitor = make_janitor(moto_backend)
    await janitor.clean([deleted("alice", "thr_1")], never)
    after_once = records(moto_backend)

    assert await janitor.clean([deleted("alice", "thr_1")] * 2, never) == {"batchItemFailures": []}
    assert records(moto_backend) == after_once


@pytest.mark.promise("S8")
async def test_a_failure_is_reported_at_its_record(
    store: Any, moto_backend: DynamoBackend, caplog: pytest.LogCaptureFixture
) -> None:
    for thread_id in ("thr_1", "thr_2"):
        await store.delete_thread(thread_id, ALICE)
    batch = [deleted("alice", "thr_2", "1"), deleted("alice", "thr_1", "2"), deleted("bob", "x", "3")]
    janitor = make_janitor(moto_backend)
    with Faults(moto_backend.s3) as faults:
        faults.throttle("DeleteObjects", 8)
        answer = await janitor.clean(batch, never)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert "record 2 failed" in caplog.text
    assert await janitor.clean(batch[1:], never) == {"batchItemFailures": []}
    assert objects(moto_backend) == []


@pytest.mark.promise("S8")
async def test_unprocessed_deletions_are_sent_again(store: Any, moto_backend: DynamoBackend) -> None:
    await store.delete_thread("thr_1", ALICE)
    with Faults(moto_backend.client) as faults:
        faults.leave_unprocessed(2)
        await make_janitor(moto_backend).clean([deleted("alice", "thr_1")], never)
        assert faults.pending == 0

    assert records(moto_backend, "USER#alice#THREAD#thr_1") == []


@pytest.mark.promise("S8")
async def test_a_sweep_out_of_time_is_continued_by_the_tombstone(store: Any, moto_backend: DynamoBackend) -> None:
    """Each invocation deletes a page; the renewed tombstone is the event of the next invocation."""
    await store.delete_thread("thr_1", ALICE)
    key = {"pk": {"S": "USER#alice"}, "sk": {"S": "THREAD#thr_1"}}
    tombstones: list[Any] = []
    janitor = make_janitor(moto_backend)
    for _ in range(10):
        looks = count()
        answer = await janitor.clean([deleted("alice", "thr_1")], lambda looks=looks: next(looks) >= 1)
        assert answer == {"batchItemFailures": []}
        tombstone = moto_backend.client.get_item(TableName=moto_backend.table, Key=key)["Item"]
        if tombstones and tombstone == tombstones[-1]:
            break
        tombstones.append(tombstone)

    assert len(tombstones) == 3  # after the attachments, after the items, after the objects
    assert all("deleted_at" in each and "ord" not in each for each in tombstones)
    assert records(moto_backend, "USER#alice#THREAD#thr_1") == []
    assert objects(moto_backend) == []


@pytest.mark.promise("S8")
async def test_a_batch_out_of_time_goes_on_at_its_next_record(store: Any, moto_backend: DynamoBackend) -> None:
    await store.delete_thread("thr_1", ALICE)
    looks = count()

    batch = [deleted("bob", "x", "1"), deleted("alice", "thr_1", "2")]
    answer = await make_janitor(moto_backend).clean(batch, lambda: next(looks) >= 1)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}


@pytest.mark.promise("S8")
async def test_a_continued_sweep_does_not_replace_a_living_thread(store: Any, moto_backend: DynamoBackend) -> None:
    sweep = Sweep(Table(moto_backend.table, moto_backend.client, QUICK), moto_backend.bucket)

    await sweep.continue_later("alice", "thr_1")

    assert (await store.load_thread("thr_1", ALICE)).id == "thr_1"


@pytest.mark.promise("A6")
async def test_objects_of_what_is_gone_are_deleted(moto_backend: DynamoBackend) -> None:
    for key in ("pending/alice/a", "files/alice/a", "files/alice/b"):
        moto_backend.s3.put_object(Bucket=moto_backend.bucket.name, Key=key, Body=b"x")
    record = {
        "eventName": "REMOVE",
        "dynamodb": {
            "Keys": {"pk": {"S": "USER#alice"}, "sk": {"S": "ATTACHMENT#a"}}, "OldImage": {}, "SequenceNumber": "1"
        },
    }  # fmt: skip

    await make_janitor(moto_backend).clean([record, record], never)

    assert objects(moto_backend) == ["files/alice/b"]


@pytest.mark.promise("S8")
async def test_ten_thousand_items_and_a_janitor_killed_half_way(moto_backend: DynamoBackend) -> None:
    backend, alice = moto_backend, ALICE
    store = backend.store()
    await store.save_thread(thread(), alice)
    await store.add_thread_item("thr_1", note("i"), alice)
    seed(backend, alice, 10_000)
    await store.delete_thread("thr_1", alice)
    assert (await store.load_thread_items("thr_1", None, 9, "asc", alice)).data == []
    sent = 0

    def kill(**_: Any) -> None:
        nonlocal sent
        sent += 1
        if sent == 200:
            loop.call_soon_threadsafe(killed.cancel)

    loop = asyncio.get_running_loop()
    event = [deleted(alice.user_id, "thr_1")]
    backend.client.meta.events.register("before-send.dynamodb.BatchWriteItem", kill)
    killed = asyncio.create_task(make_janitor(backend).clean(event, lambda: False))
    with pytest.raises(asyncio.CancelledError):
        await killed
    backend.client.meta.events.unregister("before-send.dynamodb.BatchWriteItem", kill)
    left = number_of_records(backend, alice)
    assert 0 < left < 10_000

    assert await make_janitor(backend).clean(event, lambda: False) == {"batchItemFailures": []}
    assert number_of_records(backend, alice) == 0


def seed(backend: DynamoBackend, caller: Caller, number: int) -> None:
    """Write copies of the item `i` directly into the table."""
    key = {"pk": {"S": f"USER#{caller.user_id}#THREAD#thr_1"}, "sk": {"S": "ITEM#i"}}
    pattern = backend.client.get_item(TableName=backend.table, Key=key)["Item"]
    items = [pattern | {"sk": {"S": f"ITEM#{n:05}"}, "ord": {"S": f"{n:020}#0"}} for n in range(number)]
    for n in range(0, number, 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[n : n + 25]]
        backend.client.batch_write_item(RequestItems={backend.table: puts})


def number_of_records(backend: DynamoBackend, caller: Caller) -> int:
    pages = backend.client.get_paginator("query").paginate(
        TableName=backend.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"USER#{caller.user_id}#THREAD#thr_1"}},
        Select="COUNT",
        ConsistentRead=True,
    )
    return sum(page["Count"] for page in pages)
