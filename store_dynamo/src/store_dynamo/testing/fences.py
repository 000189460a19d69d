"""The contract on `store.fenced` and `store.fence`: a turn that was taken over writes no more items."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from chatkit.store import NotFoundError

from store_dynamo.errors import DuplicateItemError, FencedError
from store_dynamo.testing.models import file, note, thread, workflow
from store_dynamo.testing.setting import Caller, StoreSetting, item_ids

WRITES: dict[str, Callable[[Any, Caller], Awaitable[None]]] = {
    "add": lambda store, caller: store.add_thread_item("thr_1", note("new"), caller),
    "add again": lambda store, caller: store.add_thread_item("thr_1", note("i"), caller),
    "add another": lambda store, caller: store.add_thread_item("thr_1", note("i", "other"), caller),
    "add a workflow again": lambda store, caller: store.add_thread_item("thr_1", workflow("w"), caller),
    "save": lambda store, caller: store.save_item("thr_1", note("i", "changed"), caller),
    "save new": lambda store, caller: store.save_item("thr_1", note("new"), caller),
    "delete": lambda store, caller: store.delete_thread_item("thr_1", "i", caller),
    "attach": lambda store, caller: store.save_attachment(file("f", thread_id="thr_1"), caller),
    "delete missing": lambda store, caller: store.delete_thread_item("thr_1", "missing", caller),
}


class FenceContract(StoreSetting):
    """A fenced claim cannot change items of that thread; other claims and other threads are untouched."""

    @pytest.fixture
    def turn(self, own: Any) -> Any:
        return own.fenced("a")

    @pytest.mark.parametrize("name", WRITES)
    async def test_a_fenced_turn_writes_no_items(self, own: Any, turn: Any, alice: Caller, name: str) -> None:
        await turn.add_thread_item("thr_1", note("i"), alice)
        await turn.add_thread_item("thr_1", workflow("w"), alice)
        assert await own.fence("thr_1", "a", alice)
        await own.save_attachment(file("f"), alice)
        before = await own.load_thread_items("thr_1", None, 9, "asc", alice)

        with pytest.raises(FencedError) as caught:
            await WRITES[name](turn, alice)

        assert (caught.value.thread_id, caught.value.claim) == ("thr_1", "a")
        assert await own.load_thread_items("thr_1", None, 9, "asc", alice) == before
        await own.claim_attachment("f", "another turn", alice)

    @pytest.mark.parametrize("name", WRITES)
    async def test_a_turn_that_is_not_fenced_writes_as_ever(
        self, own: Any, turn: Any, alice: Caller, name: str
    ) -> None:
        outcomes: list[Any] = []
        await own.fence("thr_1", "another", alice)
        for store in (own, turn):
            await own.save_item("thr_1", note("i"), alice)
            await own.save_item("thr_1", workflow("w"), alice)
            await own.delete_thread_item("thr_1", "new", alice)
            try:
                await WRITES[name](store, alice)
            except DuplicateItemError as error:
                outcomes.append(type(error))
            outcomes.append({each for each in await item_ids(own, alice)})
        half = len(outcomes) // 2

        assert outcomes[:half] == outcomes[half:]

    async def test_a_fence_is_for_one_claim_in_one_thread_of_one_user(
        self, own: Any, turn: Any, alice: Caller, bob: Caller
    ) -> None:
        await own.save_thread(thread("thr_2"), alice)
        await own.save_thread(thread(), bob)
        await own.fence("thr_1", "a", alice)
        await own.fence("thr_1", "a", alice)

        await own.fenced("b").add_thread_item("thr_1", note("1"), alice)
        await own.add_thread_item("thr_1", note("2"), alice)
        await turn.add_thread_item("thr_2", note("3"), alice)
        await turn.add_thread_item("thr_1", note("4"), bob)
        with pytest.raises(FencedError):
            await turn.add_thread_item("thr_1", note("5"), alice)
        await own.fence("thr_1", "b", alice)
        for claim in ("a", "b"):
            with pytest.raises(FencedError):
                await own.fenced(claim).add_thread_item("thr_1", note("5"), alice)
        assert await item_ids(own, alice) == ["1", "2"]

    async def test_a_fence_survives_changes_of_its_thread(self, own: Any, turn: Any, alice: Caller) -> None:
        held = await own.load_thread("thr_1", alice)
        await own.fence("thr_1", "a", alice)
        held.title = "renamed"
        await own.save_thread(held, alice)
        await own.set_automatic_title("thr_1", "better", alice)
        await own.add_thread_item("thr_1", note("i"), alice)

        with pytest.raises(FencedError):
            await turn.save_item("thr_1", note("i"), alice)
        assert (await own.load_thread("thr_1", alice)).title == "renamed"

    async def test_a_fenced_turn_still_reads(self, own: Any, turn: Any, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)
        await own.fence("thr_1", "a", alice)

        assert await turn.load_item("thr_1", "i", alice) == note("i")
        assert await item_ids(turn, alice) == ["i"]
        assert (await turn.load_thread("thr_1", alice)).id == "thr_1"

    @pytest.mark.parametrize("name", WRITES)
    async def test_a_missing_or_deleted_thread_is_not_found(
        self, own: Any, turn: Any, alice: Caller, bob: Caller, name: str
    ) -> None:
        await own.fence("thr_1", "a", alice)
        await own.delete_thread("thr_1", alice)

        for caller in (alice, bob):
            assert not await own.fence("thr_1", "a", caller)
            with pytest.raises(NotFoundError, match=r"^Thread thr_1 not found$"):
                await WRITES[name](turn, caller)
        assert await item_ids(own, alice) == []

    async def test_a_fenced_turn_cannot_create_its_thread(self, own: Any, alice: Caller, bob: Caller) -> None:
        """Its process may have been paused before its first write."""
        assert not await own.fence("thr_new", "a", alice)
        assert not await own.fence("thr_new", "a", alice)

        with pytest.raises(NotFoundError, match=r"^Thread thr_new not found$"):
            await own.save_thread(thread("thr_new"), alice)
        await own.save_thread(thread("thr_new"), bob)
        assert [each.id for each in (await own.load_threads(10, None, "asc", alice)).data] == ["thr_1"]
