"""The contract on a store's `access`: rates, seats, sign-outs and tombstones of one user."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from store_dynamo.access import Seat
from store_dynamo.errors import RateExceededError, SignedOutError, TooManyRunningError
from store_dynamo.testing.setting import Caller, Clock, StoreSetting

SECOND = timedelta(seconds=1)
TURN = timedelta(minutes=5)


class AccessContract(StoreSetting):
    """`enter` counts and takes seats, or changes nothing; a sign-out and an erasure end every earlier sign-in."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def access(self, make_store: Callable[..., Any], clock: Clock) -> Any:
        return make_store(clock=clock).access

    async def test_a_rate_is_a_bucket_that_refills(self, access: Any, clock: Clock, alice: Caller, bob: Caller) -> None:
        for _ in range(6):
            await access.enter(alice, rates={"requests": 6})
        with pytest.raises(RateExceededError) as caught:
            await access.enter(alice, rates={"requests": 6})
        await access.enter(alice, rates={"turns": 6})
        await access.enter(bob, rates={"requests": 6})

        assert (caught.value.name, caught.value.limit) == ("requests per minute", 6)
        assert caught.value.retry_after_seconds == 10
        clock.advance(9 * SECOND)
        with pytest.raises(RateExceededError):
            await access.enter(alice, rates={"requests": 6})
        clock.advance(SECOND)
        await access.enter(alice, rates={"requests": 6})
        with pytest.raises(RateExceededError):
            await access.enter(alice, rates={"requests": 6})
        clock.advance(timedelta(hours=1))
        for _ in range(6):
            await access.enter(alice, rates={"requests": 6})

    async def test_of_many_requests_at_once_as_many_as_allowed_enter(self, access: Any, alice: Caller) -> None:
        entering = [access.enter(alice, rates={"requests": 5}) for _ in range(9)]
        outcomes = await asyncio.gather(*entering, return_exceptions=True)

        assert outcomes.count(None) == 5
        assert sum(isinstance(each, RateExceededError) for each in outcomes) == 4

    async def test_seats_are_limited_and_given_back(self, access: Any, clock: Clock, alice: Caller) -> None:
        first, second, third = (Seat(f"turn-{n}", clock() + TURN, 2) for n in range(3))
        await access.enter(alice, seat=first)
        await access.enter(alice, seat=second)
        with pytest.raises(TooManyRunningError) as caught:
            await access.enter(alice, seat=third)
        await access.enter(alice)
        await access.enter(alice, seat=first)

        assert (caught.value.limit, caught.value.everyone) == (2, False)
        await access.leave(second, alice)
        await access.leave(second, alice)
        await access.enter(alice, seat=third)
        with pytest.raises(TooManyRunningError):
            await access.enter(alice, seat=second)

    async def test_the_seats_of_a_dead_process_expire(self, access: Any, clock: Clock, alice: Caller) -> None:
        for n in range(2):
            await access.enter(alice, seat=Seat(f"dead-{n}", clock() + TURN, 2))
        late = Seat("late", clock() + 2 * TURN, 2)
        clock.advance(TURN - SECOND)
        with pytest.raises(TooManyRunningError):
            await access.enter(alice, seat=late)
        clock.advance(SECOND)
        entering = [access.enter(alice, seat=Seat(f"new-{n}", clock() + TURN, 2)) for n in range(5)]
        outcomes = await asyncio.gather(*entering, return_exceptions=True)

        assert outcomes.count(None) == 2

    async def test_a_refused_entry_changes_nothing(self, access: Any, clock: Clock, alice: Caller) -> None:
        rates = {"requests": 60, "turns": 1}
        await access.enter(alice, rates={"turns": 1})
        with pytest.raises(RateExceededError):
            await access.enter(alice, rates=rates, seat=Seat("turn-1", clock() + TURN, 1))
        await access.enter(alice, seat=Seat("turn-2", clock() + TURN, 1))
        clock.advance(60 * SECOND)
        with pytest.raises(TooManyRunningError):
            await access.enter(alice, rates=rates, seat=Seat("turn-3", clock() + TURN, 1))
        for _ in range(60):
            await access.enter(alice, rates={"requests": 60})

    async def test_leaving_before_entering_is_harmless(self, access: Any, clock: Clock, alice: Caller) -> None:
        await access.leave(Seat("turn-1", clock() + TURN, 1), alice)
        await access.enter(alice, seat=Seat("turn-2", clock() + TURN, 1))

    async def test_leases_count_the_turns_of_all_until_they_expire(self, access: Any, clock: Clock) -> None:
        leases = [Seat(uuid.uuid4().hex, clock() + n * TURN, 3) for n in (1, 2, 2)]
        await access.check_leases(1)
        for lease in leases:
            await access.lease(lease)
        await access.check_leases(4)
        with pytest.raises(TooManyRunningError) as caught:
            await access.check_leases(3)
        assert caught.value.everyone

        await access.release(leases[1])
        await access.release(leases[1])
        await access.check_leases(3)
        clock.advance(TURN)
        await access.check_leases(2)
        with pytest.raises(TooManyRunningError):
            await access.check_leases(1)
        await access.release(leases[0])
        await access.release(leases[2])
        await access.check_leases(1)

    @pytest.mark.parametrize("end", ["sign_out", "erase"])
    async def test_earlier_sign_ins_end_at_once(
        self, access: Any, clock: Clock, alice: Caller, bob: Caller, end: str
    ) -> None:
        old: datetime = clock() - timedelta(minutes=50)
        await access.enter(alice, signed_in_at=old, rates={"requests": 9})
        clock.advance(timedelta(milliseconds=500))
        await getattr(access, end)(alice, clock())

        for refused in (old, clock(), clock().replace(microsecond=0)):
            with pytest.raises(SignedOutError) as caught:
                await access.enter(alice, signed_in_at=refused, rates={"requests": 9})
            assert caught.value.erased == (end == "erase")
            with pytest.raises(SignedOutError) as caught:
                await access.check(alice, refused)
            assert caught.value.erased == (end == "erase")
        with pytest.raises(SignedOutError):
            await access.enter(alice)
        for user, at in ((alice, clock() + SECOND), (bob, old)):
            await access.check(user, at)
            await access.enter(user, signed_in_at=at)

    async def test_a_check_counts_nothing(self, access: Any, clock: Clock, alice: Caller) -> None:
        for _ in range(3):
            await access.check(alice, clock())
        await access.enter(alice, signed_in_at=clock(), rates={"requests": 1})
        await access.check(alice, clock())

    async def test_a_tombstone_outlives_requests_and_sign_outs(self, access: Any, clock: Clock, alice: Caller) -> None:
        await access.enter(alice, seat=Seat("turn-1", clock() + TURN, 1))
        await access.erase(alice, clock())
        await access.leave(Seat("turn-1", clock() + TURN, 1), alice)
        clock.advance(SECOND)
        await access.enter(alice, signed_in_at=clock(), seat=Seat("turn-2", clock() + TURN, 1))
        await access.sign_out(alice, clock())

        with pytest.raises(SignedOutError) as caught:
            await access.enter(alice, signed_in_at=clock() - SECOND)
        assert caught.value.erased
