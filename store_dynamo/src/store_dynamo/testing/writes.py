"""The contracts on writes: retries and duplicates, and two writers of one thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import LockedStatus, Page, Thread, ThreadMetadata

from store_dynamo.errors import DuplicateItemError
from store_dynamo.testing.models import NOON, answer, file, noise, note, thread, workflow
from store_dynamo.testing.setting import Caller, StoreSetting, add_all, item_ids


class WritesContract(StoreSetting):
    """The same item again is a retry, another one of its id raises DuplicateItemError; deletions are idempotent."""

    async def test_the_same_item_again_is_a_retry(self, own: Any, alice: Caller) -> None:
        big = note("big", content=noise(150_000))
        for item in (note("i"), big):
            await own.add_thread_item("thr_1", item, alice)
            await own.add_thread_item("thr_1", item, alice)

        assert await item_ids(own, alice) == ["i", "big"]

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

    async def test_one_id_in_two_threads_is_two_items(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread("thr_2"), alice)
        await own.add_thread_item("thr_1", note("__fake_id__", 1), alice)
        await own.add_thread_item("thr_2", note("__fake_id__", 2), alice)

        assert (await own.load_item("thr_1", "__fake_id__", alice)).content == 1

    async def test_two_adders_of_one_id_and_only_one_wins(self, own: Any, alice: Caller) -> None:
        adding = [own.add_thread_item("thr_1", note("i", content=n), alice) for n in range(5)]
        outcomes = await asyncio.gather(*adding, return_exceptions=True)

        kept = (await own.load_item("thr_1", "i", alice)).content
        assert [n for n, outcome in enumerate(outcomes) if outcome is None] == [kept]
        assert all(isinstance(each, DuplicateItemError) for each in outcomes if each is not None)

    async def test_a_workflow_added_again_replaces_itself_in_its_place(self, own: Any, alice: Caller) -> None:
        await add_all(own, [workflow("w", "one"), note("last")], alice)

        await own.add_thread_item("thr_1", workflow("w", "one", "two", at=NOON + timedelta(seconds=1)), alice)

        assert len((await own.load_item("thr_1", "w", alice)).workflow.tasks) == 2
        assert await item_ids(own, alice) == ["w", "last"]
        with pytest.raises(DuplicateItemError):
            await own.add_thread_item("thr_1", workflow("last"), alice)
        with pytest.raises(DuplicateItemError):
            await own.add_thread_item("thr_1", note("w"), alice)

    async def test_save_item_writes_new_ones_too(self, own: Any, alice: Caller) -> None:
        await own.save_item("thr_1", note("i", content=1), alice)
        await own.save_item("thr_1", answer("i"), alice)

        assert await own.load_item("thr_1", "i", alice) == answer("i")
        assert await item_ids(own, alice) == ["i"]

    async def test_deleting_twice_is_allowed(self, own: Any, alice: Caller) -> None:
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

    async def test_ids_sort_by_time_and_cannot_be_guessed(self, store: Any, alice: Caller) -> None:
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


class MergeContract(StoreSetting):
    """`save_thread` writes the caller's changes only, and `set_automatic_title` never replaces a user's title."""

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

    async def test_a_title_set_by_a_turn_does_not_replace_a_later_rename(self, own: Any, alice: Caller) -> None:
        turn, rename = Caller(alice.user_id, "turn"), Caller(alice.user_id, "rename")
        held, renamed = await own.load_thread("thr_1", turn), await own.load_thread("thr_1", rename)
        renamed.title = "Renamed"
        await own.save_thread(renamed, rename)
        held.title = "Thought up"
        await own.save_thread(held, turn)

        assert (await own.load_thread("thr_1", alice)).title == "Renamed"

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

    async def test_an_automatic_title_is_set_and_may_be_improved(self, own: Any, alice: Caller) -> None:
        held = await own.load_thread("thr_1", alice)

        held.title = await own.set_automatic_title("thr_1", "First", alice)
        await own.save_thread(held, alice)
        held.title = await own.set_automatic_title("thr_1", "Second" + "x" * 300, alice)
        await own.save_thread(held, alice)

        assert (await own.load_thread("thr_1", alice)).title == ("Second" + "x" * 300)[:200]

    async def test_a_user_may_rename_again_and_clear(self, own: Any, alice: Caller) -> None:
        for title in ("One", "Two", None, "Three"):
            held = await own.load_thread("thr_1", alice)
            held.title = title
            await own.save_thread(held, alice)
            assert (await own.load_thread("thr_1", alice)).title == title

    async def test_a_thread_that_was_not_loaded_is_saved_as_it_is(self, own: Any, alice: Caller) -> None:
        await own.save_thread(thread(title="Old", metadata={"a": 1}), Caller(alice.user_id, "2"))
        await own.save_thread(thread(metadata={"b": 2}), Caller(alice.user_id, "3"))

        assert await own.load_thread("thr_1", alice) == thread(metadata={"b": 2})

    async def test_many_writers_of_one_thread_lose_nothing(self, own: Any, alice: Caller) -> None:
        async def write(n: int) -> None:
            caller = Caller(alice.user_id, f"writer {n}")
            held = await own.load_thread("thr_1", caller)
            held.metadata[f"key {n}"] = n
            await own.save_thread(held, caller)

        await asyncio.gather(*(write(n) for n in range(6)))

        assert (await own.load_thread("thr_1", alice)).metadata == {f"key {n}": n for n in range(6)}

    async def test_a_missing_or_foreign_thread_does_not_get_a_title(self, own: Any, alice: Caller, bob: Caller) -> None:
        await own.save_thread(thread("deleted"), alice)
        await own.delete_thread("deleted", alice)

        for thread_id, caller in (("thr_x", alice), ("deleted", alice), ("thr_1", bob)):
            with pytest.raises(NotFoundError, match=f"^Thread {thread_id} not found$"):
                await own.set_automatic_title(thread_id, "Mine", caller)
        assert (await own.load_thread("thr_1", alice)).title is None
