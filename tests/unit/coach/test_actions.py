"""Actions of the cards: a budget is validated, stored for its user, shown, and passed to the model."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from chatkit.actions import Action
from chatkit.types import WidgetItem

from coach.accounts_table import AccountsTable
from coach.actions import BudgetActions
from coach.tools.budgets import budget_report
from coach.widgets.cards import budget_form
from languages import Speech
from store_dynamo.testing.models import NOON
from tests.fakes.turn import Conversation

TODAY = date(2026, 5, 20)


def act(kind: str, payload: Any) -> Action[str, Any]:
    return Action[str, Any](type=kind, payload=payload)


async def form(talk: Conversation, accounts: AccountsTable) -> WidgetItem:
    """Return a budget form that the thread already shows."""
    report = budget_report(await accounts.read(talk.context.user_id, TODAY), TODAY, "dining")
    item = WidgetItem(id="form", thread_id=talk.thread.id, created_at=NOON, widget=budget_form(report, Speech("en")))
    await talk.add(item)
    return item


async def save(talk: Conversation, accounts: AccountsTable, payload: Any, sender: WidgetItem | None) -> list[Any]:
    events = BudgetActions(accounts).save(talk.thread, act("budget.save", payload), sender, talk.turn(), TODAY)
    return [event async for event in events]


class TestSave:
    @pytest.mark.feature("budgets")
    async def test_the_budget_is_stored_shown_and_told(self, accounts: AccountsTable) -> None:
        talk = Conversation("saver")
        sender = await form(talk, accounts)
        replaced, hidden = await save(talk, accounts, {"category": "dining", "amount": "412.50"}, sender)
        assert (await accounts.read("saver", TODAY)).budgets == {"dining": 41_250}
        assert (replaced.type, replaced.item.id) == ("thread.item.replaced", "form")
        assert '"$412.50"' in replaced.item.widget.model_dump_json()
        assert hidden.item.content == "The user set the monthly budget for dining to $412.50."

    async def test_without_a_card_one_is_shown(self, accounts: AccountsTable) -> None:
        shown, _ = await save(Conversation("other"), accounts, {"category": "rent", "amount": 900}, None)
        assert (shown.type, shown.item.type) == ("thread.item.done", "widget")

    @pytest.mark.parametrize(
        "payload",
        [
            None,
            "dining",
            {},
            {"category": "dining"},
            {"category": "gold", "amount": "5"},
            {"category": ["dining"], "amount": "5"},
            *(
                {"category": "dining", "amount": amount}
                for amount in ("", "0", "-1", "1e9", "NaN", "Infinity", "five", [1])
            ),
        ],
    )
    async def test_what_is_no_budget_is_refused_and_stored_nowhere(self, accounts: AccountsTable, payload: Any) -> None:
        (notice,) = await save(Conversation("strange"), accounts, payload, None)
        assert (notice.type, notice.level) == ("notice", "warning")
        assert (await accounts.read("strange", TODAY)).budgets == {}

    async def test_an_amount_that_is_none_is_told_at_its_field(self, accounts: AccountsTable) -> None:
        talk = Conversation("off-limits")
        report = budget_report(await accounts.read("off-limits", TODAY), TODAY, "dining")
        form = WidgetItem(id="f", thread_id=talk.thread.id, created_at=NOON, widget=budget_form(report, Speech("en")))

        (replaced,) = await save(talk, accounts, {"category": "dining", "amount": "-5"}, form)

        assert replaced.item.id == "f"
        assert "Enter a budget between $1 and $1,000,000." in replaced.model_dump_json()
        assert (await accounts.read("off-limits", TODAY)).budgets == {}

    @pytest.mark.parametrize(
        ("typed", "cents"), [("1", 100), (" $1,200.25 ", 120_025), (400, 40_000), (99.999, 10_000)]
    )
    async def test_amounts_as_people_type_them(self, accounts: AccountsTable, typed: Any, cents: int) -> None:
        await save(Conversation("typist"), accounts, {"category": "travel", "amount": typed}, None)
        assert (await accounts.read("typist", TODAY)).budgets["travel"] == cents


class TestEdit:
    async def test_the_card_is_a_form_again_and_stored_so(self, accounts: AccountsTable) -> None:
        talk = Conversation("editor")
        await accounts.set_budget("editor", "dining", 30_000)
        sender = await form(talk, accounts)
        changed = await BudgetActions(accounts).edit(
            act("budget.edit", {"category": "dining"}), sender, talk.turn(), TODAY
        )
        assert changed
        assert '"300.00"' in changed.widget.model_dump_json()
        assert [item.id for item in await talk.items()] == ["form"]
        assert (await talk.items())[0].model_dump() == changed.model_dump()

    @pytest.mark.parametrize("payload", [None, {}, {"category": "gold"}])
    async def test_an_unknown_card_stays(self, accounts: AccountsTable, payload: Any) -> None:
        talk = Conversation("editor-2")
        sender = await form(talk, accounts)
        assert await BudgetActions(accounts).edit(act("budget.edit", payload), sender, talk.turn(), TODAY) is None
