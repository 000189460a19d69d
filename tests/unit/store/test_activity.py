"""`by_activity`: threads in the order of their last items, with their times; ChatKit's order stays the default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from store_dynamo import ActivePage, DynamoStore
from store_dynamo.testing import Caller, Clock
from store_dynamo.testing.models import note, thread
from tests.fakes.dynamo_backend import DynamoBackend

ALICE = Caller("alice")
DAY = timedelta(days=1)
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
"""Where the test clock stands."""
BEGUN = NOW - 10 * DAY


async def three_threads(store: DynamoStore[Caller]) -> None:
    for number in range(3):
        await store.save_thread(thread(f"thr_{number}", BEGUN + number * DAY), ALICE)


async def listed(store: DynamoStore[Caller], order: str = "desc") -> list[str]:
    return [each.id for each in (await store.load_threads(10, None, order, ALICE)).data]


@pytest.mark.parametrize("retention", [None, 90 * DAY])
async def test_a_thread_moves_to_the_front_with_a_new_item_only(
    moto_backend: DynamoBackend, retention: timedelta | None
) -> None:
    clock = Clock()
    store = moto_backend.store(by_activity=True, clock=clock, retention=retention)
    await three_threads(store)
    assert await listed(store) == ["thr_2", "thr_1", "thr_0"]

    await store.add_thread_item("thr_0", note("i0"), ALICE)
    clock.advance(DAY)
    await store.save_item("thr_2", note("i2"), ALICE)
    renamed = await store.load_thread("thr_2", ALICE)
    renamed.title = "another"
    await store.save_thread(renamed, ALICE)

    page = await store.load_threads(10, None, "desc", ALICE)
    assert [each.id for each in page.data] == ["thr_0", "thr_2", "thr_1"]
    assert isinstance(page, ActivePage)
    assert page.last_activity == {"thr_0": NOW, "thr_1": BEGUN + DAY, "thr_2": BEGUN + 2 * DAY}
    assert await listed(store, "asc") == ["thr_1", "thr_2", "thr_0"]


async def test_pages_continue_behind_a_thread(moto_backend: DynamoBackend) -> None:
    clock = Clock()
    store = moto_backend.store(by_activity=True, clock=clock)
    await three_threads(store)
    await store.add_thread_item("thr_0", note("i0"), ALICE)

    first = await store.load_threads(2, None, "desc", ALICE)
    second = await store.load_threads(2, first.after, "desc", ALICE)

    assert [each.id for each in [*first.data, *second.data]] == ["thr_0", "thr_2", "thr_1"]


async def test_the_default_is_the_order_of_creation_without_times(moto_backend: DynamoBackend) -> None:
    store = moto_backend.store(clock=Clock(), retention=90 * DAY)
    await three_threads(store)
    await store.add_thread_item("thr_0", note("i0"), ALICE)

    assert await listed(store) == ["thr_2", "thr_1", "thr_0"]
    assert not isinstance(await store.load_threads(10, None, "desc", ALICE), ActivePage)


async def test_an_item_does_not_bring_a_deleted_thread_back(moto_backend: DynamoBackend) -> None:
    store = moto_backend.store(by_activity=True)
    await three_threads(store)
    await store.delete_thread("thr_0", ALICE)

    with pytest.raises(Exception, match="thr_0 not found"):
        await store.add_thread_item("thr_0", note("i0"), ALICE)
    assert await listed(store) == ["thr_2", "thr_1"]
