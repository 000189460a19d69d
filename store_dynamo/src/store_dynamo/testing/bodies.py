"""The contract on bodies: hooks, upload descriptors, template widgets, and items of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chatkit.types import Page, Thread, ThreadItem, ThreadMetadata

from store_dynamo.testing.models import answer, descriptor, file, noise, note, template_widgets, thread, user_message
from store_dynamo.testing.setting import Caller, StoreSetting, add_all

TEMPLATE_WIDGETS = [pytest.param(item, id=item.id) for item in template_widgets()]


class BodiesContract(StoreSetting):
    """`make_store` takes `after_read(model, context)` and `before_write(model)`."""

    @pytest.mark.parametrize("item", TEMPLATE_WIDGETS)
    async def test_template_widgets_come_back_as_they_were(self, own: Any, alice: Caller, item: ThreadItem) -> None:
        """ChatKit's union of widgets reads their JSON as a Card and drops unknown properties."""
        await own.add_thread_item("thr_1", item, alice)

        assert await own.load_item("thr_1", item.id, alice) == item
        assert (await own.load_thread_items("thr_1", None, 1, "asc", alice)).data == [item]

    async def test_items_of_a_whole_thread_are_not_kept_with_it(self, store: Any, alice: Caller) -> None:
        await store.save_thread(Thread(**thread().model_dump(), items=Page(data=[note("i")])), alice)

        assert type(await store.load_thread("thr_1", alice)) is ThreadMetadata
        assert (await store.load_thread_items("thr_1", None, 9, "asc", alice)).data == []

    async def test_titles_end_after_200_characters(self, store: Any, alice: Caller) -> None:
        await store.save_thread(thread(title="ü" * 201), alice)

        assert (await store.load_thread("thr_1", alice)).title == "ü" * 200

    async def test_upload_descriptors_are_never_kept(self, own: Any, alice: Caller) -> None:
        uploading = file("a", upload_descriptor=descriptor())
        await own.save_attachment(uploading, alice)
        await own.add_thread_item("thr_1", user_message("i", attachments=[uploading]), alice)

        message = await own.load_item("thr_1", "i", alice)
        assert (await own.load_attachment("a", alice)).upload_descriptor is None
        assert [each.upload_descriptor for each in message.attachments] == [None]
        assert uploading.upload_descriptor == descriptor(), "the caller's model must not change"

    async def test_hooks_run_before_each_write_and_after_each_read(
        self, make_store: Callable[..., Any], alice: Caller
    ) -> None:
        def before_write(model: Any) -> Any:
            if hasattr(model, "name"):
                return model.model_copy(update={"name": "stored"})
            return answer(model.id, "stored")

        def after_read(model: Any, context: Caller) -> Any:
            if hasattr(model, "name"):
                return model.model_copy(update={"name": f"{model.name} for {context.user_id}"})
            return answer(model.id, f"{model.content[0].text} for {context.user_id}")

        store = make_store(before_write=before_write, after_read=after_read)
        await store.save_thread(thread(), alice)
        await store.add_thread_item("thr_1", answer("i", "secret"), alice)
        await store.save_attachment(file("a"), alice)

        expected = f"stored for {alice.user_id}"
        page = await store.load_thread_items("thr_1", None, 1, "asc", alice)
        assert page.data == [await store.load_item("thr_1", "i", alice)] == [answer("i", expected)]
        assert (await store.load_attachment("a", alice)).name == expected

    @pytest.mark.parametrize("size", [2_000, 3_000, 60_000, 100_000, 500_000, 6_000_000])
    async def test_items_of_any_size_come_back(self, own: Any, alice: Caller, size: int) -> None:
        item = user_message("i", noise(size))
        await own.add_thread_item("thr_1", item, alice)
        await own.save_item("thr_1", item, alice)

        assert await own.load_item("thr_1", "i", alice) == item
        assert (await own.load_thread_items("thr_1", None, 9, "asc", alice)).data == [item]

    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_a_page_of_more_than_a_megabyte_is_whole(self, own: Any, alice: Caller, order: str) -> None:
        items = [note(f"i{n:02}", content=noise(70_000, seed=n)) for n in range(40)]
        await add_all(own, items, alice)

        page = await own.load_thread_items("thr_1", None, 39, order, alice)

        assert page.data == (items[:39] if order == "asc" else items[:0:-1])
        assert page.has_more

    async def test_a_body_may_grow_and_shrink(self, own: Any, alice: Caller) -> None:
        for n, size in enumerate((10, 200_000, 3_000, 10, 150_000, 151_000)):
            saved = note("i", content=noise(size, seed=n))
            await own.save_item("thr_1", saved, alice)
            assert await own.load_item("thr_1", "i", alice) == saved
            about = thread(metadata={"notes": noise(size, seed=n)})
            await own.save_thread(about, alice)
            assert await own.load_thread("thr_1", alice) == about
