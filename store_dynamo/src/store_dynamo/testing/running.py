"""The contract on a store's `running` and `turns`: one turn a thread, and locks that a takeover can end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chatkit.store import NotFoundError

from store_dynamo.errors import InvalidIdError
from store_dynamo.running import DEAD_AFTER, RunningTurn, ThreadBusyError
from store_dynamo.testing.setting import Caller, Clock, StoreSetting
from store_dynamo.turns import MAX_CALLS, TurnRecord

SECOND = timedelta(seconds=1)


class RunningContract(StoreSetting):
    """`begin` locks a thread, `beat` keeps the lock alive, `end` frees it; only the claim that holds it can do so."""

    SEEDS = 4
    """Random histories."""

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
        assert caught.value.holder == await running.find("thr_1", alice)
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

    async def test_all_locks_are_found_at_once(self, running: Any, clock: Clock, alice: Caller, bob: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        clock.advance(DEAD_AFTER)
        await running.begin("thr_2", "turn-2", "b", alice)
        await running.begin("thr_3", "turn-3", "c", bob)

        alive, dead = await running.find_all(alice)

        assert [turn.turn_id for turn in alive] == ["turn-2"]
        assert dead == [await running.find("thr_1", alice)]

    async def test_an_ended_lock_is_not_revived(self, running: Any, alice: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        await running.end("thr_1", "a", alice)

        assert not await running.beat("thr_1", "a", alice)
        assert await running.find("thr_1", alice) is None

    async def test_a_lock_has_its_files(self, running: Any, alice: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice, ["file_2", "file_1"])
        await running.begin("thr_2", "turn-2", "b", alice)
        await running.beat("thr_1", "a", alice)

        assert (await running.find("thr_1", alice)).files == ("file_2", "file_1")
        assert (await running.find("thr_2", alice)).files == ()

    async def test_a_late_beat_saves_a_turn_from_a_takeover(self, running: Any, clock: Clock, alice: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        clock.advance(DEAD_AFTER)
        seen = await running.find("thr_1", alice)
        assert await running.beat("thr_1", "a", alice)

        assert not await running.condemn(seen, alice)
        assert await running.beat("thr_1", "a", alice)
        assert not (await running.find("thr_1", alice)).taken

    async def test_a_living_turn_is_not_condemned(self, running: Any, clock: Clock, alice: Caller) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        clock.advance(DEAD_AFTER - SECOND)

        assert not await running.condemn(await running.find("thr_1", alice), alice)
        assert await running.beat("thr_1", "a", alice)

    async def test_a_condemned_turn_has_no_lock_left(
        self, running: Any, clock: Clock, alice: Caller, bob: Caller
    ) -> None:
        await running.begin("thr_1", "turn-1", "a", alice, ["file_1"])
        await running.begin("thr_1", "turn-1", "a", bob)
        clock.advance(DEAD_AFTER)
        seen = await running.find("thr_1", alice)
        for _ in range(3):
            assert await running.condemn(seen, alice)
        assert await running.condemn(replace(seen, at=seen.at - SECOND), alice)  # a taker that looked before a beat

        taken = await running.find("thr_1", alice)
        assert (taken.taken, taken.is_alive(seen.at), taken.files) == (True, False, ("file_1",))
        assert not await running.beat("thr_1", "a", alice)
        await running.end("thr_1", "a", alice)
        assert await running.find("thr_1", alice) == taken
        assert not (await running.find("thr_1", bob)).taken
        assert await running.condemn(taken, alice)
        with pytest.raises(ThreadBusyError) as caught:
            await running.begin("thr_1", "turn-2", "b", alice)
        assert caught.value.holder == taken

    async def test_of_a_beat_and_takers_at_once_one_side_wins(self, running: Any, clock: Clock, alice: Caller) -> None:
        for n in range(6):
            await running.begin(f"thr_{n}", "turn-1", "a", alice)
            clock.advance(DEAD_AFTER)
            seen = await running.find(f"thr_{n}", alice)
            clock.advance(SECOND)
            both = [running.beat(f"thr_{n}", "a", alice), *(running.condemn(seen, alice) for _ in range(2))]
            first, *rest = await asyncio.gather(*(both if n % 2 else reversed(both)))
            beaten, condemned = (first, rest) if n % 2 else (rest[-1], [first, rest[0]])

            assert [beaten, beaten] == [not each for each in condemned]
            assert await running.beat(f"thr_{n}", "a", alice) is beaten

    async def test_a_lock_that_is_gone_or_anothers_is_not_condemned(
        self, running: Any, clock: Clock, alice: Caller, bob: Caller
    ) -> None:
        await running.begin("thr_1", "turn-1", "a", alice)
        clock.advance(DEAD_AFTER)
        seen = await running.find("thr_1", alice)
        assert not await running.condemn(seen, bob)
        await running.end("thr_1", "a", alice)
        assert not await running.condemn(seen, alice)
        assert await running.find("thr_1", alice) is None

        await running.begin("thr_1", "turn-1", "b", alice)
        assert not await running.condemn(seen, alice)
        await running.end("thr_1", "a", alice, taken=True)
        assert await running.beat("thr_1", "b", alice)

    async def test_random_turns_takers_and_clocks_agree_with_a_model(
        self, running: Any, clock: Clock, alice: Caller
    ) -> None:
        """At every moment at most one claim can renew the lock, and each answer is the model's."""
        for seed in range(self.SEEDS):
            await LockHistory(running, alice, clock, f"thr_{seed}", random.Random(seed)).run()


