"""What is stored comes back, of any size (S6, S7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from chatkit.types import ActiveStatus, ClosedStatus, LockedStatus, Page, Thread, ThreadItem, ThreadMetadata

from tests.contracts.store_setting import Caller, StoreSetting, add_all
from tests.fakes.chatkit_models import (
    UNICODE,
    answer,
    descriptor,
    every_item,
    file,
    image,
    noise,
    note,
    thread,
    user_message,
)

EVERY_ITEM = [pytest.param(item, id=item.id) for item in every_item()]


class Bodies(StoreSetting):
    @pytest.mark.promise("S6")
    @pytest.mark.parametrize("item", EVERY_ITEM)
    async def test_every_item_comes_back_as_it_was(self, own: Any, alice: Caller, item: ThreadItem) -> None:
        await own.add_thread_item("thr_1", item, alice)

        assert await own.load_item("thr_1", item.id, alice) == item
        assert (await own.load_thread_items("thr_1", None, 1, "asc", alice)).data == [item]

    @pytest.mark.promise("S6")
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

    @pytest.mark.promise("S6")
    @pytest.mark.parametrize("status", [ActiveStatus(), LockedStatus(reason=UNICODE), ClosedStatus()])
    @pytest.mark.feature("thread-metadata")
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

    @pytest.mark.promise("S6")
    async def test_items_of_a_whole_thread_are_not_kept_with_it(self, store: Any, alice: Caller) -> None:
        await store.save_thread(Thread(**thread().model_dump(), items=Page(data=[note("i")])), alice)

        assert type(await store.load_thread("thr_1", alice)) is ThreadMetadata
        assert (await store.load_thread_items("thr_1", None, 9, "asc", alice)).data == []

    @pytest.mark.promise("S6")
    async def test_titles_end_after_200_characters(self, store: Any, alice: Caller) -> None:
        await store.save_thread(thread(title="ü" * 201), alice)

        assert (await store.load_thread("thr_1", alice)).title == "ü" * 200

    @pytest.mark.promise("S6")
    async def test_attachments_come_back(self, own: Any, alice: Caller) -> None:
        for attachment in (
            file("a", metadata={"deep": [1]}),
            image("b", thread_id="thr_1"),
            file("c", thread_id="thr_1"),
        ):
            await own.save_attachment(attachment, alice)
            assert await own.load_attachment(attachment.id, alice) == attachment

    @pytest.mark.promise("S6")
    async def test_upload_descriptors_are_never_kept(self, own: Any, alice: Caller) -> None:
        uploading = file("a", upload_descriptor=descriptor())
        await own.save_attachment(uploading, alice)
        await own.add_thread_item("thr_1", user_message("i", attachments=[uploading]), alice)

        message = await own.load_item("thr_1", "i", alice)
        assert (await own.load_attachment("a", alice)).upload_descriptor is None
        assert [each.upload_descriptor for each in message.attachments] == [None]
        assert uploading.upload_descriptor == descriptor(), "the caller's model is the caller's"

    @pytest.mark.promise("S6")
    async def test_hooks_conceal_before_writing_and_present_after_reading(
        self, make_store: Callable[..., Any], alice: Caller
    ) -> None:
        def conceal(model: Any) -> Any:
            return (
                model.model_copy(update={"name": "concealed"})
                if hasattr(model, "name")
                else answer(model.id, "concealed")
            )

        def present(model: Any, context: Caller) -> Any:
            if hasattr(model, "name"):
                return model.model_copy(update={"name": f"{model.name} for {context.user_id}"})
            return answer(model.id, f"{model.content[0].text} for {context.user_id}")

        store, plain = make_store(before_write=conceal, after_read=present), None
        await store.save_thread(thread(), alice)
        await store.add_thread_item("thr_1", answer("i", "secret"), alice)
        await store.save_attachment(file("a"), alice)

        page = await store.load_thread_items("thr_1", None, 1, "asc", alice)
        shown = f"concealed for {alice.user_id}"
        assert plain is None
        assert page.data == [await store.load_item("thr_1", "i", alice)] == [answer("i", shown)]
        assert (await store.load_attachment("a", alice)).name == shown

    @pytest.mark.promise("S7")
    @pytest.mark.parametrize("size", [2_000, 3_000, 60_000, 100_000, 500_000, 6_000_000])
    async def test_items_of_any_size_come_back(self, own: Any, alice: Caller, size: int) -> None:
        item = user_message("i", noise(size))
        await own.add_thread_item("thr_1", item, alice)
        await own.save_item("thr_1", item, alice)

        assert await own.load_item("thr_1", "i", alice) == item
        assert (await own.load_thread_items("thr_1", None, 9, "asc", alice)).data == [item]

    @pytest.mark.promise("S7")
    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_a_page_of_more_than_a_megabyte_is_whole(self, own: Any, alice: Caller, order: str) -> None:
        items = [note(f"i{n:02}", content=noise(70_000, seed=n)) for n in range(40)]
        await add_all(own, items, alice)

        page = await own.load_thread_items("thr_1", None, 39, order, alice)

        assert page.data == (items[:39] if order == "asc" else items[:0:-1])
        assert page.has_more

    @pytest.mark.promise("S7")
    async def test_a_body_may_grow_and_shrink(self, own: Any, alice: Caller) -> None:
        for n, size in enumerate((10, 200_000, 3_000, 10, 150_000, 151_000)):
            saved = note("i", content=noise(size, seed=n))
            await own.save_item("thr_1", saved, alice)
            assert await own.load_item("thr_1", "i", alice) == saved
            about = thread(metadata={"notes": noise(size, seed=n)})
            await own.save_thread(about, alice)
            assert await own.load_thread("thr_1", alice) == about
