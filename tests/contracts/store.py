"""What every Store of ours promises (S1–S12), as tests: a backend subclasses StoreContract and gives `make_store`.

    class TestMoto(StoreContract):
        @pytest.fixture
        def make_store(self, moto_table):
            return moto_table.store          # (**options) -> a store; options: clock, retention, present, conceal

Every test has users of its own, so that all tests of a backend can share one table.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import ActiveStatus, ClosedStatus, LockedStatus, Page, Thread, ThreadItem, ThreadMetadata

from store_dynamo.errors import AttachmentClaimedError, DuplicateItemError, InvalidIdError
from tests.fakes.chatkit_models import (
    NOON,
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
    workflow,
)

HOSTILE_IDS = [
    "a#b",
    "a/b/../c",
    "ITEM#x",
    "%2e",
    ".23",
    "\x00",
    "ü 漢",
    "__fake_id__",
    "-",
    "..",
    "a\nb",
    "thr_1#THREAD#2",
]
EVERY_ITEM = [pytest.param(item, id=item.id) for item in every_item()]


@dataclass(frozen=True)
class Caller:
    """A request's context."""

    user_id: str
    request: str = "1"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2025, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


async def every_page(load: Callable[[str | None], Awaitable[Page[Any]]]) -> list[Any]:
    """Follow a list to its end."""
    found: list[Any] = []
    after = None
    while True:
        page = await load(after)
        found += page.data
        if not page.has_more:
            return found
        assert page.data, "a page that promises more is not empty"
        after = page.after


async def item_ids(store: Any, caller: Caller, order: str = "asc", size: int = 100) -> list[str]:
    items = await every_page(lambda after: store.load_thread_items("thr_1", after, size, order, caller))
    return [item.id for item in items]


async def thread_ids(store: Any, caller: Caller, order: str = "asc", size: int = 100) -> list[str]:
    return [each.id for each in await every_page(lambda after: store.load_threads(size, after, order, caller))]


async def add_all(store: Any, items: Sequence[ThreadItem], caller: Caller) -> None:
    for item in items:
        await store.add_thread_item("thr_1", item, caller)


