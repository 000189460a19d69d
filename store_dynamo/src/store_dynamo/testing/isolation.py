"""The contracts on isolation of users, and on the ids that a store takes."""

from __future__ import annotations

from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import Page

from store_dynamo.errors import InvalidIdError
from store_dynamo.testing.models import file, noise, note, thread
from store_dynamo.testing.setting import Caller, StoreSetting, thread_ids

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


class IsolationContract(StoreSetting):
    """Another user's data behaves as if it did not exist. The user is the context's `user_id`."""

    @pytest.mark.parametrize("who", ["foreign", "unknown"])
    async def test_another_users_records_do_not_exist(self, own: Any, alice: Caller, bob: Caller, who: str) -> None:
        await own.add_thread_item("thr_1", note("i"), alice)
        await own.save_attachment(file("a"), alice)
        caller, ids = (bob, ("thr_1", "i", "a")) if who == "foreign" else (alice, ("thr_x", "x", "x"))
        thread_id, item_id, attachment_id = ids

        for call in (
            lambda: own.load_thread(thread_id, caller),
            lambda: own.add_thread_item(thread_id, note("new"), caller),
            lambda: own.save_item(thread_id, note("new"), caller),
            lambda: own.save_attachment(file("b", thread_id=thread_id), caller),
        ):
            with pytest.raises(NotFoundError, match=f"^Thread {thread_id} not found$"):
                await call()
        with pytest.raises(NotFoundError, match=f"^Item {item_id} not found$"):
            await own.load_item(thread_id, item_id, caller)
        with pytest.raises(NotFoundError, match=f"^Attachment {attachment_id} not found$"):
            await own.load_attachment(attachment_id, caller)
        assert await own.load_thread_items(thread_id, None, 9, "asc", caller) == Page(data=[])
        await own.delete_thread_item(thread_id, item_id, caller)
        await own.delete_attachment(attachment_id, caller)
        await own.delete_thread(thread_id, caller)

        assert await own.load_item("thr_1", "i", alice) == note("i")
        assert await own.load_attachment("a", alice) == file("a")
        assert (await own.load_threads(9, None, "asc", bob)).data == []

    async def test_saving_another_users_thread_id_makes_a_new_thread(
        self, own: Any, alice: Caller, bob: Caller
    ) -> None:
        await own.save_thread(thread(title="Bob's"), bob)

        assert (await own.load_thread("thr_1", alice)).title is None
        assert (await own.load_thread("thr_1", bob)).title == "Bob's"

    async def test_a_loaded_model_saved_by_another_user_is_that_users(
        self, own: Any, alice: Caller, bob: Caller
    ) -> None:
        mine = await own.load_thread("thr_1", alice)
        mine.title = "Copied"
        await own.save_thread(mine, bob)

        assert (await own.load_thread("thr_1", alice)).title is None
        assert (await own.load_thread("thr_1", bob)).title == "Copied"

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

    async def test_another_users_thread_is_not_a_cursor(self, own: Any, alice: Caller, bob: Caller) -> None:
        await own.save_thread(thread("thr_2"), bob)

        with pytest.raises(NotFoundError, match=r"^Thread thr_2 not found$"):
            await own.load_threads(9, "thr_2", "asc", alice)


class IdLimitsContract(StoreSetting):
    """Ids of up to 512 bytes are stored; longer ones, and an empty user id, raise InvalidIdError."""

    async def test_a_context_without_a_user_is_refused(self, store: Any) -> None:
        with pytest.raises(InvalidIdError):
            await store.load_threads(9, None, "asc", Caller(""))

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

        await store.add_thread_item(longest, note("next"), alice)
        first = await store.load_thread_items(longest, None, 1, "asc", alice)
        assert first.after == longest
        assert (await store.load_thread_items(longest, first.after, 1, "asc", alice)).data == [note("next")]
        assert (await store.load_attachment(longest, alice)).thread_id == longest
