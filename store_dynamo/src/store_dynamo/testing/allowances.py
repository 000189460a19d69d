"""The contract on a store's `allowances`: written with the approval that grants them, not used after their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from chatkit.store import NotFoundError

from store_dynamo.allowances import MAX_BOUNDS_CHARS
from store_dynamo.approval_records import Allowance, Asked, Grant, NotDecidedError, Outcome, Verdict
from store_dynamo.testing.models import note, thread
from store_dynamo.testing.setting import Caller, Clock, StoreSetting

DAY = timedelta(days=1)
GRANT = Grant("transfer", "meaning", '{"equal":{"to":"«ü»"}}', "Moves to «ü»")
ALWAYS = Verdict(approved=True, digest="d", claim="c", request_id="r", grant=GRANT)


class AllowancesContract(StoreSetting):
    """An allowance is granted by a decision, covers its user's calls of one tool, and ends when it is revoked."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest_asyncio.fixture
    async def granting(self, make_store: Callable[..., Any], clock: Clock, alice: Caller, bob: Caller) -> Any:
        """Return a store in which the calls `a` and `b` wait for Alice, and in which Bob has the same thread."""
        return await self._prepare(make_store(clock=clock), clock, alice, bob)

    async def _prepare(self, store: Any, clock: Clock, *callers: Caller) -> Any:
        for caller in callers:
            await store.save_thread(thread(), caller)
            await store.approvals.ask("thr_1", [self._call(clock, each) for each in "ab"], caller)
            for each in "ab":
                await store.add_thread_item("thr_1", note(f"card-{each}"), caller)
        return store

    def _call(self, clock: Clock, approval_id: str) -> Asked:
        card, until = f"card-{approval_id}", clock() + DAY
        return Asked(approval_id, "g", card, "transfer", "{}", "d", "Move?", until, allows="Moves", offer="o")

    async def _granted(self, store: Any, caller: Caller, verdict: Verdict = ALWAYS) -> Allowance:
        await store.approvals.decide("thr_1", "a", verdict, caller)
        [allowance] = await store.allowances.list(caller)
        return allowance

    async def _allow(self, store: Any, call: Asked, allowance: Allowance, caller: Caller, claim: str = "c2") -> Any:
        return await store.approvals.allow("thr_1", call, allowance, claim, "r2", caller)

    async def test_an_allowance_exists_only_with_the_decision_that_grants_it(
        self, granting: Any, clock: Clock, alice: Caller, bob: Caller
    ) -> None:
        for verdict in (replace(ALWAYS, approved=False), replace(ALWAYS, grant=None)):
            decided = await granting.approvals.decide("thr_1", "b", verdict, bob if verdict.approved else alice)
            assert (decided.allowance, await granting.allowances.list(alice)) == ("", [])
        for verdict in (replace(ALWAYS, digest="other"), ALWAYS):
            with pytest.raises(NotDecidedError):
                await granting.approvals.decide("thr_1", "b", verdict, alice)
        assert await granting.allowances.list(alice) == []

        decided = await granting.approvals.decide("thr_1", "a", ALWAYS, alice)

        assert (decided.status, decided.allowance, decided.is_granting) == ("begun", "a", True)
        assert await granting.approvals.load("thr_1", "a", alice) == decided
        assert await granting.allowances.list(alice) == [
            Allowance("a", GRANT, "thr_1", clock(), alice.user_id, request_id="r")
        ]

    async def test_a_covered_call_begins_once_and_names_its_allowance(
        self, granting: Any, clock: Clock, alice: Caller
    ) -> None:
        allowance = await self._granted(granting, alice)
        call = self._call(clock, "x")
        await granting.add_thread_item("thr_1", note("card-x"), alice)

        begun = await self._allow(granting, call, allowance, alice)

        assert (begun.status, begun.allowance, begun.is_granting, begun.claim) == ("begun", "a", False, "c2")
        assert (begun.decided_at, begun.decided_by, begun.request_id) == (clock(), alice.user_id, "r2")
        assert await granting.approvals.load("thr_1", "x", alice) == begun
        assert await self._allow(granting, call, allowance, alice) is None
        with pytest.raises(NotDecidedError):
            await granting.approvals.decide("thr_1", "x", replace(ALWAYS, claim="c2"), alice)
        starts = [await granting.approvals.start("thr_1", "x", claim, alice) for claim in ("other", "c2", "c2")]
        assert starts == [False, True, False]
        assert await granting.approvals.finish("thr_1", "x", "c2", Outcome("moved"), alice)
        assert (await granting.approvals.load("thr_1", "x", alice)).allowance == "a"

    async def test_no_call_begins_after_its_allowance_was_revoked(
        self, granting: Any, clock: Clock, alice: Caller, bob: Caller
    ) -> None:
        allowance = await self._granted(granting, alice)

        assert not await granting.allowances.revoke("a", bob)
        assert [await granting.allowances.revoke("a", alice) for _ in range(2)] == [True, False]

        assert await granting.allowances.list(alice) == []
        assert await self._allow(granting, self._call(clock, "x"), allowance, alice) is None
        with pytest.raises(NotFoundError):
            await granting.approvals.load("thr_1", "x", alice)

    async def test_an_allowance_covers_no_other_user_and_no_other_tool(
        self, granting: Any, clock: Clock, alice: Caller, bob: Caller
    ) -> None:
        allowance = await self._granted(granting, alice)
        assert await granting.allowances.list(bob) == []

        assert await self._allow(granting, self._call(clock, "x"), allowance, bob) is None
        for other in (replace(GRANT, meaning="another tool"), replace(GRANT, bounds="{}")):
            changed = replace(allowance, grant=other)
            assert await self._allow(granting, self._call(clock, "x"), changed, alice) is None
        assert [each.asked.approval_id for each in await granting.approvals.list("thr_1", alice)] == ["a", "b"]

    async def test_an_allowance_ends_at_its_time(self, granting: Any, clock: Clock, alice: Caller) -> None:
        allowance = await self._granted(granting, alice, replace(ALWAYS, grant=replace(GRANT, until=clock() + DAY)))
        assert allowance.grant.until == clock() + DAY
        clock.advance(DAY)

        assert await granting.allowances.list(alice) == []
        assert await self._allow(granting, self._call(clock, "x"), allowance, alice) is None

    async def test_an_allowance_is_kept_no_longer_than_the_retention(
        self, make_store: Callable[..., Any], clock: Clock, alice: Caller
    ) -> None:
        store = await self._prepare(make_store(clock=clock, retention=2 * DAY), clock, alice)
        verdict = replace(ALWAYS, grant=replace(GRANT, until=clock() + 3 * DAY))

        assert (await self._granted(store, alice, verdict)).grant.until == clock() + 2 * DAY

    async def test_a_covered_call_needs_a_living_thread(self, granting: Any, clock: Clock, alice: Caller) -> None:
        allowance = await self._granted(granting, alice)
        await granting.fence("thr_1", "dead", alice)
        with pytest.raises(NotFoundError):
            await self._allow(granting, self._call(clock, "x"), allowance, alice, "dead")
        await granting.delete_thread("thr_1", alice)
        with pytest.raises(NotFoundError):
            await self._allow(granting, self._call(clock, "x"), allowance, alice)

        assert await granting.allowances.list(alice) == [allowance]

    async def test_bounds_are_bounded(self, granting: Any, alice: Caller) -> None:
        verdict = replace(ALWAYS, grant=replace(GRANT, bounds="b" * (MAX_BOUNDS_CHARS + 1)))
        with pytest.raises(ValueError, match="bounds of transfer"):
            await granting.approvals.decide("thr_1", "a", verdict, alice)

        assert (await granting.approvals.load("thr_1", "a", alice)).status == "pending"
