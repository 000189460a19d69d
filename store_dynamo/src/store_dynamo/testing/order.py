"""The contract on order: ties, cursors, and pages that stay exact while others write."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import Page

from store_dynamo.testing.models import NOON, note, thread
from store_dynamo.testing.setting import Caller, StoreSetting, add_all, item_ids, thread_ids


class OrderContract(StoreSetting):
    """Items come by time, then insertion; threads by time, then id; "desc" is the exact reverse."""

    MANY = 1_000
    """Items with one timestamp."""

    async def test_naive_and_aware_times_are_ordered_together(self, own: Any, alice: Caller) -> None:
        east = timezone(timedelta(hours=2))
        later, earlier = NOON.replace(tzinfo=UTC) + timedelta(seconds=1), NOON.replace(hour=13, tzinfo=east)
        await add_all(own, [note("later", at=later), note("noon"), note("earlier", at=earlier)], alice)

        assert await item_ids(own, alice) == ["earlier", "noon", "later"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 9999])
    async def test_pages_keep_equal_timestamps(self, own: Any, alice: Caller, order: str, size: int) -> None:
        ids = ["f", "b", "e", "a", "d", "c"]
        await add_all(own, [note(each) for each in ids], alice)

        assert await item_ids(own, alice, order, size) == (ids if order == "asc" else ids[::-1])

    async def test_many_items_of_one_moment_come_once_each(self, own: Any, alice: Caller) -> None:
        ids = [f"i{n * 7919 % self.MANY:04}" for n in range(self.MANY)]
        await add_all(own, [note(each) for each in ids], alice)

        assert await item_ids(own, alice, "asc", 300) == ids
        assert await item_ids(own, alice, "desc", 301) == ids[::-1]

    async def test_an_update_keeps_the_place(self, own: Any, alice: Caller) -> None:
        await add_all(own, [note("a"), note("b"), note("c")], alice)

        await own.save_item("thr_1", note("a", content="new", at=NOON + timedelta(days=1)), alice)

        assert await item_ids(own, alice) == ["a", "b", "c"]
        assert (await own.load_item("thr_1", "a", alice)).content == "new"

    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_items_written_and_removed_between_pages_move_no_other(
        self, own: Any, alice: Caller, order: str
    ) -> None:
        times = {f"i{n}": NOON + timedelta(seconds=n // 2) for n in range(20)}
        await add_all(own, [note(each, at=at) for each, at in times.items()], alice)
        seen: list[str] = []
        after = None
        while True:
            page = await own.load_thread_items("thr_1", after, 3, order, alice)
            seen += [item.id for item in page.data]
            if not page.has_more:
                break
            after = page.after
            last = page.data[-1]
            await own.add_thread_item("thr_1", note(f"new-{after}", at=last.created_at), alice)
            await own.save_item("thr_1", last, alice)
            await own.delete_thread_item("thr_1", page.data[0].id, alice)

        kept = [each for each in seen if not each.startswith("new")]
        assert kept == list(times if order == "asc" else reversed(times))
        assert len(set(seen)) == len(seen)

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("size", [1, 2, 5, 6, 9999])
    async def test_threads_come_in_order(self, store: Any, alice: Caller, order: str, size: int) -> None:
        times = {"t4": 2, "t1": 0, "t3": 1, "t2": 1, "t5": 3}
        for thread_id, second in times.items():
            await store.save_thread(thread(thread_id, NOON + timedelta(seconds=second)), alice)
        again = await store.load_thread("t1", alice)
        again.title = "moved?"
        await store.save_thread(again, alice)

        expected = ["t1", "t2", "t3", "t4", "t5"]
        assert await thread_ids(store, alice, order, size) == (expected if order == "asc" else expected[::-1])

    @pytest.mark.parametrize("limit", [0, -1])
    async def test_a_page_of_nothing_is_the_last(self, own: Any, alice: Caller, limit: int) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)

        for page in (
            await own.load_thread_items("thr_1", None, limit, "asc", alice),
            await own.load_threads(limit, None, "asc", alice),
        ):
            assert page == Page(data=[], has_more=False, after=None)

    async def test_an_unknown_cursor_is_not_found(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread("thr_3"), alice)
        await own.add_thread_item("thr_3", note("elsewhere"), alice)

        with pytest.raises(NotFoundError, match=r"^Thread thr_x not found$"):
            await own.load_threads(9, "thr_x", "asc", alice)
        for cursor in ("x", "elsewhere"):
            with pytest.raises(NotFoundError, match=f"^Item {cursor} not found$"):
                await own.load_thread_items("thr_1", cursor, 9, "asc", alice)

    async def test_an_unknown_order_is_refused(self, own: Any, alice: Caller) -> None:
        with pytest.raises(ValueError, match="sideways"):
            await own.load_threads(9, None, "sideways", alice)
