"""The tools: numbers of the turn's user, written out, and a schema that the model can fill in."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from agents import FunctionTool
from agents.tool_context import ToolContext
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.accounts import CATEGORIES, dollars, months_before
from coach.context import CoachContext
from coach.demo_bank import read_ledger
from coach.tools import TOOLS, balance_sheet, spending
from tests.fakes.turn import Conversation

TODAY = date(2026, 5, 20)
few = settings(max_examples=25, deadline=None)
BY_NAME = {tool.name: tool for tool in TOOLS if isinstance(tool, FunctionTool)}


async def call(name: str, arguments: str, user_id: str = "ada") -> Any:
    talk = Conversation(user_id)
    context = CoachContext(thread=talk.thread, store=talk.store, request_context=talk.context, today=TODAY)
    run = ToolContext(context=context, tool_name=name, tool_call_id="call_1", tool_arguments=arguments)
    return await BY_NAME[name].on_invoke_tool(run, arguments)


def cents(written: str) -> int:
    return int(written.replace("$", "").replace(",", "").replace(".", ""))


class TestSpending:
    @few
    @given(st.text(min_size=1), st.integers(1, 12))
    def test_parts_add_up_to_the_total(self, user: str, months: int) -> None:
        report = spending(read_ledger(user, TODAY), TODAY, "all", months)
        assert sum(cents(part) for part in report["by_category"].values()) == cents(report["total"])

    @pytest.mark.parametrize(("asked", "used"), [(0, 1), (-5, 1), (1, 1), (12, 12), (99, 12)])
    def test_months_are_held_to_a_year(self, asked: int, used: int) -> None:
        report = spending(read_ledger("ada", TODAY), TODAY, "groceries", asked)
        assert report["months"] == used
        expected = read_ledger("ada", TODAY).spent("groceries", months_before(TODAY, used))
        assert (report["total"], report["purchases"]) == (dollars(expected.cents), expected.purchases)

    @pytest.mark.promise("H2")
    async def test_tool_reads_the_ledger_of_the_turns_user(self) -> None:
        arguments = '{"category": "dining", "months": 3}'
        ada, bob = [json.loads(await call("spending_by_category", arguments, user)) for user in ("ada", "bob")]
        assert ada == spending(read_ledger("ada", TODAY), TODAY, "dining", 3)
        assert bob == spending(read_ledger("bob", TODAY), TODAY, "dining", 3)

    @pytest.mark.parametrize("arguments", ["{}", "{", '{"category": "gold", "months": 1}'])
    async def test_bad_arguments_are_told_to_the_model(self, arguments: str) -> None:
        assert "error" in (await call("spending_by_category", arguments)).lower()


class TestBalances:
    @few
    @given(st.text(min_size=1))
    def test_total_is_the_sum(self, user: str) -> None:
        sheet = balance_sheet(read_ledger(user, TODAY))
        assert sum(cents(account["balance"]) for account in sheet["accounts"]) == cents(sheet["total"])

    async def test_tool_reads_the_ledger_of_the_turns_user(self) -> None:
        assert json.loads(await call("balances", "{}", "bob")) == balance_sheet(read_ledger("bob", TODAY))


def test_no_argument_names_a_user() -> None:
    for tool in BY_NAME.values():
        assert not {"user", "user_id", "username"} & set(tool.params_json_schema["properties"])


def test_the_model_sees_every_category() -> None:
    schema = BY_NAME["spending_by_category"].params_json_schema
    assert schema["properties"]["category"]["enum"] == [*CATEGORIES, "all"]
    assert schema["required"] == ["category", "months"]
