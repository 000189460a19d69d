"""The contract of DynamoStore on every DynamoDB server: faults, races between processes, and corrupt records.

A test class gives the fixture `backend`: a table, a bucket, and clients whose requests are logged and may be faulted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chatkit.store import NotFoundError

from assistant_kit.approval_calls import approval_id_of
from store_dynamo import (
    CorruptRecordError,
    DuplicateItemError,
    RecordTooLargeError,
    RequestRefusedError,
    StoreUnavailableError,
    UnknownSchemaError,
    approvals,
)
from store_dynamo.approvals import Asked, Grant, Outcome, Verdict
from store_dynamo.expressions import utc_now
from store_dynamo.keys import attachment_key, item_key, new_id, thread_key
from store_dynamo.testing.models import NOON, file, noise, note, thread, workflow
from store_dynamo.testing.setting import Caller, add_all, every_page, item_ids, thread_ids
from tests.contracts.attach import AttachContract
from tests.contracts.search import SearchBoundsContract
from tests.contracts.store import EveryStoreContract
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.faults import Faults


class DynamoStoreContract(EveryStoreContract, AttachContract, SearchBoundsContract):
    """Every contract of a store, plus those that need a table."""

    @pytest.fixture
    def backend(self) -> DynamoBackend:
        raise NotImplementedError

    @pytest.fixture
    def make_store(self, backend: DynamoBackend) -> Callable[..., Any]:
        return backend.store

    @pytest.fixture
    def faults(self, backend: DynamoBackend) -> Iterator[Faults]:
        with Faults(backend.client) as faults:
            yield faults

    def _overwrite(self, backend: DynamoBackend, alice: Caller, key: Any, **attributes: Any) -> None:
        """Change attributes of a record without the store."""
        backend.log.user_of(alice)
        backend.client.update_item(
            TableName=backend.table,
            Key=key,
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )

    # S2: ties within the index

    @pytest.mark.promise("S2")
    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    async def test_equal_order_keys_of_two_processes_lose_nothing(
        self, own: Any, backend: DynamoBackend, alice: Caller, size: int
    ) -> None:
        ids = ["d", "a", "f", "c", "b", "e"]
        await add_all(
            own, [note("0", at=NOON - timedelta(1)), *map(note, ids), note("9", at=NOON + timedelta(1))], alice
        )
        for each in ids:
            place = {"S": f"{'7' * 20}#{'1' * 20}"}
            self._overwrite(backend, alice, item_key(alice.user_id, "thr_1", each), ord=place)

        up, down = await item_ids(own, alice, "asc", size), await item_ids(own, alice, "desc", size)

        assert sorted(up) == ["0", "9", *sorted(ids)]
        assert down == up[::-1]

    # S4, S9: failed requests and lost answers

    @pytest.mark.promise("S9")
    async def test_throttling_on_any_call_is_retried(self, own: Any, faults: Faults, alice: Caller) -> None:
        faults.throttle_every_other()

        await own.save_thread(thread("thr_2", title="x"), alice)
        await add_all(own, [note("a"), note("b"), workflow("w")], alice)
        await own.save_item("thr_1", note("b", content=1), alice)
        await own.delete_thread_item("thr_1", "a", alice)
        await own.save_attachment(file("f"), alice)
        await own.claim_attachment("f", "turn", alice)
        await own.save_attachment(file("f", thread_id="thr_1"), alice)
        held = await own.load_thread("thr_1", alice)
        held.title = await own.set_automatic_title("thr_1", "Auto", alice)
        await own.save_thread(held, alice)

        assert (await own.load_thread("thr_1", alice)).title == "Auto"
        assert await item_ids(own, alice, "desc", 1) == ["w", "b"]
        assert (await own.load_item("thr_1", "b", alice)).content == 1
        assert (await own.load_attachment("f", alice)).thread_id == "thr_1"
        await own.delete_thread("thr_1", alice)
        assert await thread_ids(own, alice) == ["thr_2"]

    @pytest.mark.promise("S9")
    async def test_a_bucket_that_is_slow_down_is_retried(self, own: Any, backend: DynamoBackend, alice: Caller) -> None:
        big = note("big", noise(200_000))
        with Faults(backend.s3) as faults:
            faults.throttle("PutObject", 2)
            faults.throttle("GetObject", 2)
            await own.add_thread_item("thr_1", big, alice)

            assert await own.load_item("thr_1", "big", alice) == big
            assert faults.pending == 0

    @pytest.mark.promise("S9")
    async def test_permanent_throttling_is_unavailable(self, backend: DynamoBackend, alice: Caller) -> None:
        store = backend.store(backoff=replace(backend.quick, attempts=3, base_seconds=0.001))
        with Faults(backend.client) as faults:
            faults.throttle("GetItem", 3)
            with pytest.raises(StoreUnavailableError) as caught:
                await store.load_thread("thr_1", alice)
        error = caught.value
        assert (error.operation, error.attempts, error.code) == ("get_item", 3, "ThrottlingException")

    @pytest.mark.promise("S9")
    async def test_a_missing_table_is_refused_at_once(self, backend: DynamoBackend, alice: Caller) -> None:
        store = backend.store()
        store._threads._table.name = "chat-nowhere"
        with pytest.raises(RequestRefusedError, match="ResourceNotFoundException") as caught:
            await store.load_thread("thr_1", alice)
        assert caught.value.operation == "get_item"

    @pytest.mark.promise("S9")
    async def test_unprocessed_keys_are_asked_for_again(self, own: Any, faults: Faults, alice: Caller) -> None:
        await add_all(own, [note("a"), note("b")], alice)
        faults.leave_unprocessed(2)

        assert await own.load_item("thr_1", "b", alice) == note("b")
        assert (await own.load_thread_items("thr_1", "a", 9, "asc", alice)).data == [note("b")]
        assert faults.pending == 0

    @pytest.mark.promise("S4")
    async def test_writes_whose_answer_was_lost_are_made_once(self, own: Any, faults: Faults, alice: Caller) -> None:
        for operation in ("TransactWriteItems", "UpdateItem", "PutItem"):
            faults.lose_answer(operation, 2)

        await own.save_thread(thread("thr_2", title="x"), alice)
        await own.save_thread(thread("thr_3", title="y"), alice)
        await add_all(own, [note("a"), note("b")], alice)
        await own.delete_thread("thr_3", alice)

        assert await item_ids(own, alice) == ["a", "b"]
        assert await thread_ids(own, alice) == ["thr_1", "thr_2"]
        held = await own.load_thread("thr_2", alice)
        held.title = "z"
        faults.lose_answer("UpdateItem")
        await own.save_thread(held, alice)
        assert (await own.load_thread("thr_2", alice)).title == "z"
        assert faults.pending == 1  # one PutItem: only a deletion uses it

    @pytest.mark.promise("S4")
    async def test_a_lost_answer_does_not_hide_a_duplicate(self, own: Any, faults: Faults, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("a", content="first"), alice)
        faults.lose_answer("TransactWriteItems")

        with pytest.raises(DuplicateItemError):
            await own.add_thread_item("thr_1", note("a", content="second"), alice)

    @pytest.mark.promise("P2")
    async def test_approvals_whose_answer_was_lost_are_written_once(
        self, own: Any, faults: Faults, alice: Caller
    ) -> None:
        call = Asked(
            "apr", "g", "card", "transfer", "{}", "d", "Move?", utc_now().replace(microsecond=0) + timedelta(1)
        )
        await own.add_thread_item("thr_1", note("card"), alice)
        for operation in ("TransactWriteItems", "TransactWriteItems", "TransactWriteItems", "UpdateItem"):
            faults.lose_answer(operation)

        await own.approvals.ask("thr_1", [call], alice)
        decided = await own.approvals.decide("thr_1", "apr", Verdict(True, "d", "claim"), alice)
        assert await own.approvals.start("thr_1", "apr", "claim", alice)
        assert await own.approvals.finish("thr_1", "apr", "claim", Outcome("moved"), alice)

        assert faults.pending == 0
        assert not await own.approvals.start("thr_1", "apr", "claim", alice)
        stored = await own.approvals.load("thr_1", "apr", alice)
        assert stored == replace(decided, status="done", outcome="moved")

    @pytest.mark.promise("P5")
    async def test_an_allowed_call_whose_answer_was_lost_is_written_once(
        self, own: Any, faults: Faults, alice: Caller
    ) -> None:
        until = utc_now().replace(microsecond=0) + timedelta(1)
        first, second = (Asked(each, "g", "card", "transfer", "{}", "d", "Move?", until) for each in ("a1", "a2"))
        await own.add_thread_item("thr_1", note("card"), alice)
        await own.approvals.ask("thr_1", [first], alice)
        for _ in range(2):
            faults.lose_answer("TransactWriteItems")

        verdict = Verdict(True, "d", "claim", grant=Grant("transfer", "m", "{}", "Moves"))
        decided = await own.approvals.decide("thr_1", "a1", verdict, alice)
        [allowance] = await own.allowances.list(alice)
        begun = await own.approvals.allow("thr_1", second, allowance, "claim", "r", alice)

        assert faults.pending == 0
        assert await own.approvals.list("thr_1", alice) == [decided, begun]

    @pytest.mark.promise("P3")
    async def test_of_many_approvals_the_newest_are_listed(
        self, own: Any, alice: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(approvals, "MAX_LISTED", 2)
        asked = [approval_id_of(new_id("msg")) for _ in range(6)]
        until = utc_now().replace(microsecond=0) + timedelta(1)
        for each in asked:
            await own.approvals.ask("thr_1", [Asked(each, "g", "card", "transfer", "{}", "d", "?", until)], alice)

        assert [each.asked.approval_id for each in await own.approvals.list("thr_1", alice)] == asked[-2:]

    @pytest.mark.promise("S9")
    @pytest.mark.parametrize("write", ["add", "save_thread", "delete"])
    async def test_a_cancelled_write_is_carried_out(
        self, own: Any, backend: DynamoBackend, alice: Caller, write: str
    ) -> None:
        sending, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        def hold(**_: Any) -> None:
            loop.call_soon_threadsafe(sending.set)
            go_on.wait(10)

        calls = {
            "add": lambda: own.add_thread_item("thr_1", note("a"), alice),
            "save_thread": lambda: own.save_thread(thread(title="saved"), alice),
            "delete": lambda: own.delete_thread("thr_1", alice),
        }
        backend.client.meta.events.register("before-send.*.*", hold)
        try:
            task = asyncio.create_task(calls[write]())
            await asyncio.wait_for(sending.wait(), 10)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task
        finally:
            backend.client.meta.events.unregister("before-send.*.*", hold)

        if write == "add":
            assert await own.load_item("thr_1", "a", alice) == note("a")
        elif write == "save_thread":
            assert (await own.load_thread("thr_1", alice)).title == "saved"
        else:
            with pytest.raises(NotFoundError):
                await own.load_thread("thr_1", alice)

    # Unreadable records

    @pytest.mark.parametrize("kind", ["thread", "item", "attachment"])
    async def test_a_record_of_a_newer_schema_is_refused_by_name(
        self, own: Any, backend: DynamoBackend, alice: Caller, kind: str
    ) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)
        await own.save_attachment(file("a"), alice)
        key, read = {
            "thread": (thread_key(alice.user_id, "thr_1"), lambda: own.load_thread("thr_1", alice)),
            "item": (item_key(alice.user_id, "thr_1", "i"), lambda: own.load_item("thr_1", "i", alice)),
            "attachment": (attachment_key(alice.user_id, "a"), lambda: own.load_attachment("a", alice)),
        }[kind]
        self._overwrite(backend, alice, key, schema_version={"N": "2"})

        with pytest.raises(UnknownSchemaError) as caught:
            await read()
        assert key["sk"]["S"] in str(caught.value)
        assert (caught.value.version, caught.value.supported) == (2, 1)

    @pytest.mark.parametrize("body", [{"S": '{"type": "secret text"}'}, {"S": "{secret"}, {"B": b"secret"}, {"N": "1"}])
    async def test_a_corrupt_body_is_loud_and_not_quoted(
        self, own: Any, backend: DynamoBackend, alice: Caller, body: Any
    ) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)
        self._overwrite(backend, alice, item_key(alice.user_id, "thr_1", "i"), body=body)

        for read in (own.load_item("thr_1", "i", alice), own.load_thread_items("thr_1", None, 9, "asc", alice)):
            with pytest.raises(CorruptRecordError, match="ITEM#i") as caught:
                await read
            assert "secret" not in str(caught.value)

    @pytest.mark.promise("S7")
    async def test_a_missing_overflow_object_is_loud(self, own: Any, backend: DynamoBackend, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("i", noise(200_000)), alice)
        gone = {"S": f"overflow/{alice.user_id}/thr_1/gone"}
        self._overwrite(backend, alice, item_key(alice.user_id, "thr_1", "i"), overflow=gone)

        with pytest.raises(CorruptRecordError, match="gone"):
            await own.load_item("thr_1", "i", alice)

    @pytest.mark.promise("S7")
    async def test_a_body_replaced_while_it_is_read_is_read_again(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        """The record is read, then replaced, and the janitor deletes the old object before the reader gets it."""
        new, key = note("i", noise(200_000, seed=2)), item_key(alice.user_id, "thr_1", "i")
        await own.save_item("thr_1", new, alice)
        current = backend.client.get_item(TableName=backend.table, Key=key)["Item"]["overflow"]
        self._overwrite(backend, alice, key, overflow={"S": f"overflow/{alice.user_id}/thr_1/gone"})

        def replace(**_: Any) -> None:
            backend.s3.meta.events.unregister("before-send.s3.GetObject", replace)
            self._overwrite(backend, alice, key, overflow=current)

        backend.s3.meta.events.register("before-send.s3.GetObject", replace)

        assert await own.load_item("thr_1", "i", alice) == new

    @pytest.mark.promise("S7")
    async def test_without_a_bucket_190_kb_fit_and_more_is_a_clear_error(
        self, backend: DynamoBackend, alice: Caller
    ) -> None:
        store = backend.store(overflow=None)
        await store.save_thread(thread(), alice)
        fits, too_large = note("a", noise(240_000)), note("b", noise(300_000))
        await store.add_thread_item("thr_1", fits, alice)

        assert await store.load_item("thr_1", "a", alice) == fits
        with pytest.raises(RecordTooLargeError, match="overflow bucket"):
            await store.add_thread_item("thr_1", too_large, alice)
        assert await item_ids(store, alice) == ["a"]

    # S8, S12: two processes

    @pytest.mark.promise("S12")
    async def test_a_save_between_read_and_write_is_merged(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        other, caller = backend.store(), Caller(alice.user_id, "other")
        held = await own.load_thread("thr_1", alice)
        held.metadata["turn"] = 1
        theirs = await other.load_thread("thr_1", caller)
        theirs.metadata["theirs"] = 1
        await other.save_thread(theirs, caller)

        await own.save_thread(held, alice)

        assert (await own.load_thread("thr_1", alice)).metadata == {"turn": 1, "theirs": 1}

    @pytest.mark.promise("S8")
    async def test_a_thread_whose_tombstone_is_gone_is_not_brought_back(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        held = await own.load_thread("thr_1", alice)
        backend.log.user_of(alice)
        backend.client.delete_item(TableName=backend.table, Key=thread_key(alice.user_id, "thr_1"))
        held.title = "late"

        for write in (own.save_thread(held, alice), own.save_item("thr_1", note("late"), alice)):
            with pytest.raises(NotFoundError):
                await write

    @pytest.mark.promise("S8")
    async def test_deletion_is_one_write(self, own: Any, backend: DynamoBackend, alice: Caller) -> None:
        await add_all(own, [note(f"i{n}") for n in range(30)], alice)
        backend.log.requests.clear()

        await own.delete_thread("thr_1", alice)

        assert [each.operation for each in backend.log.requests] == ["PutItem"]

    @pytest.mark.promise("S2")
    async def test_pages_stay_exact_while_another_process_writes(
        self, own: Any, backend: DynamoBackend, alice: Caller
    ) -> None:
        kept = [f"i{n:02}" for n in range(40)]
        await add_all(own, [note(each, at=NOON + timedelta(seconds=n // 4)) for n, each in enumerate(kept)], alice)
        writer, done = backend.store(), asyncio.Event()

        async def write() -> None:
            n = 0
            while not done.is_set():
                at = NOON + timedelta(seconds=n % 12)
                await writer.add_thread_item("thr_1", note(f"new{n}", at=at), alice)
                await writer.save_item("thr_1", note(kept[n % 40], content=n), alice)
                n += 1

        writing = asyncio.create_task(write())
        try:
            for order in ("asc", "desc"):
                page = await every_page(
                    lambda after, order=order: own.load_thread_items("thr_1", after, 3, order, alice)
                )
                seen = [item.id for item in page]
                assert len(seen) == len(set(seen))
                assert [each for each in seen if each in kept] == (kept if order == "asc" else kept[::-1])
        finally:
            done.set()
            await writing
