"""The turn's store: fewer round trips, with the same answers."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata

from chat_api.running import ThreadLock
from chat_api.user_store import UserStore
from store_dynamo import DynamoStore
from store_dynamo.running import ThreadBusyError
from tests.fakes.dynamo_backend import DynamoBackend
from tests.integration.turns.test_table import ANA


@pytest.fixture
async def store(backend: DynamoBackend) -> DynamoStore[Any]:
    """A store with a thread of twelve items."""
    store = backend.store()
    await store.save_thread(ThreadMetadata(id="thr_1", created_at=datetime.now(), title="stored"), ANA)
    for number in range(12):
        words = [AssistantMessageContent(text="words")]
        item = AssistantMessageItem(id=f"msg_{number:02}", thread_id="thr_1", created_at=datetime.now(), content=words)
        await store.add_thread_item("thr_1", item, ANA)
    return store


async def pages(store: Any, limit: int, order: str) -> list[list[str]]:
    found, after = list[list[str]](), None
    while True:
        page = await store.load_thread_items("thr_1", after, limit, order, ANA)
        found.append([item.id for item in page.data])
        if not page.has_more:
            return found
        after = page.after


@pytest.mark.promise("T3")
class TestPages:
    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("limit", [1, 5, 6, 11, 12, 13])
    async def test_they_are_the_stores(self, store: DynamoStore[Any], limit: int, order: str) -> None:
        assert await pages(UserStore(store, ANA), limit, order) == await pages(store, limit, order)

    async def test_two_readers_of_one_turn_do_not_mix_their_places(self, store: DynamoStore[Any]) -> None:
        own = UserStore(store, ANA)
        first = await own.load_thread_items("thr_1", None, 3, "asc", ANA)
        await own.load_thread_items("thr_1", None, 5, "desc", ANA)

        second = await own.load_thread_items("thr_1", first.after, 3, "asc", ANA)

        assert [item.id for item in second.data] == ["msg_03", "msg_04", "msg_05"]

    async def test_one_continues_where_its_item_was_deleted_meanwhile(self, store: DynamoStore[Any]) -> None:
        own = UserStore(store, ANA)
        first = await own.load_thread_items("thr_1", None, 3, "asc", ANA)
        await own.delete_thread_item("thr_1", "msg_02", ANA)

        second = await own.load_thread_items("thr_1", first.after, 3, "asc", ANA)

        assert [item.id for item in second.data] == ["msg_03", "msg_04", "msg_05"]

    async def test_a_deleted_thread_has_none(self, store: DynamoStore[Any]) -> None:
        own = UserStore(store, ANA)
        first = await own.load_thread_items("thr_1", None, 3, "asc", ANA)
        await store.delete_thread("thr_1", ANA)

        assert (await own.load_thread_items("thr_1", first.after, 3, "asc", ANA)).data == []


@pytest.mark.promise("T3")
class TestThread:
    async def test_admissions_serves_once(self, store: DynamoStore[Any]) -> None:
        admitted = await store.load_thread("thr_1", ANA)
        own = UserStore(store, ANA, "thr_1", admitted=admitted)

        assert await own.load_thread("thr_1", ANA) is admitted
        assert await own.load_thread("thr_1", ANA) is not admitted

    async def test_another_one_is_read(self, store: DynamoStore[Any]) -> None:
        admitted = ThreadMetadata(id="thr_2", created_at=datetime.now())

        assert (await UserStore(store, ANA, "thr_2", admitted=admitted).load_thread("thr_1", ANA)).title == "stored"

    @pytest.mark.parametrize("busy", [False, True])
    async def test_a_lock_that_waited_for_another_turn_says_so(self, busy: bool) -> None:
        """The other turn may have changed the thread since admission read it."""
        holders: list[Any] = [SimpleNamespace(thread_id="thr_1", turn_id="t", claim="c")] if busy else []

        async def begin(*_: Any) -> None:
            if holders:
                raise ThreadBusyError(holders.pop())

        async def of(*_: Any) -> bool:
            return True

        store: Any = SimpleNamespace(running=SimpleNamespace(begin=begin))
        lock = await ThreadLock.take(store, SimpleNamespace(of=of), "thr_1", ANA)  # pyright: ignore[reportArgumentType]

        assert lock.at_once is not busy
