"""The contract on a store's `approvals`: a call is decided once, and started at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from chatkit.store import NotFoundError

from store_dynamo.approvals import MAX_ASKED, MAX_OUTCOME_CHARS, Asked, NotDecidedError, Outcome, Verdict
from store_dynamo.testing.models import note, thread
from store_dynamo.testing.setting import Caller, Clock, StoreSetting

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
YES = Verdict(approved=True, digest="d", claim="c", request_id="r")
NO = Verdict(approved=False, digest="d", claim="c", request_id="r", reason="too much")


class ApprovalsContract(StoreSetting):
    """Each call is decided once, as it was shown, in time, and while its card and thread exist."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest_asyncio.fixture
    async def asking(self, make_store: Callable[..., Any], clock: Clock, alice: Caller) -> Any:
        """Return a store in which two calls, `a` and `b`, wait for Alice on the cards `card-a` and `card-b`."""
        store = make_store(clock=clock)
        await store.save_thread(thread(), alice)
        calls = [self._call(clock, each) for each in "ab"]
        await store.approvals.ask("thr_1", calls, alice, "turn")
        for each in "ab":
            await store.add_thread_item("thr_1", note(f"card-{each}"), alice)
        return store

    def _call(self, clock: Clock, approval_id: str) -> Asked:
        return Asked(
            approval_id=approval_id,
            group="g",
            item_id=f"card-{approval_id}",
            tool="transfer",
            arguments='{"dollars":200}',
            digest="d",
            words="Move $200? «ü»",
            until=clock() + DAY,
            agent="Spendo",
            model="m",
            siblings='["ok"]',
        )

    async def _state(self, store: Any, approval_id: str, caller: Caller) -> str:
        return (await store.approvals.load("thr_1", approval_id, caller)).status

    async def test_calls_come_back_as_they_were_asked(self, asking: Any, clock: Clock, alice: Caller) -> None:
        listed = await asking.approvals.list("thr_1", alice)

        assert [each.asked for each in listed] == [self._call(clock, each) for each in "ab"]
        assert [(each.status, each.asked_at, each.is_open(clock())) for each in listed] == [
            ("pending", clock(), True)
        ] * 2
        assert await asking.approvals.load("thr_1", "a", alice) == listed[0]
        await asking.approvals.ask("thr_1", [self._call(clock, "a")], alice)
        assert await asking.approvals.list("thr_1", alice) == listed

    async def test_a_call_needs_a_living_thread(self, asking: Any, clock: Clock, alice: Caller) -> None:
        with pytest.raises(NotFoundError):
            await asking.approvals.ask("thr_2", [self._call(clock, "x")], alice)
        await asking.fence("thr_1", "dead", alice)
        with pytest.raises(NotFoundError):
            await asking.approvals.ask("thr_1", [self._call(clock, "x")], alice, "dead")
        for calls in ([], [self._call(clock, str(n)) for n in range(MAX_ASKED + 1)]):
            with pytest.raises(ValueError, match="at once"):
                await asking.approvals.ask("thr_1", calls, alice)
        assert len(await asking.approvals.list("thr_1", alice)) == 2

    async def test_a_decision_is_recorded(self, asking: Any, clock: Clock, alice: Caller) -> None:
        clock.advance(SECOND)
        approved = await asking.approvals.decide("thr_1", "a", YES, alice)
        denied = await asking.approvals.decide("thr_1", "b", NO, alice)

        assert (approved.status, denied.status, denied.reason) == ("begun", "denied", "too much")
        for each in (approved, denied):
            assert (each.decided_at, each.decided_by, each.request_id) == (clock(), alice.user_id, "r")
        assert await asking.approvals.list("thr_1", alice) == [approved, denied]
        assert not approved.is_open(clock())

    async def test_of_many_decisions_at_once_one_counts(self, asking: Any, alice: Caller) -> None:
        verdicts = [replace(YES, claim=str(n), approved=n % 2 == 0) for n in range(8)]
        deciding = [asking.approvals.decide("thr_1", "a", each, alice) for each in verdicts]
        outcomes = await asyncio.gather(*deciding, return_exceptions=True)

        decided = [each for each in outcomes if not isinstance(each, BaseException)]
        assert len(decided) == 1
        refused = [each for each in outcomes if isinstance(each, NotDecidedError)]
        assert len(refused) == 7
        assert {each.approval.status for each in refused} == {decided[0].status}
        assert await asking.approvals.load("thr_1", "a", alice) == decided[0]

    async def test_a_decision_is_on_what_was_shown_and_in_time(self, asking: Any, clock: Clock, alice: Caller) -> None:
        with pytest.raises(NotDecidedError) as changed:
            await asking.approvals.decide("thr_1", "a", replace(YES, digest="other"), alice)
        clock.advance(DAY)
        with pytest.raises(NotDecidedError) as late:
            await asking.approvals.decide("thr_1", "a", YES, alice)

        assert (changed.value.approval.status, late.value.approval.status) == ("pending", "pending")
        assert not late.value.approval.is_open(clock())
        assert not await asking.approvals.start("thr_1", "a", "c", alice)

    async def test_a_decision_needs_its_card_thread_and_user(self, asking: Any, alice: Caller, bob: Caller) -> None:
        await asking.save_thread(thread("thr_2"), alice)
        await asking.save_thread(thread(), bob)
        for place, caller in (("thr_2", alice), ("thr_1", bob), ("thr_9", alice)):
            with pytest.raises(NotFoundError):
                await asking.approvals.decide(place, "a", YES, caller)
        await asking.delete_thread_item("thr_1", "card-a", alice)
        with pytest.raises(NotFoundError):
            await asking.approvals.decide("thr_1", "a", YES, alice)
        await asking.fence("thr_1", "dead", alice)
        with pytest.raises(NotFoundError):
            await asking.approvals.decide("thr_1", "b", replace(YES, claim="dead"), alice)

        assert [await self._state(asking, each, alice) for each in "ab"] == ["pending"] * 2
        await asking.delete_thread("thr_1", alice)
        for attempt in (asking.approvals.decide("thr_1", "b", YES, alice), asking.approvals.load("thr_1", "b", alice)):
            with pytest.raises(NotFoundError):
                await attempt

    async def test_a_tool_is_started_once_by_the_turn_that_decided(self, asking: Any, alice: Caller) -> None:
        assert not await asking.approvals.start("thr_1", "a", "c", alice)
        await asking.approvals.decide("thr_1", "a", YES, alice)
        await asking.approvals.decide("thr_1", "b", NO, alice)

        assert not await asking.approvals.start("thr_1", "a", "other", alice)
        assert not await asking.approvals.start("thr_1", "b", "c", alice)
        starting = [asking.approvals.start("thr_1", "a", "c", alice) for _ in range(4)]
        assert sorted(await asyncio.gather(*starting)) == [False] * 3 + [True]

    async def test_a_turn_that_was_taken_over_starts_nothing(self, asking: Any, alice: Caller) -> None:
        await asking.approvals.decide("thr_1", "a", YES, alice)
        await asking.fence("thr_1", "c", alice)

        assert not await asking.approvals.start("thr_1", "a", "c", alice)

    async def test_an_outcome_is_recorded_by_the_turn_that_decided(self, asking: Any, alice: Caller) -> None:
        await asking.approvals.decide("thr_1", "a", YES, alice)
        await asking.approvals.decide("thr_1", "b", NO, alice)

        assert not await asking.approvals.finish("thr_1", "a", "other", Outcome("x"), alice)
        assert not await asking.approvals.finish("thr_1", "b", "c", Outcome("x"), alice)
        assert await asking.approvals.finish("thr_1", "a", "c", Outcome("x" * 9_000, failed=True), alice)
        assert not await asking.approvals.finish("thr_1", "a", "c", Outcome("y"), alice)
        stored = await asking.approvals.load("thr_1", "a", alice)
        assert (stored.status, stored.outcome) == ("failed", "x" * MAX_OUTCOME_CHARS)

    async def test_the_outcome_of_a_dead_turn_is_unknown_until_it_reports(self, asking: Any, alice: Caller) -> None:
        assert not await asking.approvals.abandon("thr_1", "a", "c", alice)
        await asking.approvals.decide("thr_1", "a", YES, alice)
        assert not await asking.approvals.abandon("thr_1", "a", "other", alice)
        assert await asking.approvals.abandon("thr_1", "a", "c", alice)

        assert await self._state(asking, "a", alice) == "unknown"
        assert not await asking.approvals.start("thr_1", "a", "c", alice)
        with pytest.raises(NotDecidedError):
            await asking.approvals.decide("thr_1", "a", YES, alice)
        assert await asking.approvals.finish("thr_1", "a", "c", Outcome("moved"), alice)
        assert await self._state(asking, "a", alice) == "done"

    async def test_a_call_expires_only_after_its_time(self, asking: Any, clock: Clock, alice: Caller) -> None:
        assert not await asking.approvals.expire("thr_1", "a", alice)
        await asking.approvals.decide("thr_1", "b", NO, alice)
        clock.advance(DAY)

        assert await asking.approvals.expire("thr_1", "a", alice)
        assert not await asking.approvals.expire("thr_1", "b", alice)
        assert [await self._state(asking, each, alice) for each in "ab"] == ["expired", "denied"]
