"""Fixtures and helpers of the contracts: users, a clock that tests move, and complete lists."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from chatkit.types import Page, ThreadItem

from store_dynamo.testing.models import thread


@dataclass(frozen=True)
class Caller:
    """A request's context."""

    user_id: str
    request: str = "1"


class Clock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self.now = datetime(2025, 6, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


async def every_page(load: Callable[[str | None], Awaitable[Page[Any]]]) -> list[Any]:
    """Return all entries of a list, page by page."""
    found: list[Any] = []
    after = None
    while True:
        page = await load(after)
        found += page.data
        if not page.has_more:
            return found
        assert page.data, "a page with has_more must not be empty"
        after = page.after


async def item_ids(store: Any, caller: Caller, order: str = "asc", size: int = 100) -> list[str]:
    items = await every_page(lambda after: store.load_thread_items("thr_1", after, size, order, caller))
    return [item.id for item in items]


async def thread_ids(store: Any, caller: Caller, order: str = "asc", size: int = 100) -> list[str]:
    return [each.id for each in await every_page(lambda after: store.load_threads(size, after, order, caller))]


async def add_all(store: Any, items: Sequence[ThreadItem], caller: Caller) -> None:
    for item in items:
        await store.add_thread_item("thr_1", item, caller)


@pytest.mark.asyncio
class StoreSetting:
    """The fixtures of every contract. A test class overrides `make_store`."""

    @pytest.fixture
    def make_store(self) -> Callable[..., Any]:
        """Return a function that makes a store of the options `clock`, `retention`, `after_read`, `before_write`.

        StoreContract passes no options. All stores that one test makes share their data.
        """
        raise NotImplementedError("override make_store")

    @pytest.fixture
    def store(self, make_store: Callable[..., Any]) -> Any:
        return make_store()

    @pytest.fixture
    def alice(self) -> Caller:
        return Caller(f"alice-{uuid.uuid4()}")

    @pytest.fixture
    def bob(self) -> Caller:
        return Caller(f"bob-{uuid.uuid4()}")

    @pytest_asyncio.fixture
    async def own(self, store: Any, alice: Caller) -> Any:
        """Return a store in which Alice has the thread thr_1."""
        await store.save_thread(thread(), alice)
        return store
