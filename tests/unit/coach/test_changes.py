"""Changes of the panel: budgets and goals, checked field by field, of the turn's user only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from chat_api.assistant import AssistantSettings, SupportsOverviewChanges
from chat_api.errors import InvalidRequestError
from coach.accounts import Finances, Goal, Ledger, months_until
from coach.accounts_table import AccountsTable
from coach.assistant import Coach
from coach.overview import MAX_DOLLARS, change, overview
from coach.tools.goals import MAX_DOLLARS as MAX_GOAL_DOLLARS
from coach.tools.goals import MAX_NAME_CHARS, goal_of
from tests.fakes.accounts import accounts_table
from tests.fakes.turn import Conversation

TODAY = date(2026, 5, 20)


@pytest.fixture
def accounts() -> Iterator[AccountsTable]:
    with accounts_table() as table:
        yield table


async def _key() -> str:
    return "none"


def _budget(shown: Any, category: str) -> int | None:
    return next(each["budget"] for each in shown["categories"] if each["id"] == category)


@pytest.mark.promise("H2")
@pytest.mark.feature("panel-changes")
async def test_a_budget_is_set_and_removed_for_the_turns_user_only(accounts: AccountsTable) -> None:
    settings = AssistantSettings("gpt-6-luna", None, _key)
    coach = Coach(settings, accounts, lambda: TODAY)
    assert isinstance(coach, SupportsOverviewChanges)
    ada, bob = Conversation("ada").turn(), Conversation("bob").turn()

    shown = await coach.change_overview({"type": "budget.set", "category": "dining", "cents": 40_000}, ada)
    assert _budget(shown, "dining") == 40_000
    assert _budget(await coach.overview(bob), "dining") is None
    await coach.change_overview({"type": "budget.remove", "category": "dining"}, bob)
    assert _budget(await coach.overview(ada), "dining") == 40_000

    shown = await coach.change_overview({"type": "budget.remove", "category": "dining"}, ada)

    assert _budget(shown, "dining") is None
    await coach.close()


@pytest.mark.feature("panel-changes")
@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({}, "type: must be"),
        ({"type": "budget.set", "category": "dining"}, "type: must be"),
        ({"type": "budget.set", "category": "dining", "cents": "400"}, "type: must be"),
        ({"type": "budget.set", "category": "dining", "cents": 4.5}, "type: must be"),
        ({"type": "budget.set", "category": "dining", "cents": True}, "cents"),
        ({"type": "budget.set", "category": "dining", "cents": 99}, "cents"),
        ({"type": "budget.set", "category": "dining", "cents": -100}, "cents"),
        ({"type": "budget.set", "category": "dining", "cents": MAX_DOLLARS * 100 + 1}, "cents"),
        ({"type": "budget.set", "category": "dining#", "cents": 400}, "category"),
        ({"type": "budget.remove", "category": ["dining"]}, "type: must be"),
        ({"type": "goal.remove", "id": "../OPENING"}, "id"),
        ({"type": "goal.remove", "id": "0123456789abcdef\n"}, "id"),
    ],
)
async def test_an_invalid_change_is_refused_by_its_field(
    accounts: AccountsTable, wanted: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        await change(accounts, "ada", wanted)
    assert (await accounts.read("ada", TODAY)).budgets == {}


@pytest.mark.promise("H2")
@pytest.mark.feature("goals")
async def test_a_goal_is_its_users_and_a_new_plan_replaces_the_old(accounts: AccountsTable) -> None:
    boat, trip = Goal("A boat", 900_000, date(2028, 5, 20)), Goal("A trip", 120_000, date(2026, 11, 20))
    for goal in (boat, trip, Goal("a BOAT", 800_000, date(2028, 5, 20))):
        await accounts.save_goal("ada", goal)

    saved = (await accounts.read("ada", TODAY)).goals
    assert [(each.name, each.cents) for each in saved] == [("A trip", 120_000), ("a BOAT", 800_000)]
    await change(accounts, "bob", {"type": "goal.remove", "id": trip.id})
    assert (await accounts.read("ada", TODAY)).goals == saved

    await change(accounts, "ada", {"type": "goal.remove", "id": trip.id})

    assert [each.name for each in (await accounts.read("ada", TODAY)).goals] == ["a BOAT"]
    assert (await accounts.read("bob", TODAY)).goals == ()


def test_the_panel_shows_the_months_that_are_left_of_a_goal() -> None:
    goal = Goal("A trip", 120_000, date(2026, 11, 20))
    empty = Ledger((("cash", 0), ("savings", 0), ("investing", 0)), ())

    (shown,) = overview(Finances(empty, {}, (goal,)), TODAY)["goals"]

    assert shown == {"id": goal.id, "name": "A trip", "cents": 120_000, "until": "2026-11-20", "per_month": 20_000}


@pytest.mark.parametrize(
    ("today", "until", "months"),
    [
        (date(2026, 5, 20), date(2026, 11, 20), 6),
        (date(2026, 5, 21), date(2026, 11, 20), 5),
        (date(2026, 12, 1), date(2027, 1, 1), 1),
        (date(2027, 5, 20), date(2026, 11, 20), 1),
    ],
)
def test_a_month_that_has_begun_is_not_left(today: date, until: date, months: int) -> None:
    assert months_until(today, until) == months


def test_a_goal_from_the_model_is_bounded() -> None:
    huge = goal_of("  A\n boat " + "x" * 200, 10**30, 10**9, TODAY)

    assert huge is not None
    assert huge.name.startswith("A boat x")
    assert (len(huge.name), huge.cents, huge.until.year) == (MAX_NAME_CHARS, MAX_GOAL_DOLLARS * 100, 2076)
    assert goal_of("", 100, 1, TODAY) is goal_of("A\x00boat", 100, 1, TODAY) is goal_of("A boat", 0, 1, TODAY) is None
