"""Tools: amounts of the turn's user, and schemas that a model can fill in."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from agents import FunctionTool
from agents.tool_context import ToolContext
from chatkit.types import ClientEffectEvent, StructuredInputItem, ThreadItemDoneEvent, WidgetItem
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.accounts import ACCOUNTS, CATEGORIES, Finances, dollars, months_before
from coach.accounts_table import AccountsTable
from coach.context import CoachContext
from coach.tools import ENDS_THE_TURN, TOOLS
from coach.tools.analysis import biggest_changes, favourite_payees, monthly_totals
from coach.tools.balances import balance_sheet
from coach.tools.budgets import budget_report
from coach.tools.goals import goal_plan
from coach.tools.spending import spending
from tests.fakes.ledger import read_ledger
from tests.fakes.turn import Conversation

TODAY = date(2026, 5, 20)
few = settings(max_examples=25, deadline=None)
BY_NAME = {tool.name: tool for tool in TOOLS if isinstance(tool, FunctionTool)}


class Bench:
    """One turn of one user with a method to call tools."""

    def __init__(self, accounts: AccountsTable, user_id: str = "ada") -> None:
        talk = Conversation(user_id)
        self.context = CoachContext(
            thread=talk.thread, store=talk.store, request_context=talk.context, today=TODAY, accounts=accounts
        )

    async def call(self, name: str, arguments: str = "{}") -> Any:
        run = ToolContext(context=self.context, tool_name=name, tool_call_id="call_1", tool_arguments=arguments)
        return await BY_NAME[name].on_invoke_tool(run, arguments)

    def events(self) -> list[Any]:
        """Return the events that were streamed so far."""
        queue = self.context._events
        return [queue.get_nowait() for _ in range(queue.qsize())]


def cents(written: str) -> int:
    return int(written.replace("$", "").replace(",", "").replace(".", ""))


class TestSpending:
    @few
    @given(st.text(min_size=1), st.integers(1, 12))
    def test_parts_add_up_to_the_total(self, user: str, months: int) -> None:
        report = spending(read_ledger(user, TODAY), TODAY, "all", months)
        assert sum(cents(part) for part in report["by_category"].values()) == cents(report["total"])

    @pytest.mark.parametrize(("requested", "used"), [(0, 1), (-5, 1), (1, 1), (12, 12), (99, 12)])
    def test_months_are_held_to_a_year(self, requested: int, used: int) -> None:
        report = spending(read_ledger("ada", TODAY), TODAY, "groceries", requested)
        assert report["months"] == used
        expected = read_ledger("ada", TODAY).spent("groceries", months_before(TODAY, used))
        assert (report["total"], report["purchases"]) == (dollars(expected.cents), expected.purchases)

    @pytest.mark.promise("H2")
    @pytest.mark.feature("server-context")
    async def test_tool_reads_the_ledger_of_the_turns_user(self, accounts: AccountsTable) -> None:
        arguments = '{"category": "dining", "months": 3}'
        ada, bob = [
            json.loads(await Bench(accounts, user).call("spending_by_category", arguments)) for user in ("ada", "bob")
        ]
        assert ada == spending(read_ledger("ada", TODAY), TODAY, "dining", 3)
        assert bob == spending(read_ledger("bob", TODAY), TODAY, "dining", 3)

    @pytest.mark.parametrize("arguments", ["{}", "{", '{"category": "gold", "months": 1}'])
    async def test_bad_arguments_are_told_to_the_model(self, accounts: AccountsTable, arguments: str) -> None:
        assert "error" in (await Bench(accounts).call("spending_by_category", arguments)).lower()


class TestBalances:
    @few
    @given(st.text(min_size=1))
    def test_total_is_the_sum(self, user: str) -> None:
        sheet = balance_sheet(read_ledger(user, TODAY))
        assert sum(cents(account["balance"]) for account in sheet["accounts"]) == cents(sheet["total"])

    async def test_tool_reads_the_ledger_of_the_turns_user(self, accounts: AccountsTable) -> None:
        sheet = json.loads(await Bench(accounts, "bob").call("balances"))
        assert sheet == balance_sheet(read_ledger("bob", TODAY))


class TestAnalysis:
    @few
    @given(st.text(min_size=1), st.integers(2, 12))
    def test_months_add_up_to_what_was_spent(self, user: str, months: int) -> None:
        ledger = read_ledger(user, TODAY)
        found = monthly_totals(ledger, TODAY, months)
        whole = ledger.spent(None, months_before(TODAY, months)).cents
        assert sum(cents(total) for total in found["by_month"].values()) == whole
        assert cents(found["mean_per_month"]) == round(whole / months)

    @few
    @given(st.text(min_size=1), st.integers(2, 12))
    def test_a_change_is_the_last_month_less_the_mean_before(self, user: str, months: int) -> None:
        ledger = read_ledger(user, TODAY)
        changes = biggest_changes(ledger, TODAY, months)["last_month_against_mean"]
        for name, change in changes.items():
            last = ledger.spent(name, months_before(TODAY, 1)).cents
            before = ledger.spent(name, months_before(TODAY, months)).cents - last
            assert change == dollars(last - round(before / (months - 1)))
        assert len(changes) == 3

    def test_nobody_is_paid_more_than_the_first(self) -> None:
        ledger = read_ledger("ada", TODAY)
        named = favourite_payees(ledger, TODAY, 6)["most_paid_to"]
        after = months_before(TODAY, 6)
        sums = {
            payee: -sum(t.cents for t in ledger.transactions if t.payee == payee and t.on > after) for payee in named
        }
        assert [dollars(sums[payee]) for payee in named] == list(named.values())
        assert list(sums.values()) == sorted(sums.values(), reverse=True)

    @pytest.mark.feature("analysis")
    async def test_each_step_is_told_once_and_as_it_was(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts)
        await bench.call("analyze_spending", '{"months": 6}')
        first, *updates, done = [
            event
            for event in bench.events()
            if "workflow" in str(getattr(event, "item_id", "")) + event.type
            or getattr(getattr(event, "item", None), "type", "") == "workflow"
            or getattr(getattr(event, "update", None), "type", "").startswith("workflow")
        ]
        assert [(task.title, task.status_indicator) for task in first.item.workflow.tasks] == [
            ("Add up every month", "loading")
        ]
        assert [(each.update.type.split(".")[-1], each.update.task_index) for each in updates] == [
            ("updated", 0), ("added", 1), ("updated", 1), ("added", 2), ("updated", 2),
        ]  # fmt: skip
        assert {task.status_indicator for task in done.item.workflow.tasks} == {"complete"}
        assert done.item.workflow.summary.title == "Analyzed 6 months"

    @pytest.mark.feature("widget-streaming")
    async def test_the_card_grows_line_by_line(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts)
        await bench.call("analyze_spending", '{"months": 6}')
        events = bench.events()
        deltas = [e.update for e in events if getattr(getattr(e, "update", None), "type", "").startswith("widget.")]
        final = events[-1].item
        assert isinstance(final, WidgetItem)
        assert len(deltas) > 5
        *lines, whole = deltas
        assert {line.type for line in lines} == {"widget.streaming_text.value_delta"}
        assert whole.type == "widget.root.updated"  # ChatKit sends the whole card when `streaming` ends
        text = final.widget.model_dump()["children"][1]["value"]
        assert text.startswith("".join(line.delta for line in lines))
        assert text.count("\n") == len(deltas)


class TestBudgets:
    def test_what_is_left_is_budget_less_spent(self) -> None:
        ledger = read_ledger("ada", TODAY)
        report = budget_report(Finances(ledger, {"dining": 50_000}), TODAY, "dining")
        spent = ledger.spent("dining", months_before(TODAY, 1)).cents
        assert report == {
            "category": "dining",
            "spent_last_month": dollars(spent),
            "budget": "$500.00",
            "left": dollars(50_000 - spent),
        }

    async def test_the_form_sets_nothing(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts, "careful")
        report = json.loads(await bench.call("set_budget", '{"category": "dining"}'))
        assert report["budget"] is None
        assert (await accounts.read("careful", TODAY)).budgets == {}
        assert [event.item.type for event in bench.events()] == ["widget"]

    async def test_only_what_is_set_is_told(self, accounts: AccountsTable) -> None:
        await accounts.set_budget("setter", "rent", 90_000)
        reports = json.loads(await Bench(accounts, "setter").call("budgets"))["budgets"]
        assert [(each["category"], each["budget"]) for each in reports] == [("rent", "$900.00")]


class TestGoals:
    @few
    @given(st.text(min_size=1), st.integers(0, 10**6), st.integers(1, 600))
    def test_a_plan_reaches_its_goal_and_no_more_than_a_cent_a_month_beyond(
        self, user: str, amount: int, months: int
    ) -> None:
        plan = goal_plan(read_ledger(user, TODAY), TODAY, amount, months)
        assert 0 <= cents(plan["needed_per_month"]) * months - amount * 100 < months

    @pytest.mark.parametrize(("amount", "months"), [(-5, 1), (100, 0), (100, -3)])
    def test_nonsense_is_held_to_what_makes_sense(self, amount: int, months: int) -> None:
        assert goal_plan(read_ledger("ada", TODAY), TODAY, amount, months)["months"] == 1

    async def test_questions_are_a_pending_form(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts)
        await bench.call("ask_about_goal", '{"goal": "A boat"}')
        (event,) = bench.events()
        assert isinstance(event, ThreadItemDoneEvent)
        assert isinstance(event.item, StructuredInputItem)
        assert event.item.status == "pending"
        amount, horizon, account = event.item.inputs
        assert amount.question.startswith("A boat")
        assert horizon.type == "multiple_choice"
        assert account.type == "multiple_choice"
        assert [option.value for option in account.options] == [name.capitalize() for name in ACCOUNTS]


class TestHostPage:
    async def test_a_page_is_opened_by_the_client(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts)
        await bench.call("open_page", '{"page": "budgets"}')
        call = bench.context.client_tool_call
        assert call
        assert (call.name, call.arguments) == ("open_page", {"page": "budgets"})

    async def test_an_unknown_page_is_not(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts)
        assert "error" in (await bench.call("open_page", '{"page": "https://evil.example"}')).lower()
        assert bench.context.client_tool_call is None

    @pytest.mark.feature("client-effects")
    async def test_highlight_is_an_effect(self, accounts: AccountsTable) -> None:
        bench = Bench(accounts)
        await bench.call("highlight", '{"category": "travel"}')
        assert bench.events() == [ClientEffectEvent(name="highlight", data={"category": "travel"})]


def test_no_argument_names_a_user() -> None:
    for tool in BY_NAME.values():
        assert not {"user", "user_id", "username"} & set(tool.params_json_schema["properties"])


def test_the_model_sees_every_category() -> None:
    schema = BY_NAME["spending_by_category"].params_json_schema
    assert schema["properties"]["category"]["enum"] == [*CATEGORIES, "all"]
    assert schema["required"] == ["category", "months"]


def test_what_waits_for_page_or_user_ends_the_turn() -> None:
    assert set(ENDS_THE_TURN["stop_at_tool_names"]) == {"open_page", "ask_about_goal"} <= BY_NAME.keys()
