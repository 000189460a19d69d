"""The contracts on lifetime: deletion during a turn, retention, and attachments that are never sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chatkit.store import NotFoundError
from chatkit.types import Page

from store_dynamo.errors import AttachmentClaimedError
from store_dynamo.testing.models import NOON, file, note, thread
from store_dynamo.testing.setting import Caller, Clock, StoreSetting, thread_ids


class LifetimeContract(StoreSetting):
    """A deleted or expired thread is gone for every method. `make_store` takes `clock` and `retention`."""

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

    async def test_without_retention_nothing_expires(self, make_store: Callable[..., Any], alice: Caller) -> None:
        clock = Clock()
        store = make_store(clock=clock)
        await store.save_thread(thread(), alice)
        clock.advance(timedelta(days=36_500))

        assert await thread_ids(store, alice) == ["thr_1"]


class ClaimsContract(StoreSetting):
    """An attachment is sent with one message only, and expires after a day until then. `make_store` takes `clock`."""

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

    async def test_an_attachment_of_a_message_cannot_be_claimed(self, own: Any, alice: Caller) -> None:
        await own.save_attachment(file("a", thread_id="thr_1"), alice)

        with pytest.raises(AttachmentClaimedError):
            await own.claim_attachment("a", "turn-1", alice)

    async def test_only_an_unclaimed_attachment_is_deleted(self, own: Any, alice: Caller) -> None:
        for each in ("free", "claimed", "sent"):
            await own.save_attachment(file(each), alice)
        await own.claim_attachment("claimed", "turn-1", alice)
        await own.claim_attachment("sent", "turn-1", alice)
        await own.save_attachment(file("sent", thread_id="thr_1"), alice)

        for each in ("claimed", "sent"):
            with pytest.raises(AttachmentClaimedError):
                await own.delete_unclaimed_attachment(each, alice)
            assert (await own.load_attachment(each, alice)).id == each
        for each in ("free", "free", "unknown"):
            await own.delete_unclaimed_attachment(each, alice)
        with pytest.raises(NotFoundError):
            await own.load_attachment("free", alice)

        await own.release_attachment("claimed", "turn-1", alice)
        await own.delete_unclaimed_attachment("claimed", alice)
        with pytest.raises(NotFoundError):
            await own.claim_attachment("claimed", "turn-2", alice)

    async def test_deletion_of_what_existed_is_reported_once(self, own: Any, alice: Caller, bob: Caller) -> None:
        reported: list[tuple[str, str, str]] = []

        async def on_delete(kind: str, deleted_id: str, caller: Caller) -> None:
            reported.append((kind, deleted_id, caller.user_id))

        own.on_delete = on_delete
        await own.save_thread(thread("mine"), alice)
        await own.save_attachment(file("a"), alice)

        for caller in (bob, alice, alice):
            await own.delete_thread("mine", caller)
            await own.delete_thread("unknown", caller)
            await own.delete_unclaimed_attachment("a", caller)

        assert reported == [("thread", "mine", alice.user_id), ("file", "a", alice.user_id)]

    async def test_another_users_attachment_is_not_deleted(self, own: Any, alice: Caller, bob: Caller) -> None:
        await own.save_attachment(file("a"), alice)

        await own.delete_unclaimed_attachment("a", bob)

        assert await own.load_attachment("a", alice) == file("a")

    async def test_of_a_claim_and_a_deletion_at_once_one_succeeds(self, own: Any, alice: Caller) -> None:
        """In each order, and with both under way: never a claimed file without a record, never a lost claim."""
        for number in range(12):
            name = f"a{number}"
            await own.save_attachment(file(name), alice)
            steps = [own.claim_attachment(name, "turn-1", alice), own.delete_unclaimed_attachment(name, alice)]
            outcomes = await asyncio.gather(*(steps if number % 2 else steps[::-1]), return_exceptions=True)
            claim, deletion = outcomes if number % 2 else outcomes[::-1]

            assert (claim is None) != (deletion is None), (claim, deletion)
            if claim is None:
                assert isinstance(deletion, AttachmentClaimedError)
                assert (await own.load_attachment(name, alice)).id == name
            else:
                assert isinstance(claim, NotFoundError)

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

    @pytest.mark.parametrize("who", ["foreign", "unknown"])
    async def test_a_missing_or_foreign_attachment_cannot_be_claimed(
        self, own: Any, alice: Caller, bob: Caller, who: str
    ) -> None:
        await own.save_attachment(file("a"), alice)
        attachment_id, caller = ("a", bob) if who == "foreign" else ("x", alice)

        with pytest.raises(NotFoundError, match=f"^Attachment {attachment_id} not found$"):
            await own.claim_attachment(attachment_id, "turn", caller)
        await own.release_attachment(attachment_id, "turn", caller)
        assert await own.load_attachment("a", alice) == file("a")
