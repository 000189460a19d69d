"""The basic contract: the methods of ChatKit's Store, as its server and ChatKit.js use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import ActiveStatus, ClosedStatus, LockedStatus, Page, ThreadItem

from store_dynamo.testing.models import NOON, UNICODE, every_item, file, image, note, template_widgets, thread
from store_dynamo.testing.setting import Caller, StoreSetting, add_all, item_ids, thread_ids

TEMPLATE_WIDGETS = {item.id for item in template_widgets()}
EVERY_ITEM = [pytest.param(item, id=item.id) for item in every_item() if item.id not in TEMPLATE_WIDGETS]


class StoreContract(StoreSetting):
    """Models come back as they were, lists are in order and paged exactly, missing things raise NotFoundError."""

    @pytest.mark.parametrize("item", EVERY_ITEM)
    async def test_every_item_comes_back_as_it_was(self, own: Any, alice: Caller, item: ThreadItem) -> None:
        await own.add_thread_item("thr_1", item, alice)

        assert await own.load_item("thr_1", item.id, alice) == item
        assert (await own.load_thread_items("thr_1", None, 1, "asc", alice)).data == [item]

    @pytest.mark.parametrize(
        "at",
        [
            datetime(2025, 6, 1, 12, 0, 0, 1),
            datetime(2025, 6, 1, 12, tzinfo=UTC),
            datetime(2025, 6, 1, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
            datetime(1969, 12, 31),
            datetime.min,
            datetime.max,
        ],
    )
    async def test_times_stay_naive_or_aware(self, own: Any, alice: Caller, at: datetime) -> None:
        await own.save_thread(thread("thr_2", at), alice)
        await own.add_thread_item("thr_1", note("i", at=at), alice)

        loaded = (
            (await own.load_thread("thr_2", alice)).created_at,
            (await own.load_item("thr_1", "i", alice)).created_at,
        )
        assert loaded == (at, at)
        assert [each.utcoffset() for each in loaded] == [at.utcoffset()] * 2

    @pytest.mark.parametrize("status", [ActiveStatus(), LockedStatus(reason=UNICODE), ClosedStatus()])
    async def test_thread_fields_come_back(self, store: Any, alice: Caller, status: Any) -> None:
        saved = thread(
            title=UNICODE,
            status=status,
            metadata={"a": {"b": [1, None]}, "": ""},
            allowed_image_domains=["example.com"],
        )

        await store.save_thread(saved, alice)

        assert await store.load_thread("thr_1", alice) == saved
        assert (await store.load_threads(1, None, "desc", alice)).data == [saved]

    async def test_a_thread_saved_again_is_updated_in_its_place(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread("thr_2", NOON + timedelta(seconds=1)), alice)
        held = await own.load_thread("thr_1", alice)
        held.title, held.metadata = "Renamed", {"a": 1}

        await own.save_thread(held, alice)

        loaded = await own.load_thread("thr_1", alice)
        assert (loaded.title, loaded.metadata) == ("Renamed", {"a": 1})
        assert await thread_ids(own, alice) == ["thr_1", "thr_2"]

    async def test_attachments_come_back(self, own: Any, alice: Caller) -> None:
        for attachment in (
            file("a", metadata={"deep": [1]}),
            image("b", thread_id="thr_1"),
            file("c", thread_id="thr_1"),
        ):
            await own.save_attachment(attachment, alice)
            assert await own.load_attachment(attachment.id, alice) == attachment

    async def test_items_come_in_the_order_of_their_times(self, own: Any, alice: Caller) -> None:
        times = [NOON + timedelta(microseconds=n) for n in (3, 1, 2)]
        await add_all(own, [note(f"i{n}", at=at) for n, at in zip((3, 1, 2), times, strict=True)], alice)

        assert await item_ids(own, alice) == ["i1", "i2", "i3"]
        assert await item_ids(own, alice, "desc") == ["i3", "i2", "i1"]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
    async def test_pages_have_every_item_once_whatever_their_times(
        self, own: Any, alice: Caller, order: str, size: int
    ) -> None:
        """ChatKit makes items within the same microsecond."""
        await add_all(own, [note(each) for each in ("f", "b", "e")], alice)
        await add_all(own, [note(each, at=NOON + timedelta(seconds=1)) for each in ("a", "d", "c")], alice)

        whole = await item_ids(own, alice, order)
        assert sorted(whole) == ["a", "b", "c", "d", "e", "f"]
        assert await item_ids(own, alice, order, size) == whole

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("size", [1, 2, 3, 9999])
    async def test_threads_come_in_the_order_of_their_times(
        self, store: Any, alice: Caller, order: str, size: int
    ) -> None:
        for thread_id, second in {"t3": 2, "t1": 0, "t2": 1}.items():
            await store.save_thread(thread(thread_id, NOON + timedelta(seconds=second)), alice)

        expected = ["t1", "t2", "t3"]
        assert await thread_ids(store, alice, order, size) == (expected if order == "asc" else expected[::-1])

    @pytest.mark.parametrize(("limit", "count", "more"), [(1, 1, True), (2, 2, True), (3, 3, False), (4, 3, False)])
    async def test_has_more_is_exact(self, own: Any, alice: Caller, limit: int, count: int, more: bool) -> None:
        await add_all(own, [note("a"), note("b"), note("c")], alice)
        for n in (2, 3):
            await own.save_thread(thread(f"thr_{n}", NOON + timedelta(seconds=n)), alice)

        items = await own.load_thread_items("thr_1", None, limit, "asc", alice)
        threads = await own.load_threads(limit, None, "asc", alice)

        assert (len(items.data), items.has_more) == (count, more)
        assert (len(threads.data), threads.has_more) == (count, more)

    async def test_after_is_the_last_id_and_none_on_the_last_page(self, own: Any, alice: Caller) -> None:
        """As in ChatKit's reference store: a client that pages by `after` alone ends without another request."""
        await add_all(own, [note("a"), note("b"), note("c")], alice)
        for n in (2, 3):
            await own.save_thread(thread(f"thr_{n}", NOON + timedelta(seconds=n)), alice)

        for limit, item, thread_id in ((1, "a", "thr_1"), (2, "b", "thr_2"), (3, None, None), (4, None, None)):
            assert (await own.load_thread_items("thr_1", None, limit, "asc", alice)).after == item
            assert (await own.load_threads(limit, None, "asc", alice)).after == thread_id
        assert (await own.load_thread_items("thr_1", "b", 1, "asc", alice)).after is None

    async def test_the_page_behind_the_last_item_is_empty(self, own: Any, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)

        assert (await own.load_thread_items("thr_1", "i", 9, "asc", alice)) == Page(data=[])
        assert (await own.load_threads(9, "thr_1", "asc", alice)) == Page(data=[])

    async def test_save_item_replaces_an_item_in_its_place(self, own: Any, alice: Caller) -> None:
        await add_all(own, [note("a"), note("b"), note("c")], alice)

        await own.save_item("thr_1", note("b", content="new"), alice)

        assert await item_ids(own, alice) == ["a", "b", "c"]
        assert (await own.load_item("thr_1", "b", alice)).content == "new"

    async def test_missing_things_raise_not_found(self, own: Any, alice: Caller) -> None:
        for load in (
            own.load_thread("thr_x", alice),
            own.load_item("thr_1", "x", alice),
            own.load_attachment("x", alice),
        ):
            with pytest.raises(NotFoundError):
                await load

    async def test_deleted_things_are_gone(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread("thr_2", NOON + timedelta(seconds=1)), alice)
        await add_all(own, [note("a"), note("b")], alice)
        await own.save_attachment(file("f"), alice)

        await own.delete_thread_item("thr_1", "a", alice)
        await own.delete_attachment("f", alice)
        await own.delete_thread("thr_2", alice)

        assert await item_ids(own, alice) == ["b"]
        assert await thread_ids(own, alice) == ["thr_1"]
        for load in (
            own.load_item("thr_1", "a", alice),
            own.load_attachment("f", alice),
            own.load_thread("thr_2", alice),
        ):
            with pytest.raises(NotFoundError):
                await load

    async def test_generated_ids_are_unique(self, store: Any, alice: Caller) -> None:
        made = [store.generate_item_id("message", thread(), alice) for _ in range(100)]
        made += [store.generate_thread_id(alice) for _ in range(100)]

        assert len(set(made)) == 200
