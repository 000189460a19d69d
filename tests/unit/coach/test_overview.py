"""Figures of the panel: their periods, and their agreement with the tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import Any

import pytest
from chatkit.errors import CustomStreamError

from chat_api.assistant import AssistantSettings, ModelOption, SupportsModels, SupportsOverview
from coach import choices
from coach.accounts import CATEGORIES, Finances, Ledger, Transaction, dollars
from coach.accounts_table import AccountsTable
from coach.assistant import Coach
from coach.overview import MAX_TRANSACTIONS, overview
from coach.tools.balances import balance_sheet
from coach.tools.budgets import budget_report
from coach.tools.goals import goal_plan
from tests.fakes.accounts import dynamodb
from tests.fakes.ledger import read_ledger
from tests.fakes.turn import Conversation

TODAY = date(2026, 5, 20)


async def _key() -> str:
    return "none"


LEDGER = Ledger(
    opening=(("cash", 100_000), ("savings", 5_000), ("investing", 0)),
    transactions=(
        Transaction(date(2026, 3, 20), "cash", "Luigi's", -9_999, "dining"),
        Transaction(date(2026, 4, 20), "cash", "Luigi's", -2_000, "dining"),
        Transaction(date(2026, 4, 21), "cash", "Noodle House", -1_500, "dining"),
        Transaction(date(2026, 5, 20), "cash", "Salary", 300_000),
    ),
)


class TestFigures:
    def test_a_month_ends_today_and_is_compared_with_the_one_before(self) -> None:
        shown = overview(Finances(LEDGER, {"dining": 40_000}), TODAY)

        dining = next(each for each in shown["categories"] if each["id"] == "dining")
        assert dining == {
            "id": "dining",
            "label": "Dining",
            "spent": 1_500,
            "spent_before": 2_000,
            "by_month": [0, 0, 0, 9_999, 2_000, 1_500],
            "budget": 40_000,
        }
        assert (shown["since"], shown["until"]) == ("2026-04-21", "2026-05-20")

    def test_newest_transactions_come_first_and_not_more_than_fit(self) -> None:
        shown = overview(Finances(read_ledger("ada", TODAY)), TODAY)["transactions"]

        assert len(shown) == MAX_TRANSACTIONS
        assert [each["on"] for each in shown] == sorted((each["on"] for each in shown), reverse=True)

    def test_a_category_without_a_budget_has_none(self) -> None:
        assert {each["budget"] for each in overview(Finances(LEDGER), TODAY)["categories"]} == {None}

    @pytest.mark.parametrize("user", ["ada", "bob", "cleo"])
    def test_panel_and_tools_tell_the_same(self, user: str) -> None:
        finances = Finances(read_ledger(user, TODAY), {name: 30_000 for name in CATEGORIES})

        shown = overview(finances, TODAY)

        assert [dollars(each["cents"]) for each in shown["accounts"]] == [
            each["balance"] for each in balance_sheet(finances.ledger)["accounts"]
        ]
        assert [dollars(each["spent"]) for each in shown["categories"]] == [
            budget_report(finances, TODAY, name)["spent_last_month"] for name in CATEGORIES
        ]
        plan = goal_plan(finances.ledger, TODAY, 1_000, 10)
        assert {name: dollars(amount) for name, amount in shown["savings"].items()} == {
            name: plan[name] for name in ("saved_per_month", "left_per_month")
        }

    def test_is_json(self) -> None:
        shown = overview(Finances(LEDGER), TODAY)

        assert json.loads(json.dumps(shown)) == shown


class TestTheCoach:
    @pytest.fixture
    def table(self) -> Iterator[tuple[str, Any]]:
        with dynamodb() as table:
            yield table

    @pytest.fixture
    async def coach(self, table: tuple[str, Any]) -> AsyncIterator[Coach]:
        name, client = table
        menu = (ModelOption(id="gpt-6.1-sol", label="GPT-6.1 Sol"), ModelOption(id="gpt-6-luna", label="GPT-6 Luna"))
        settings = AssistantSettings("gpt-6-luna", None, _key, models=menu)
        coach = Coach(settings, AccountsTable(name, client), lambda: TODAY)
        yield coach
        await coach.close()

    @pytest.mark.promise("H2")
    @pytest.mark.feature("overview")
    async def test_shows_the_money_of_the_turns_user(self, coach: Coach) -> None:
        assert isinstance(coach, SupportsOverview)
        ada, bob = [await coach.overview(Conversation(user).turn()) for user in ("ada", "bob")]

        assert ada == overview(Finances(read_ledger("ada", TODAY)), TODAY)
        assert ada["accounts"] != bob["accounts"]

    async def test_says_so_when_the_table_cannot_be_read(self, coach: Coach, table: tuple[str, Any]) -> None:
        name, client = table
        client.delete_table(TableName=name)

        with pytest.raises(CustomStreamError, match="cannot be reached"):
            await coach.overview(Conversation("ada").turn())

    def test_offers_the_operators_model_first_and_each_once(self, coach: Coach) -> None:
        assert isinstance(coach, SupportsModels)
        assert [model["id"] for model in coach.models] == ["gpt-6-luna", "gpt-6.1-sol"]
        assert coach.models[0]["label"] == "GPT-6 Luna"
        assert choices.models(AssistantSettings("llama", None, _key)) == ({"id": "llama", "label": "llama"},)
