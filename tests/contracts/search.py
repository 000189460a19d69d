"""The contract of the store's search: for every store, and its bounds for a table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    HiddenContextItem,
    InferenceOptions,
    UserMessageItem,
    UserMessageTextContent,
)

from store_dynamo import search as module
from store_dynamo.query import InvalidQueryError, SearchQuery
from store_dynamo.testing.models import NOON, thread
from store_dynamo.testing.setting import Caller


def said(thread_id: str, name: str, words: str, minute: int = 0) -> UserMessageItem:
    return UserMessageItem(
        id=name,
        thread_id=thread_id,
        created_at=NOON + timedelta(minutes=minute),
        content=[UserMessageTextContent(text=words)],
        attachments=[],
        inference_options=InferenceOptions(),
    )


def answered(thread_id: str, name: str, words: str, minute: int = 1) -> AssistantMessageItem:
    content = [AssistantMessageContent(text=words)]
    return AssistantMessageItem(
        id=name, thread_id=thread_id, created_at=NOON + timedelta(minutes=minute), content=content
    )


class SearchContract:
    """A store finds a user's own words and not those of other users."""

    async def _threads(self, store: Any, caller: Caller, *titles: str) -> list[str]:
        """Save threads, oldest first, and return their ids."""
        ids = [f"thr_{n:02}" for n in range(len(titles))]
        for n, (thread_id, title) in enumerate(zip(ids, titles, strict=True)):
            made = thread(thread_id, NOON + timedelta(hours=n), title=title)
            await store.save_thread(made, caller)
        return ids

    async def _find(self, store: Any, caller: Caller, query: str, after: str | None = None) -> Any:
        return await store.search.find(SearchQuery.parse(query), caller, after)

    async def _parts(self, store: Any, caller: Caller, query: str) -> list[Any]:
        """Search to the end and return each part."""
        parts = [await self._find(store, caller, query)]
        while parts[-1].after is not None:
            parts.append(await self._find(store, caller, query, parts[-1].after))
        return parts

    @pytest.mark.promise("F1")
    async def test_titles_and_messages_are_found_newest_thread_first(
        self, make_store: Callable[..., Any], alice: Caller
    ) -> None:
        store = make_store()
        first, second, third = await self._threads(store, alice, "Trip to Lisbon", "Money", "Rent")
        await store.add_thread_item(second, said(second, "msg_1", "What does LISBON cost?"), alice)
        await store.add_thread_item(second, answered(second, "msg_2", "A week in Lisbon costs $900.", 2), alice)
        await store.add_thread_item(third, said(third, "msg_3", "rent in Porto"), alice)

        found = await self._find(store, alice, "lisbon")

        assert [(hit.thread.id, hit.item_id) for hit in found.hits] == [(second, "msg_2"), (first, None)]
        assert found.hits[0].snippet == ["A week in ", "Lisbon", " costs $900."]
        assert (found.after, found.threads) == (None, 3)

    @pytest.mark.promise("F1")
    async def test_other_users_hidden_deleted_and_expired_texts_are_not_found(
        self, make_store: Callable[..., Any], alice: Caller, bob: Caller
    ) -> None:
        store = make_store()
        mine, gone, removed = await self._threads(store, alice, "one", "Lisbon", "three")
        (theirs,) = await self._threads(store, bob, "Lisbon of bob")
        hidden = HiddenContextItem(id="hid_1", thread_id=mine, created_at=NOON, content="Lisbon")
        await store.add_thread_item(mine, hidden, alice)
        await store.add_thread_item(removed, said(removed, "msg_9", "Lisbon"), alice)
        await store.delete_thread_item(removed, "msg_9", alice)
        await store.delete_thread(gone, alice)

        assert (await self._find(store, alice, "lisbon")).hits == []
        assert [hit.thread.id for hit in (await self._find(store, bob, "lisbon")).hits] == [theirs]


class SearchBoundsContract(SearchContract):
    """A search on a table stops at its bounds."""

    @pytest.mark.promise("F1")
    async def test_a_search_stops_at_its_bounds_and_continues_where_it_stopped(
        self, make_store: Callable[..., Any], alice: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MAX_THREADS", 4)
        monkeypatch.setattr(module, "THREADS_PAGE", 2)
        store = make_store()
        ids = await self._threads(store, alice, *(f"Lisbon {n}" if n % 3 == 0 else "other" for n in range(9)))

        parts = await self._parts(store, alice, "lisbon")

        assert [hit.thread.id for part in parts for hit in part.hits] == [ids[6], ids[3], ids[0]]
        assert len(parts) == 3

    @pytest.mark.promise("F1")
    async def test_a_long_thread_is_searched_in_parts(
        self, make_store: Callable[..., Any], alice: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MAX_RECORDS", 4)
        monkeypatch.setattr(module, "PAGE", 2)
        store = make_store()
        (long,) = await self._threads(store, alice, "long")
        for n in range(10):
            words = "Lisbon" if n == 1 else f"number {n}"
            await store.add_thread_item(long, said(long, f"msg_{n}", words, n), alice)

        parts = await self._parts(store, alice, "lisbon")

        assert [(hit.thread.id, hit.item_id) for part in parts for hit in part.hits] == [(long, "msg_1")]
        assert max(part.records for part in parts) <= 4

    @pytest.mark.promise("F1")
    async def test_several_long_threads_share_one_bound(
        self, make_store: Callable[..., Any], alice: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "MAX_RECORDS", 4)
        monkeypatch.setattr(module, "PAGE", 2)
        monkeypatch.setattr(module, "PARALLEL", 2)
        store = make_store()
        ids = await self._threads(store, alice, "one", "two", "three", "four")
        for thread_id in ids:
            for n in range(6):
                words = "Lisbon" if n == 0 else f"number {n}"
                await store.add_thread_item(thread_id, said(thread_id, f"{thread_id}_{n}", words, n), alice)

        parts = await self._parts(store, alice, "lisbon")

        assert [hit.thread.id for part in parts for hit in part.hits] == ids[::-1]
        # Two threads side by side may each read one page more.
        assert max(part.records for part in parts) <= 4 + 2 * 2

    @pytest.mark.promise("F1")
    async def test_a_place_that_no_search_returned_is_refused(
        self, make_store: Callable[..., Any], alice: Caller, bob: Caller
    ) -> None:
        store = make_store()
        await self._threads(store, bob, "Lisbon", "Lisbon")
        for after in (
            "",
            "x",
            "%%%",
            "WyJ0aHJfMDEiLCBudWxsXQ",
            "bnVsbA",
            "W10",
            "W1tb" * 360,
        ):  # the fourth is bob's thread
            with pytest.raises(InvalidQueryError, match="cannot continue"):
                await self._find(store, alice, "lisbon", after)

    async def test_a_large_message_is_found(self, make_store: Callable[..., Any], alice: Caller) -> None:
        store = make_store()
        (one,) = await self._threads(store, alice, "large")
        await store.add_thread_item(one, answered(one, "msg_1", "word " * 5_000 + "Lisbon"), alice)

        (hit,) = (await self._find(store, alice, "lisbon")).hits
        assert hit.snippet[1] == "Lisbon"
