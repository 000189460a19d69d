"""Turns, feedback and rates on moto."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from chatkit.store import NotFoundError

from store_dynamo import InvalidIdError, RateExceededError, TurnClaimedError
from store_dynamo.feedback import Rating
from store_dynamo.keys import feedback_key
from store_dynamo.testing import Caller, Clock
from store_dynamo.testing.models import note, thread
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.faults import Faults

ALICE, BOB = Caller("alice"), Caller("bob")
MINUTE = timedelta(minutes=1)


class TestTurns:
    @pytest.fixture
    def turns(self, moto_backend: DynamoBackend) -> Any:
        return moto_backend.store().turns

    @pytest.mark.promise("H10")
    async def test_a_turn_is_claimed_once(self, turns: Any) -> None:
        await turns.claim("turn-1", "thr_1", ALICE)
        await turns.claim("turn-1", "thr_1", BOB)
        with pytest.raises(TurnClaimedError) as caught:
            await turns.claim("turn-1", "thr_1", ALICE)
        assert (caught.value.turn_id, caught.value.thread_id) == ("turn-1", "thr_1")

    @pytest.mark.promise("H3")
    async def test_a_thread_whose_id_no_key_can_hold_is_refused(self, turns: Any) -> None:
        """An id of a megabyte does not fit into the record; DynamoDB would report it as the server's fault."""
        with pytest.raises(InvalidIdError):
            await turns.claim("turn-1", "x" * 10**6, ALICE)

        await turns.claim("turn-1", "thr_1", ALICE)

    @pytest.mark.promise("H10")
    async def test_only_one_of_many_arrivals_claims(self, turns: Any) -> None:
        claims = [turns.claim("turn-1", "thr_1", ALICE) for _ in range(8)]
        outcomes = await asyncio.gather(*claims, return_exceptions=True)

        assert outcomes.count(None) == 1

    @pytest.mark.promise("H10")
    async def test_a_claim_whose_answer_was_lost_is_ours(self, turns: Any, moto_backend: DynamoBackend) -> None:
        with Faults(moto_backend.client) as faults:
            faults.lose_answer("PutItem")
            await turns.claim("turn-1", "thr_1", ALICE)
            assert faults.pending == 0

    @pytest.mark.promise("H6")
    async def test_only_the_owner_cancels(self, turns: Any) -> None:
        await turns.claim("turn-1", "thr_1", ALICE)

        await turns.cancel("turn-1", BOB)
        assert not await turns.is_cancelled("turn-1", ALICE)
        await turns.cancel("turn-1", ALICE)
        assert await turns.is_cancelled("turn-1", ALICE)

    @pytest.mark.promise("H6")
    async def test_a_cancellation_may_arrive_before_its_turn(self, moto_backend: DynamoBackend) -> None:
        clock = Clock()
        turns = moto_backend.store(clock=clock).turns
        await turns.cancel("turn-1", ALICE)
        await turns.cancel("turn-2", ALICE)
        clock.advance(timedelta(seconds=59))
        await turns.claim("turn-1", "thr_1", ALICE)
        clock.advance(timedelta(seconds=2))
        await turns.claim("turn-2", "thr_1", ALICE)

        assert await turns.is_cancelled("turn-1", ALICE)
        assert not await turns.is_cancelled("turn-2", ALICE)
        for turn in ("turn-1", "turn-2"):
            with pytest.raises(TurnClaimedError) as caught:
                await turns.claim(turn, "thr_2", ALICE)
            assert caught.value.thread_id == "thr_1"

    @pytest.mark.promise("H10")
    async def test_only_one_of_many_arrivals_claims_a_cancelled_turn(self, turns: Any) -> None:
        await turns.cancel("turn-1", ALICE)
        claims = [turns.claim("turn-1", "thr_1", ALICE) for _ in range(8)]
        outcomes = await asyncio.gather(*claims, return_exceptions=True)

        assert outcomes.count(None) == 1

    @pytest.mark.promise("H7")
    async def test_cancelling_an_unknown_turn_is_one_write(self, turns: Any, moto_backend: DynamoBackend) -> None:
        await turns.cancel("turn-1", ALICE)

        assert [each.operation for each in moto_backend.log.requests] == ["UpdateItem"]


