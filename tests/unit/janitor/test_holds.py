"""Legal holds on moto: deletions and expiries hide, the janitor keeps, and a lift deletes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import GeneratedImage, GeneratedImageItem

from attachments_s3.keys import file_key, generated_key
from store_dynamo.account import Account
from store_dynamo.approvals import Asked, Grant, Verdict
from store_dynamo.errors import HeldError
from store_dynamo.holds import Holds, original_key
from store_dynamo.keys import attachment_key, item_key, thread_key
from store_dynamo.table import Table
from store_dynamo.testing import Caller
from store_dynamo.testing.models import NOON, file, noise, note, thread
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.janitor_backend import make_janitor, objects, records
from tests.fakes.table_stream import TableStream

pytestmark = pytest.mark.promise("H14")
ALICE, BOB = Caller("alice"), Caller("bob")
CALL = Asked("apr", "g", "i", "transfer", "{}", "d", "Move $5?", datetime(2999, 1, 1, tzinfo=UTC))
GRANT = Grant("transfer", "m", "{}", "Moves up to $5")


class House:
    """Alice's and Bob's threads, the holds, and the janitor behind the changes of the table."""

    def __init__(self, backend: DynamoBackend) -> None:
        self.backend = backend
        self.store = backend.store()
        self.table = Table(backend.table, backend.client, backend.quick)
        self.holds = Holds(self.table)
        self.stream = TableStream(backend)
        self.janitor = make_janitor(backend)

    async def fill(self, caller: Caller) -> None:
        await self.store.save_thread(thread("thr_1", title="Secret plans"), caller)
        await self.store.add_thread_item("thr_1", note("i", "words of i"), caller)
        await self.store.add_thread_item("thr_1", note("big", noise(200_000)), caller)
        image = GeneratedImage(id="x", url="attachment:generated/img_1")
        await self.store.add_thread_item(
            "thr_1", GeneratedImageItem(id="g", thread_id="thr_1", created_at=NOON, image=image), caller
        )
        await self.store.save_attachment(file("a", thread_id="thr_1"), caller)
        for key in (file_key(caller.user_id, "a"), generated_key(caller.user_id, "img_1")):
            self.backend.s3.put_object(Bucket=self.backend.bucket.name, Key=key, Body=b"x")

    async def settle(self) -> None:
        """Let the janitor process all changes, also those that it makes itself."""
        while events := self.stream.new():
            for event in events:
                assert await self.janitor.clean([event], lambda: False) == {"batchItemFailures": []}

    async def expire(self, key: Any) -> None:
        self.backend.client.delete_item(TableName=self.backend.table, Key=key)  # as TTL does

    async def export(self, caller: Caller) -> list[dict[str, Any]]:
        return [entry async for entry in Account(self.table, self.backend.bucket, caller.user_id).export()]

    def objects(self, caller: Caller) -> list[str]:
        return [key for key in objects(self.backend) if f"/{caller.user_id}/" in key]


@pytest.fixture
async def house(moto_backend: DynamoBackend) -> AsyncIterator[House]:
    house = House(moto_backend)
    for caller in (ALICE, BOB):
        await house.fill(caller)
    await house.settle()
    yield house
    for key in objects(moto_backend):
        moto_backend.s3.delete_object(Bucket=moto_backend.bucket.name, Key=key)
    moto_backend.log.requests.clear()


def bodies(entries: list[dict[str, Any]]) -> str:
    return " ".join(str(entry.get("body")) for entry in entries)


@pytest.mark.parametrize("scope", ["alice", None])
async def test_deleted_thread_of_a_held_user_is_hidden_and_kept_whole(house: House, scope: str | None) -> None:
    await house.holds.place(scope, "case 17", "ana")
    before = house.objects(ALICE)

    await house.store.delete_thread("thr_1", ALICE)
    await house.settle()
    await house.expire(thread_key("alice", "thr_1"))  # the tombstone, after an hour
    await house.settle()

    with pytest.raises(NotFoundError):
        await house.store.load_thread("thr_1", ALICE)
    assert (await house.store.load_threads(10, None, "desc", ALICE)).data == []
    assert (await house.store.load_thread_items("thr_1", None, 10, "asc", ALICE)).data == []
    assert house.objects(ALICE) == before
    exported = await house.export(ALICE)
    assert "Secret plans" in bodies(exported)
    assert "words of i" in bodies(exported)
    assert noise(200_000) in bodies(exported)
    assert {entry["object"] for entry in exported if "object" in entry} == set(before)


async def test_expiry_removes_nothing_of_a_held_user(house: House) -> None:
    await house.holds.place("alice", "case 17", "ana")
    before = house.objects(ALICE)

    for caller in (ALICE, BOB):
        await house.expire(thread_key(caller.user_id, "thr_1"))
    await house.settle()

    exported = await house.export(ALICE)
    assert "Secret plans" in bodies(exported)
    assert "words of i" in bodies(exported)
    assert house.objects(ALICE) == before
    assert house.objects(BOB) == []
    assert [key for key in records(house.backend) if key[0].startswith("USER#bob")] == []


@pytest.mark.parametrize("key", [item_key("alice", "thr_1", "i"), item_key("alice", "thr_1", "big")])
async def test_deleted_item_of_a_held_user_is_kept(house: House, key: Any) -> None:
    await house.holds.place("alice", "case 17", "ana")
    item_id = key["sk"]["S"].removeprefix("ITEM#")

    await house.store.delete_thread_item("thr_1", item_id, ALICE)
    await house.settle()

    shown = await house.store.load_thread_items("thr_1", None, 10, "asc", ALICE)
    assert item_id not in [each.id for each in shown.data]
    words = "words of i" if item_id == "i" else noise(200_000)
    assert words in bodies(await house.export(ALICE))


@pytest.mark.promise("P5")
async def test_revoked_allowance_of_a_held_user_is_kept(house: House) -> None:
    for caller in (ALICE, BOB):
        await house.store.approvals.ask("thr_1", [CALL], caller)
        await house.store.approvals.decide("thr_1", "apr", Verdict(True, "d", "c", grant=GRANT), caller)
    await house.settle()
    await house.holds.place("alice", "case 17", "ana")

    for caller in (ALICE, BOB):
        await house.store.allowances.revoke("apr", caller)
    await house.settle()

    assert await house.store.allowances.list(ALICE) == []
    kept = [[each["words"] for each in await house.export(caller) if "granted_at" in each] for caller in (ALICE, BOB)]
    assert kept == [["Moves up to $5"], []]


async def test_withdrawn_feedback_of_a_held_user_is_kept(house: House) -> None:
    for caller in (ALICE, BOB):
        await house.store.feedback.put("thr_1", ["i"], "negative", caller, reason="Wrong month")
    await house.settle()
    await house.holds.place("alice", "case 17", "ana")

    for caller in (ALICE, BOB):
        await house.store.feedback.remove("thr_1", ["i"], caller)
    await house.settle()

    assert await house.store.feedback.load("thr_1", ALICE) == {}
    exports = [await house.export(caller) for caller in (ALICE, BOB)]
    kept = [[each["reason"] for each in export if each.get("kind") == "negative"] for export in exports]
    assert kept == [["Wrong month"], []]


async def test_copies_never_expire_and_are_in_no_index(house: House) -> None:
    await house.holds.place("alice", "case 17", "ana")
    await house.store.delete_attachment("a", ALICE)
    await house.store.delete_thread("thr_1", ALICE)
    await house.settle()

    items = house.backend.client.scan(TableName=house.backend.table, ConsistentRead=True)["Items"]
    copies = [item for item in items if item["sk"]["S"].startswith("HELD#")]
    assert len(copies) == 2
    assert not any({"ord", "expires_at"} & item.keys() for item in copies)


async def test_repeated_events_keep_one_copy(house: House) -> None:
    await house.holds.place("alice", "case 17", "ana")
    await house.store.delete_thread("thr_1", ALICE)
    events = house.stream.new()

    for _ in range(2):
        await house.janitor.clean(events, lambda: False)

    assert len([sk for _, sk in records(house.backend, "USER#alice") if sk.startswith("HELD#")]) == 1


@pytest.mark.parametrize("scope", ["alice", None])
async def test_lifting_a_hold_deletes_what_only_the_hold_kept(house: House, scope: str | None) -> None:
    await house.holds.place(scope, "case 17", "ana")
    await house.store.save_thread(thread("thr_2"), ALICE)
    await house.store.add_thread_item("thr_2", note("stays"), ALICE)
    await house.store.add_thread_item("thr_2", note("gone", noise(200_000, seed=3)), ALICE)
    await house.settle()
    await house.store.delete_thread_item("thr_2", "gone", ALICE)
    await house.store.delete_thread("thr_1", ALICE)
    await house.settle()

    released = [sort_key async for sort_key in house.holds.lift(scope)]
    await house.settle()

    assert len(released) == 2
    assert records(house.backend, "USER#alice#THREAD#thr_1") == []
    assert house.objects(ALICE) == []
    shown = await house.store.load_thread_items("thr_2", None, 10, "asc", ALICE)
    assert [each.id for each in shown.data] == ["stays"]


async def test_lifting_the_hold_of_all_keeps_the_data_of_a_user_who_is_held(house: House) -> None:
    for scope in ("alice", None):
        await house.holds.place(scope, "case 17", "ana")
    for caller in (ALICE, BOB):
        await house.store.delete_thread("thr_1", caller)
    await house.settle()

    assert [each async for each in house.holds.lift(None)]
    await house.settle()

    assert "Secret plans" in bodies(await house.export(ALICE))
    assert house.objects(ALICE)
    assert house.objects(BOB) == []


@pytest.mark.parametrize("scope", ["alice", None])
async def test_held_user_cannot_be_erased(house: House, scope: str | None) -> None:
    await house.holds.place(scope, "case 17", "ana")
    before = records(house.backend), objects(house.backend)

    with pytest.raises(HeldError, match="case 17"):
        _ = [line async for line in Account(house.table, house.backend.bucket, "alice").erase()]

    assert (records(house.backend), objects(house.backend)) == before


async def test_hold_that_cannot_be_read_deletes_nothing(house: House) -> None:
    """A throttled table must not look like a table without holds."""
    await house.store.delete_thread("thr_1", ALICE)
    events = house.stream.new()

    def fail(**_: Any) -> None:
        raise ConnectionError

    house.backend.client.meta.events.register("before-send.dynamodb.GetItem", fail)
    try:
        answer = await house.janitor.clean(events, lambda: False)
    finally:
        house.backend.client.meta.events.unregister("before-send.dynamodb.GetItem", fail)

    assert len(answer["batchItemFailures"]) == 1
    assert len(house.objects(ALICE)) == 3


@pytest.mark.parametrize("key", [thread_key("a", "t"), item_key("a", "t", "i"), attachment_key("a", "f")])
def test_the_key_of_a_copy_names_its_original(key: Any) -> None:
    copy = {"pk": key["pk"], "sk": {"S": f"HELD#12345#{key['sk']['S']}"}}

    assert original_key(copy) == key
    assert original_key(key) is None