@pytest.mark.feature("store")
class StoreContract:
    """One class, every backend."""

    MANY = 1_000
    """Items with one timestamp."""

    @pytest.fixture
    def make_store(self) -> Callable[..., Any]:
        raise NotImplementedError

    @pytest.fixture
    def store(self, make_store: Callable[..., Any]) -> Any:
        return make_store()

    @pytest.fixture
    def alice(self) -> Caller:
        return Caller(f"alice-{uuid.uuid4()}")

    @pytest.fixture
    def bob(self) -> Caller:
        return Caller(f"bob-{uuid.uuid4()}")

    @pytest.fixture
    async def own(self, store: Any, alice: Caller) -> Any:
        """A store in which Alice has the thread thr_1."""
        await store.save_thread(thread(), alice)
        return store

    # S6: what is stored comes back

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

        store, plain = make_store(conceal=conceal, present=present), None
        await store.save_thread(thread(), alice)
        await store.add_thread_item("thr_1", answer("i", "secret"), alice)
        await store.save_attachment(file("a"), alice)

        page = await store.load_thread_items("thr_1", None, 1, "asc", alice)
        shown = f"concealed for {alice.user_id}"
        assert plain is None
        assert page.data == [await store.load_item("thr_1", "i", alice)] == [answer("i", shown)]
        assert (await store.load_attachment("a", alice)).name == shown

    # S1, S5: whose it is, and what is not there

    @pytest.mark.promise("S1")
    @pytest.mark.parametrize("who", ["foreign", "unknown"])
    @pytest.mark.feature("isolation")
    async def test_what_is_not_ones_own_is_not_there(self, own: Any, alice: Caller, bob: Caller, who: str) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)
        await own.save_attachment(file("a"), alice)
        caller, ids = (bob, ("thr_1", "i", "a")) if who == "foreign" else (alice, ("thr_x", "x", "x"))
        thread_id, item_id, attachment_id = ids

        for read in (
            lambda: own.load_thread(thread_id, caller),
            lambda: own.add_thread_item(thread_id, note("new"), caller),
            lambda: own.save_item(thread_id, note("new"), caller),
            lambda: own.set_automatic_title(thread_id, "Mine", caller),
            lambda: own.save_attachment(file("b", thread_id=thread_id), caller),
        ):
            with pytest.raises(NotFoundError, match=f"^Thread {thread_id} not found$"):
                await read()
        with pytest.raises(NotFoundError, match=f"^Item {item_id} not found$"):
            await own.load_item(thread_id, item_id, caller)
        for read in (
            lambda: own.load_attachment(attachment_id, caller),
            lambda: own.claim_attachment(attachment_id, "turn", caller),
        ):
            with pytest.raises(NotFoundError, match=f"^Attachment {attachment_id} not found$"):
                await read()
        assert await own.load_thread_items(thread_id, None, 9, "asc", caller) == Page(data=[])
        await own.delete_thread_item(thread_id, item_id, caller)
        await own.delete_attachment(attachment_id, caller)
        await own.release_attachment(attachment_id, "turn", caller)
        await own.delete_thread(thread_id, caller)

        assert await own.load_item("thr_1", "i", alice) == note("i")
        assert await own.load_attachment("a", alice) == file("a")
        assert (await own.load_threads(9, None, "asc", bob)).data == []

    @pytest.mark.promise("S1")
    async def test_saving_anothers_thread_id_makes_ones_own(self, own: Any, alice: Caller, bob: Caller) -> None:
        await own.save_thread(thread(title="Bob's"), bob)

        assert (await own.load_thread("thr_1", alice)).title is None
        assert (await own.load_thread("thr_1", bob)).title == "Bob's"

    @pytest.mark.promise("S1")
    async def test_a_loaded_model_saved_by_another_user_is_that_users(
        self, own: Any, alice: Caller, bob: Caller
    ) -> None:
        mine = await own.load_thread("thr_1", alice)
        mine.title = "Copied"
        await own.save_thread(mine, bob)

        assert (await own.load_thread("thr_1", alice)).title is None
        assert (await own.load_thread("thr_1", bob)).title == "Copied"

    @pytest.mark.promise("S1")
    async def test_no_id_forges_another_users_key(self, own: Any, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)
        forger = Caller(f"{alice.user_id}#THREAD#thr_1")
        part = Caller(alice.user_id.removeprefix("alice"))

        for caller in (forger, part):
            assert (await own.load_threads(9, None, "asc", caller)).data == []
            with pytest.raises(NotFoundError):
                await own.load_thread("thr_1", caller)
        with pytest.raises(NotFoundError):
            await own.load_thread("1", Caller(f"{alice.user_id}#THREAD#thr_"))

    @pytest.mark.promise("S1")
    async def test_a_context_without_a_user_is_refused(self, store: Any) -> None:
        with pytest.raises(InvalidIdError):
            await store.load_threads(9, None, "asc", Caller(""))

    @pytest.mark.promise("S1")
    async def test_hostile_ids_stay_apart(self, store: Any, alice: Caller) -> None:
        for each in HOSTILE_IDS:
            await store.save_thread(thread(each), alice)
            for item_id in (each, HOSTILE_IDS[0]):
                await store.save_item(each, note(item_id, content=[each, item_id]), alice)
            await store.save_attachment(file(each), alice)

        assert sorted(await thread_ids(store, alice)) == sorted(HOSTILE_IDS)
        for each in HOSTILE_IDS:
            page = await store.load_thread_items(each, None, 99, "asc", alice)
            assert {item.id for item in page.data} == {each, HOSTILE_IDS[0]}
            assert [item.content for item in page.data] == [[each, item.id] for item in page.data]
            assert (await store.load_attachment(each, alice)).id == each

    @pytest.mark.promise("S1")
    async def test_an_id_no_key_can_hold_is_a_clear_error(self, own: Any, alice: Caller) -> None:
        long = "x" * 1_024
        calls = [
            lambda: own.load_thread(long, alice),
            lambda: own.save_thread(thread(long), alice),
            lambda: own.load_thread_items(long, None, 9, "asc", alice),
            lambda: own.load_thread_items("thr_1", long, 9, "asc", alice),
            lambda: own.load_threads(9, long, "asc", alice),
            lambda: own.add_thread_item("thr_1", note(long), alice),
            lambda: own.save_item("thr_1", note(long), alice),
            lambda: own.load_item("thr_1", long, alice),
            lambda: own.delete_thread(long, alice),
            lambda: own.delete_thread_item("thr_1", long, alice),
            lambda: own.save_attachment(file(long), alice),
            lambda: own.load_attachment(long, alice),
            lambda: own.delete_attachment(long, alice),
        ]
        for call in calls:
            with pytest.raises(InvalidIdError, match="1024 bytes"):
                await call()

    async def test_the_longest_ids_fit(self, store: Any, alice: Caller) -> None:
        longest = "x" * 512
        await store.save_thread(thread(longest), alice)
        await store.add_thread_item(longest, note(longest, content=noise(120_000)), alice)
        await store.save_attachment(file(longest, thread_id=longest), alice)

        assert (await store.load_thread_items(longest, None, 9, "asc", alice)).after == longest
        assert (await store.load_attachment(longest, alice)).thread_id == longest

    # S2, S3: order and pages

    @pytest.mark.promise("S2")
    async def test_items_come_in_the_order_of_their_times(self, own: Any, alice: Caller) -> None:
        times = [NOON + timedelta(microseconds=n) for n in (3, 1, 2)]
        await add_all(own, [note(f"i{n}", at=at) for n, at in zip((3, 1, 2), times, strict=True)], alice)

        assert await item_ids(own, alice) == ["i1", "i2", "i3"]
        assert await item_ids(own, alice, "desc") == ["i3", "i2", "i1"]

    @pytest.mark.promise("S2")
    async def test_naive_and_aware_times_are_ordered_together(self, own: Any, alice: Caller) -> None:
        east = timezone(timedelta(hours=2))
        later, earlier = NOON.replace(tzinfo=UTC) + timedelta(seconds=1), NOON.replace(hour=13, tzinfo=east)
        await add_all(own, [note("later", at=later), note("noon"), note("earlier", at=earlier)], alice)

        assert await item_ids(own, alice) == ["earlier", "noon", "later"]

    @pytest.mark.promise("S2")
    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 9999])
    async def test_pages_keep_equal_timestamps(self, own: Any, alice: Caller, order: str, size: int) -> None:
        ids = ["f", "b", "e", "a", "d", "c"]
        await add_all(own, [note(each) for each in ids], alice)

        assert await item_ids(own, alice, order, size) == (ids if order == "asc" else ids[::-1])

    @pytest.mark.promise("S2")
    async def test_many_items_of_one_moment_come_once_each(self, own: Any, alice: Caller) -> None:
        ids = [f"i{n * 7919 % self.MANY:04}" for n in range(self.MANY)]
        await add_all(own, [note(each) for each in ids], alice)

        assert await item_ids(own, alice, "asc", 300) == ids
        assert await item_ids(own, alice, "desc", 301) == ids[::-1]

    @pytest.mark.promise("S2")
    async def test_an_update_keeps_the_place(self, own: Any, alice: Caller) -> None:
        await add_all(own, [note("a"), note("b"), note("c")], alice)

        await own.save_item("thr_1", note("a", content="new", at=NOON + timedelta(days=1)), alice)

        assert await item_ids(own, alice) == ["a", "b", "c"]
        assert (await own.load_item("thr_1", "a", alice)).content == "new"

    @pytest.mark.promise("S2")
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

    @pytest.mark.promise("S2")
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

    @pytest.mark.promise("S3")
    @pytest.mark.parametrize(("limit", "count", "more"), [(1, 1, True), (2, 2, True), (3, 3, False), (4, 3, False)])
    async def test_has_more_is_exact(self, own: Any, alice: Caller, limit: int, count: int, more: bool) -> None:
        await add_all(own, [note("a"), note("b"), note("c")], alice)
        for n in (2, 3):
            await own.save_thread(thread(f"thr_{n}", NOON + timedelta(seconds=n)), alice)

        items = await own.load_thread_items("thr_1", None, limit, "asc", alice)
        threads = await own.load_threads(limit, None, "asc", alice)

        assert (len(items.data), items.has_more, items.after) == (count, more, items.data[-1].id)
        assert (len(threads.data), threads.has_more, threads.after) == (count, more, threads.data[-1].id)

    @pytest.mark.promise("S3")
    @pytest.mark.parametrize("limit", [0, -1])
    async def test_a_page_of_nothing_is_the_last(self, own: Any, alice: Caller, limit: int) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)

        for page in (
            await own.load_thread_items("thr_1", None, limit, "asc", alice),
            await own.load_threads(limit, None, "asc", alice),
        ):
            assert page == Page(data=[], has_more=False, after=None)

    @pytest.mark.promise("S5")
    async def test_the_page_behind_the_last_item_is_empty(self, own: Any, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)

        assert (await own.load_thread_items("thr_1", "i", 9, "asc", alice)) == Page(data=[])
        assert (await own.load_threads(9, "thr_1", "asc", alice)) == Page(data=[])

    @pytest.mark.promise("S5")
    async def test_an_unknown_cursor_is_not_found(self, own: Any, alice: Caller, bob: Caller) -> None:
        await own.save_thread(thread("thr_2"), bob)
        await own.save_thread(thread("thr_3"), alice)
        await own.add_thread_item("thr_3", note("elsewhere"), alice)

        for cursor in ("thr_x", "thr_2"):
            with pytest.raises(NotFoundError, match=f"^Thread {cursor} not found$"):
                await own.load_threads(9, cursor, "asc", alice)
        for cursor in ("x", "elsewhere"):
            with pytest.raises(NotFoundError, match=f"^Item {cursor} not found$"):
                await own.load_thread_items("thr_1", cursor, 9, "asc", alice)

    async def test_an_unknown_order_is_refused(self, own: Any, alice: Caller) -> None:
        with pytest.raises(ValueError, match="sideways"):
            await own.load_threads(9, None, "sideways", alice)

    # S4: adding and saving

    @pytest.mark.promise("S4")
    async def test_the_same_item_again_is_a_retry(self, own: Any, alice: Caller) -> None:
        big = note("big", content=noise(150_000))
        for item in (note("i"), big):
            await own.add_thread_item("thr_1", item, alice)
            await own.add_thread_item("thr_1", item, alice)

        assert await item_ids(own, alice) == ["i", "big"]

    @pytest.mark.promise("S4")
    async def test_another_item_of_the_same_id_is_refused(self, own: Any, alice: Caller) -> None:
        await own.add_thread_item("thr_1", note("i", content="first"), alice)

        for other in (
            note("i", content="second"),
            note("i", content="first", at=NOON + timedelta(seconds=1)),
            answer("i"),
        ):
            with pytest.raises(DuplicateItemError) as caught:
                await own.add_thread_item("thr_1", other, alice)
            assert (caught.value.thread_id, caught.value.item_id) == ("thr_1", "i")
        assert (await own.load_item("thr_1", "i", alice)).content == "first"

    @pytest.mark.promise("S4")
    async def test_one_id_in_two_threads_is_two_items(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread("thr_2"), alice)
        await own.add_thread_item("thr_1", note("__fake_id__", 1), alice)
        await own.add_thread_item("thr_2", note("__fake_id__", 2), alice)

        assert (await own.load_item("thr_1", "__fake_id__", alice)).content == 1

    @pytest.mark.promise("S4")
    async def test_two_adders_of_one_id_and_only_one_wins(self, own: Any, alice: Caller) -> None:
        adding = [own.add_thread_item("thr_1", note("i", content=n), alice) for n in range(5)]
        outcomes = await asyncio.gather(*adding, return_exceptions=True)

        kept = (await own.load_item("thr_1", "i", alice)).content
        assert [n for n, outcome in enumerate(outcomes) if outcome is None] == [kept]
        assert all(isinstance(each, DuplicateItemError) for each in outcomes if each is not None)

    @pytest.mark.promise("S4")
    async def test_a_workflow_added_again_replaces_itself_in_its_place(self, own: Any, alice: Caller) -> None:
        await add_all(own, [workflow("w", "one"), note("last")], alice)

        await own.add_thread_item("thr_1", workflow("w", "one", "two", at=NOON + timedelta(seconds=1)), alice)

        assert len((await own.load_item("thr_1", "w", alice)).workflow.tasks) == 2
        assert await item_ids(own, alice) == ["w", "last"]
        with pytest.raises(DuplicateItemError):
            await own.add_thread_item("thr_1", workflow("last"), alice)
        with pytest.raises(DuplicateItemError):
            await own.add_thread_item("thr_1", note("w"), alice)

    @pytest.mark.promise("S4")
    async def test_save_item_writes_new_ones_too(self, own: Any, alice: Caller) -> None:
        await own.save_item("thr_1", note("i", content=1), alice)
        await own.save_item("thr_1", answer("i"), alice)

        assert await own.load_item("thr_1", "i", alice) == answer("i")
        assert await item_ids(own, alice) == ["i"]

    @pytest.mark.promise("S5")
    async def test_deleting_twice_is_no_error(self, own: Any, alice: Caller) -> None:
        await add_all(own, [note("a"), note("b")], alice)
        await own.save_attachment(file("a"), alice)
        for _ in range(2):
            await own.delete_thread_item("thr_1", "a", alice)
            await own.delete_attachment("a", alice)

        assert await item_ids(own, alice) == ["b"]
        with pytest.raises(NotFoundError):
            await own.load_attachment("a", alice)
        for _ in range(2):
            await own.delete_thread("thr_1", alice)

    # S7: any size

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

    # S8: deletion

    @pytest.mark.promise("S8")
    async def test_a_deleted_thread_is_nowhere(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread("thr_2", title="stays"), alice)
        await own.add_thread_item("thr_1", note("i"), alice)
        await own.save_attachment(file("a", thread_id="thr_1"), alice)
        held = await own.load_thread("thr_1", alice)

        await own.delete_thread("thr_1", alice)

        late = [
            lambda: own.load_thread("thr_1", alice),
            lambda: own.add_thread_item("thr_1", note("late"), alice),
            lambda: own.save_item("thr_1", note("i", content="late"), alice),
            lambda: own.save_thread(held, alice),
            lambda: own.save_thread(held.model_copy(), Caller(alice.user_id, "another request")),
            lambda: own.save_attachment(file("late", thread_id="thr_1"), alice),
            lambda: own.set_automatic_title("thr_1", "late", alice),
            lambda: own.load_threads(9, "thr_1", "asc", alice),
        ]
        for call in late:
            with pytest.raises(NotFoundError, match=r"^Thread thr_1 not found$"):
                await call()
        for call in (lambda: own.load_item("thr_1", "i", alice), lambda: own.load_attachment("a", alice)):
            with pytest.raises(NotFoundError):
                await call()
        for after in (None, "i"):
            assert (await own.load_thread_items("thr_1", after, 9, "asc", alice)) == Page(data=[])
        await own.delete_thread_item("thr_1", "i", alice)
        assert await thread_ids(own, alice) == ["thr_2"]

    @pytest.mark.promise("S8")
    async def test_a_thread_deleted_while_a_turn_writes_stays_deleted(self, own: Any, alice: Caller) -> None:
        turn, written = Caller(alice.user_id, "turn"), asyncio.Event()
        held = await own.load_thread("thr_1", turn)

        async def run() -> None:
            for n in range(1_000):
                held.metadata["step"] = n
                await own.add_thread_item("thr_1", note(f"i{n}"), turn)
                await own.save_thread(held, turn)
                written.set()
                await asyncio.sleep(0)

        running = asyncio.create_task(run())
        await written.wait()
        await own.delete_thread("thr_1", alice)

        with pytest.raises(NotFoundError):
            await running
        assert await thread_ids(own, alice) == []
        assert (await own.load_thread_items("thr_1", None, 9, "asc", alice)).data == []

    # S10: retention

    @pytest.mark.promise("S10")
    async def test_a_thread_expires_after_its_last_message(self, make_store: Callable[..., Any], alice: Caller) -> None:
        clock = Clock()
        store = make_store(clock=clock, retention=timedelta(days=30))
        await store.save_thread(thread(), alice)
        await store.save_attachment(file("a", thread_id="thr_1"), alice)
        clock.advance(timedelta(days=20))
        await store.add_thread_item("thr_1", note("i"), alice)
        clock.advance(timedelta(days=29))
        await store.save_thread(await store.load_thread("thr_1", alice), alice)
        assert await thread_ids(store, alice) == ["thr_1"]

        clock.advance(timedelta(days=1))

        for call in (
            lambda: store.load_thread("thr_1", alice),
            lambda: store.load_item("thr_1", "i", alice),
            lambda: store.load_attachment("a", alice),
            lambda: store.add_thread_item("thr_1", note("late"), alice),
            lambda: store.save_item("thr_1", note("i"), alice),
            lambda: store.save_thread(thread(title="late"), alice),
        ):
            with pytest.raises(NotFoundError):
                await call()
        assert await thread_ids(store, alice) == []
        assert (await store.load_thread_items("thr_1", None, 9, "asc", alice)).data == []

    @pytest.mark.promise("S10")
    @pytest.mark.parametrize("order", ["asc", "desc"])
    async def test_pages_of_threads_are_full_among_expired_ones(
        self, make_store: Callable[..., Any], alice: Caller, order: str
    ) -> None:
        clock = Clock()
        store = make_store(clock=clock, retention=timedelta(days=30))
        for n in range(12):
            await store.save_thread(thread(f"t{n:02}", NOON + timedelta(seconds=n)), alice)
        clock.advance(timedelta(days=20))
        for n in (3, 4, 9):
            await store.add_thread_item(f"t{n:02}", note("i"), alice)
        clock.advance(timedelta(days=20))

        page = await store.load_threads(2, None, order, alice)

        alive = ["t03", "t04", "t09"] if order == "asc" else ["t09", "t04", "t03"]
        assert ([each.id for each in page.data], page.has_more) == (alive[:2], True)
        assert await thread_ids(store, alice, order, 1) == alive

    @pytest.mark.promise("S10")
    async def test_without_retention_nothing_expires(self, make_store: Callable[..., Any], alice: Caller) -> None:
        clock = Clock()
        store = make_store(clock=clock)
        await store.save_thread(thread(), alice)
        clock.advance(timedelta(days=36_500))

        assert await thread_ids(store, alice) == ["thr_1"]

    # S11: ids

    @pytest.mark.promise("S11")
    @pytest.mark.feature("own-ids")
    def test_ids_sort_by_time_and_cannot_be_guessed(self, store: Any, alice: Caller) -> None:
        kinds = ["message", "tool_call", "task", "workflow", "attachment", "sdk_hidden_context"]
        made = [store.generate_item_id("message", thread(), alice) for _ in range(1_000)]

        assert made == sorted(set(made))
        for each in [
            store.generate_thread_id(alice),
            *(store.generate_item_id(kind, thread(), alice) for kind in kinds),
        ]:
            prefix, digits = each.rsplit("_", 1)
            assert prefix
            assert (int(digits, 16).bit_length() >= 80, len(digits)) == (True, 36)

    # S12: two writers of one thread

    @pytest.mark.promise("S12")
    @pytest.mark.parametrize("same_process", [True, False])
    @pytest.mark.parametrize("first_turn", [True, False])
    async def test_a_rename_and_a_running_turn_both_survive(
        self, make_store: Callable[..., Any], alice: Caller, first_turn: bool, same_process: bool
    ) -> None:
        store = make_store()
        other = store if same_process else make_store()
        turn, rename = Caller(alice.user_id, "turn"), Caller(alice.user_id, "rename")
        held: ThreadMetadata = Thread(**thread(metadata={"old": 0}).model_dump(), items=Page())
        await store.save_thread(ThreadMetadata(**held.model_dump()), turn)
        if not first_turn:
            turn = Caller(alice.user_id, "second turn")
            held = await store.load_thread("thr_1", turn)

        renamed = await other.load_thread("thr_1", rename)
        renamed.title = "Renamed"
        await other.save_thread(renamed, rename)
        held.metadata["response_id"] = "r1"
        await store.save_thread(held, turn)
        held.metadata["response_id"] = "r2"
        del held.metadata["old"]
        await store.save_thread(held, turn)

        loaded = await store.load_thread("thr_1", alice)
        assert (loaded.title, loaded.metadata) == ("Renamed", {"response_id": "r2"})

    @pytest.mark.promise("S12")
    async def test_a_turn_survives_a_rename_begun_before_it_saved(self, own: Any, alice: Caller) -> None:
        turn, rename = Caller(alice.user_id, "turn"), Caller(alice.user_id, "rename")
        held, renamed = await own.load_thread("thr_1", turn), await own.load_thread("thr_1", rename)
        held.metadata["response_id"] = "r1"
        held.status = LockedStatus(reason="waiting")
        await own.save_thread(held, turn)
        renamed.title = "Renamed"
        await own.save_thread(renamed, rename)

        loaded = await own.load_thread("thr_1", alice)
        assert (loaded.title, loaded.metadata, loaded.status.type) == ("Renamed", {"response_id": "r1"}, "locked")

    @pytest.mark.promise("S12")
    async def test_a_title_set_by_a_turn_does_not_replace_a_later_rename(self, own: Any, alice: Caller) -> None:
        turn, rename = Caller(alice.user_id, "turn"), Caller(alice.user_id, "rename")
        held, renamed = await own.load_thread("thr_1", turn), await own.load_thread("thr_1", rename)
        renamed.title = "Renamed"
        await own.save_thread(renamed, rename)
        held.title = "Thought up"
        await own.save_thread(held, turn)

        assert (await own.load_thread("thr_1", alice)).title == "Renamed"

    @pytest.mark.promise("S12")
    @pytest.mark.parametrize("rename_first", [True, False])
    async def test_an_automatic_title_never_replaces_a_users(self, own: Any, alice: Caller, rename_first: bool) -> None:
        turn, rename = Caller(alice.user_id, "turn"), Caller(alice.user_id, "rename")
        held, renamed = await own.load_thread("thr_1", turn), await own.load_thread("thr_1", rename)
        renamed.title = "Renamed"
        if rename_first:
            await own.save_thread(renamed, rename)
        held.title = await own.set_automatic_title("thr_1", "Thought up", turn)
        if not rename_first:
            await own.save_thread(renamed, rename)
        held.metadata["a"] = 1
        await own.save_thread(held, turn)

        loaded = await own.load_thread("thr_1", alice)
        assert (loaded.title, loaded.metadata) == ("Renamed", {"a": 1})

    @pytest.mark.promise("S12")
    async def test_an_automatic_title_is_set_and_may_be_improved(self, own: Any, alice: Caller) -> None:
        held = await own.load_thread("thr_1", alice)

        held.title = await own.set_automatic_title("thr_1", "First", alice)
        await own.save_thread(held, alice)
        held.title = await own.set_automatic_title("thr_1", "Second" + "x" * 300, alice)
        await own.save_thread(held, alice)

        assert (await own.load_thread("thr_1", alice)).title == ("Second" + "x" * 300)[:200]

    @pytest.mark.promise("S12")
    async def test_a_user_may_rename_again_and_clear(self, own: Any, alice: Caller) -> None:
        for title in ("One", "Two", None, "Three"):
            held = await own.load_thread("thr_1", alice)
            held.title = title
            await own.save_thread(held, alice)
            assert (await own.load_thread("thr_1", alice)).title == title

    async def test_a_thread_nobody_loaded_is_saved_as_it_is(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread(title="Old", metadata={"a": 1}), Caller(alice.user_id, "2"))
        await own.save_thread(thread(metadata={"b": 2}), Caller(alice.user_id, "3"))

        assert await own.load_thread("thr_1", alice) == thread(metadata={"b": 2})

    @pytest.mark.promise("S12")
    async def test_many_writers_of_one_thread_lose_nothing(self, own: Any, alice: Caller) -> None:
        async def write(n: int) -> None:
            caller = Caller(alice.user_id, f"writer {n}")
            held = await own.load_thread("thr_1", caller)
            held.metadata[f"key {n}"] = n
            await own.save_thread(held, caller)

        await asyncio.gather(*(write(n) for n in range(6)))

        assert (await own.load_thread("thr_1", alice)).metadata == {f"key {n}": n for n in range(6)}

    # Attachments: claims and expiry (A3, A6)

    @pytest.mark.promise("A3")
    async def test_an_attachment_is_claimed_by_one_turn(self, own: Any, alice: Caller) -> None:
        await own.save_attachment(file("a"), alice)
        await own.claim_attachment("a", "turn-1", alice)
        await own.claim_attachment("a", "turn-1", alice)
        await own.release_attachment("a", "turn-2", alice)
        with pytest.raises(AttachmentClaimedError) as caught:
            await own.claim_attachment("a", "turn-2", alice)
        assert caught.value.attachment_id == "a"

        await own.release_attachment("a", "turn-1", alice)
        await own.claim_attachment("a", "turn-2", alice)
        await own.save_attachment(file("a", thread_id="thr_1"), alice)
        await own.release_attachment("a", "turn-2", alice)
        with pytest.raises(AttachmentClaimedError):
            await own.claim_attachment("a", "turn-3", alice)

    @pytest.mark.promise("A3")
    async def test_an_attachment_of_a_message_cannot_be_claimed(self, own: Any, alice: Caller) -> None:
        await own.save_attachment(file("a", thread_id="thr_1"), alice)

        with pytest.raises(AttachmentClaimedError):
            await own.claim_attachment("a", "turn-1", alice)

    @pytest.mark.promise("A6")
    async def test_an_attachment_expires_until_it_has_a_thread(
        self, make_store: Callable[..., Any], alice: Caller
    ) -> None:
        clock = Clock()
        store = make_store(clock=clock)
        await store.save_thread(thread(), alice)
        await store.save_attachment(file("unsent"), alice)
        await store.save_attachment(file("sent"), alice)
        await store.save_attachment(file("sent", thread_id="thr_1"), alice)
        clock.advance(timedelta(hours=23, minutes=30))
        with pytest.raises(NotFoundError):
            await store.claim_attachment("unsent", "turn", alice)
        assert await store.load_attachment("unsent", alice) == file("unsent")
        clock.advance(timedelta(hours=1))

        assert await store.load_attachment("sent", alice) == file("sent", thread_id="thr_1")
        with pytest.raises(NotFoundError):
            await store.load_attachment("unsent", alice)