class LockHistory:
    """A random history of one thread's lock, next to a model. Takers look once, and act on what they saw later."""

    def __init__(self, running: Any, caller: Caller, clock: Clock, thread_id: str, chance: random.Random) -> None:
        self._running, self._caller, self._clock = running, caller, clock
        self._thread_id, self._chance = thread_id, chance
        self._lock: RunningTurn | None = None
        self._seen: list[RunningTurn] = []

    async def run(self) -> None:
        for _ in range(40):
            step = self._chance.choice([self._begin, self._beat, self._beat, self._look, self._condemn, self._end])
            await step(self._chance.choice("abc"))
            self._clock.advance(timedelta(milliseconds=self._chance.choice([0, 0, 1, 5_001, 12_345, 20_000])))
            assert await self._running.find(self._thread_id, self._caller) == self._lock
            alive = [self._lock] if self._lock and self._lock.is_alive(self._clock()) else []
            listed = await self._running.list(self._caller)
            assert [each for each in listed if each.thread_id == self._thread_id] == alive

    async def _begin(self, claim: str) -> None:
        beginning = self._running.begin(self._thread_id, f"turn-{claim}", claim, self._caller)
        if self._lock and (self._lock.claim != claim or self._lock.taken):
            with pytest.raises(ThreadBusyError) as caught:
                await beginning
            assert caught.value.holder == self._lock
            return
        await beginning
        self._lock = self._lock or RunningTurn(self._thread_id, f"turn-{claim}", claim, self._clock())

    async def _beat(self, claim: str) -> None:
        renewed = await self._running.beat(self._thread_id, claim, self._caller)
        assert renewed == bool(self._lock and self._lock.claim == claim and not self._lock.taken)
        if self._lock and renewed:
            self._lock = replace(self._lock, at=self._clock())

    async def _look(self, _: str) -> None:
        if self._lock:
            self._seen.append(self._lock)

    async def _condemn(self, _: str) -> None:
        if not self._seen:
            return
        seen, lock = self._chance.choice(self._seen), self._lock
        unchanged = lock is not None and lock.claim == seen.claim and (lock.at == seen.at or lock.taken)
        taken = await self._running.condemn(seen, self._caller)
        assert taken == (unchanged and not seen.is_alive(self._clock()))
        if lock and taken:
            self._lock = replace(lock, taken=True)

    async def _end(self, claim: str) -> None:
        taker = self._chance.random() < 0.5
        await self._running.end(self._thread_id, claim, self._caller, taken=taker)
        if self._lock and self._lock.claim == claim and (taker or not self._lock.taken):
            self._lock = None


class TurnsContract(StoreSetting):
    """`find` returns a claimed turn, and of all readers only one wins each of its client tool calls."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def turns(self, make_store: Callable[..., Any], clock: Clock) -> Any:
        return make_store(clock=clock).turns

    async def test_a_claimed_turn_is_found_by_its_user(self, turns: Any, alice: Caller, bob: Caller) -> None:
        await turns.claim("turn-1", "thr_1", alice)
        await turns.cancel("turn-2", alice)

        assert await turns.find("turn-1", alice) == TurnRecord("turn-1", "thr_1", cancelled=False)
        for turn_id, caller in (("turn-1", bob), ("turn-2", alice), ("turn-", alice), ("turn-10", alice)):
            assert await turns.find(turn_id, caller) is None
        await turns.cancel("turn-1", alice)
        assert await turns.find("turn-1", alice) == TurnRecord("turn-1", "thr_1", cancelled=True)
        await turns.release("turn-1", alice)
        assert await turns.find("turn-1", alice) is None

    async def test_a_turn_that_did_not_store_its_message_is_remembered(
        self, turns: Any, alice: Caller, bob: Caller
    ) -> None:
        await turns.claim("turn-1", "thr_1", alice)
        await turns.mark_unsent("turn-1", bob)
        await turns.mark_unsent("turn-2", alice)
        assert not (await turns.find("turn-1", alice)).unsent

        for _ in range(2):
            await turns.mark_unsent("turn-1", alice)

        assert (await turns.find("turn-1", alice)).unsent
        await turns.claim("turn-2", "thr_2", alice)
        assert not (await turns.find("turn-2", alice)).unsent

    async def test_each_client_tool_call_is_won_once(self, turns: Any, alice: Caller, bob: Caller) -> None:
        await turns.claim("turn-1", "thr_1", alice)
        await turns.claim("turn-1", "thr_1", bob)
        winning = [
            turns.win("turn-1", call, caller) for call in ("x", "y") for caller in (alice, bob) for _ in range(5)
        ]
        outcomes = await asyncio.gather(*winning)

        assert [sum(outcomes[n : n + 5]) for n in range(0, 20, 5)] == [1, 1, 1, 1]
        assert not await turns.win("turn-1", "x", alice)
        assert await turns.win("turn-1", "z", alice)
        assert await turns.find("turn-1", alice) == TurnRecord("turn-1", "thr_1", cancelled=False, ran=frozenset("xyz"))

    async def test_a_call_of_an_unknown_turn_cannot_be_won(self, turns: Any, alice: Caller, bob: Caller) -> None:
        await turns.claim("turn-1", "thr_1", alice)
        await turns.cancel("turn-2", alice)

        for turn_id, caller in (("turn-1", bob), ("turn-2", alice), ("turn-3", alice)):
            with pytest.raises(NotFoundError, match=turn_id):
                await turns.win(turn_id, "x", caller)
            assert await turns.find(turn_id, caller) is None
        with pytest.raises(InvalidIdError):
            await turns.win("turn-1", "x" * 513, alice)

    async def test_a_turn_has_a_bounded_number_of_calls(self, turns: Any, alice: Caller) -> None:
        await turns.claim("turn-1", "thr_1", alice)
        for n in range(MAX_CALLS):
            assert await turns.win("turn-1", f"call-{n}", alice)

        assert not await turns.win("turn-1", "one too many", alice)
