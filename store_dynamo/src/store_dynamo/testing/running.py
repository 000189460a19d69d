"""The contract on a store's `running`: one turn a thread, and a lock that outlives no dead process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from store_dynamo.running import DEAD_AFTER, ThreadBusyError
from store_dynamo.testing.setting import Caller, Clock, StoreSetting

SECOND = timedelta(seconds=1)


class RunningContract(StoreSetting):
    """`begin` locks a thread, `beat` keeps the lock alive, `end` frees it; only the claim that holds it can do so."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def running(self, make_store: Callable[..., Any], clock: Clock) -> Any:
        return make_store(clock=clock).running

    async def test_a_thread_has_one_turn_at_a_time(self, running: Any, alice: Caller, bob: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        with pytest.raises(ThreadBusyError) as caught:
            await running.begin("thr_1", "turn-2", "b", alice)
        await running.begin("thr_2", "turn-3", "c", alice)
        await running.begin("thr_1", "turn-1", "d", bob)

        assert (caught.value.thread_id, caught.value.turn_id) == ("thr_1", "turn-1")
        found = {(turn.thread_id, turn.turn_id) for turn in await running.list(alice)}
        assert found == {("thr_1", "turn-1"), ("thr_2", "turn-3")}
        await running.end("thr_1", "a", alice)
        await running.begin("thr_1", "turn-2", "b", alice)

    async def test_of_many_turns_at_once_one_begins(self, running: Any, alice: Caller) -> None:
        beginning = [running.begin("thr_1", f"turn-{n}", str(n), alice) for n in range(8)]
        outcomes = await asyncio.gather(*beginning, return_exceptions=True)

        assert outcomes.count(None) == 1
        assert sum(isinstance(each, ThreadBusyError) for each in outcomes) == 7

    async def test_only_its_claim_renews_and_ends_a_lock(self, running: Any, alice: Caller, bob: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        await running.end("thr_1", "b", alice)
        await running.end("thr_1", "a", bob)

        assert not await running.beat("thr_1", "b", alice)
        assert not await running.beat("thr_1", "a", bob)
        assert await running.beat("thr_1", "a", alice)
        assert (await running.find("thr_1", alice)).claim == "a"

    async def test_a_silent_turn_loses_its_lock(self, running: Any, clock: Clock, alice: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        clock.advance(DEAD_AFTER - SECOND)
        assert await running.beat("thr_1", "a", alice)
        clock.advance(DEAD_AFTER - SECOND)
        with pytest.raises(ThreadBusyError):
            await running.begin("thr_1", "turn-2", "b", alice)

        clock.advance(SECOND)
        assert await running.list(alice) == []
        with pytest.raises(ThreadBusyError) as caught:
            await running.begin("thr_1", "turn-2", "b", alice)
        assert not caught.value.holder.is_alive(clock())
        assert await running.condemn(caught.value.holder, alice)

        assert not await running.beat("thr_1", "a", alice)
        await running.end("thr_1", "a", alice)
        assert (await running.find("thr_1", alice)).taken
        await running.end("thr_1", "a", alice, taken=True)
        await running.begin("thr_1", "turn-2", "b", alice)
        await running.end("thr_1", "a", alice, taken=True)
        assert [turn.claim for turn in await running.list(alice)] == ["b"]

    async def test_an_ended_lock_is_not_revived(self, running: Any, alice: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        await running.end("thr_1", "a", alice)

        assert not await running.beat("thr_1", "a", alice)
        assert await running.find("thr_1", alice) is None