class TestFeedback:
    @pytest.mark.promise("H8")
    async def test_feedback_needs_ones_own_thread_and_items(self, moto_backend: DynamoBackend) -> None:
        store = moto_backend.store()
        await store.save_thread(thread(), ALICE)
        for n in range(60):
            await store.save_item("thr_1", note(f"i{n}"), ALICE)

        await store.feedback.put("thr_1", ["i0", "i0", *(f"i{n}" for n in range(60))], "positive", ALICE)
        await store.feedback.put("thr_1", ["i0"], "negative", ALICE)

        kept = [
            moto_backend.client.get_item(TableName=moto_backend.table, Key=feedback_key("alice", "thr_1", f"i{n}"))
            for n in range(60)
        ]
        assert [each["Item"]["kind"]["S"] for each in kept] == ["negative", *["positive"] * 59]
        with pytest.raises(NotFoundError, match=r"^Thread thr_1 not found$"):
            await store.feedback.put("thr_1", ["i0"], "positive", BOB)
        with pytest.raises(NotFoundError, match=r"^Item x not found$"):
            await store.feedback.put("thr_1", ["i0", "x"], "positive", ALICE)
        await store.delete_thread("thr_1", ALICE)
        with pytest.raises(NotFoundError, match=r"^Thread thr_1 not found$"):
            await store.feedback.put("thr_1", ["i0"], "positive", ALICE)

    @pytest.mark.feature("feedback")
    async def test_feedback_is_read_back_and_withdrawn_by_its_user_only(self, moto_backend: DynamoBackend) -> None:
        store = moto_backend.store()
        for caller in (ALICE, BOB):
            await store.save_thread(thread(), caller)
            for name in ("i0", "i#1", "i2"):
                await store.save_item("thr_1", note(name), caller)

        await store.feedback.put("thr_1", ["i0"], "negative", ALICE, reason="Wrong month")
        await store.feedback.put("thr_1", ["i#1", "i2"], "positive", ALICE)
        await store.feedback.put("thr_1", ["i0"], "positive", BOB)
        await store.feedback.remove("thr_1", ["i2", "unknown"], ALICE)
        await store.feedback.remove("thr_1", ["i0", "i0"], BOB)

        assert await store.feedback.load("thr_1", ALICE) == {
            "i0": Rating("negative", "Wrong month"),
            "i#1": Rating("positive"),
        }
        assert await store.feedback.load("thr_1", BOB) == {}
        await store.feedback.put("thr_1", ["i0"], "negative", ALICE)
        assert (await store.feedback.load("thr_1", ALICE))["i0"] == Rating("negative")


class TestRates:
    @pytest.mark.promise("H7")
    async def test_a_user_gets_so_many_in_a_window(self, moto_backend: DynamoBackend) -> None:
        clock = Clock()
        rates = moto_backend.store(clock=clock).rates
        clock.advance(timedelta(seconds=10))
        for _ in range(3):
            await rates.count("turns", 3, MINUTE, ALICE)
        with pytest.raises(RateExceededError) as caught:
            await rates.count("turns", 3, MINUTE, ALICE)
        assert (caught.value.name, caught.value.limit, caught.value.retry_after_seconds) == ("turns", 3, 50)
        await rates.count("uploads", 3, MINUTE, ALICE)
        await rates.count("turns", 3, MINUTE, BOB)
        clock.advance(timedelta(seconds=50))
        await rates.count("turns", 3, MINUTE, ALICE, amount=3)
        with pytest.raises(RateExceededError):
            await rates.count("turns", 3, MINUTE, ALICE)
        with pytest.raises(RateExceededError):
            await rates.count("other", 3, MINUTE, ALICE, amount=4)

    @pytest.mark.promise("H7")
    async def test_many_at_once_do_not_pass_the_limit(self, moto_backend: DynamoBackend) -> None:
        rates = moto_backend.store().rates
        counting = [rates.count("turns", 5, timedelta(days=1), ALICE) for _ in range(12)]
        outcomes = await asyncio.gather(*counting, return_exceptions=True)

        assert outcomes.count(None) == 5

    @pytest.mark.promise("H7")
    async def test_a_check_reads_and_counts_nothing(self, moto_backend: DynamoBackend) -> None:
        rates = moto_backend.store().rates
        await rates.check("turns", 2, MINUTE, ALICE)
        await rates.count("turns", 2, MINUTE, ALICE, amount=2)
        await rates.check("turns", 3, MINUTE, ALICE)
        await rates.check("turns", 2, MINUTE, BOB)
        with pytest.raises(RateExceededError):
            await rates.check("turns", 2, MINUTE, ALICE)

        assert [each.operation for each in moto_backend.log.requests] == ["GetItem", "UpdateItem", *["GetItem"] * 3]

    @pytest.mark.promise("H7")
    async def test_the_shared_budget_is_everyones(self, moto_backend: DynamoBackend) -> None:
        rates = moto_backend.store().rates
        await rates.count_shared("tokens", 100, timedelta(days=1), amount=60)
        with pytest.raises(RateExceededError):
            await rates.count_shared("tokens", 100, timedelta(days=1), amount=60)
        assert moto_backend.log.strangers() == [("", "UpdateItem", "SHARED")] * 2
        moto_backend.log.requests.clear()
