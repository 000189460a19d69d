"""Cards: drawn from the tools' results, from valid templates, and unchanged by a store."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from chatkit.types import ThreadItem, WidgetItem
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from coach.accounts import CATEGORIES, Category
from coach.tools.balances import balance_sheet
from coach.tools.spending import spending
from coach.widgets import cards
from coach.widgets.cards import as_text, balances_card, budget_card, spending_chart
from languages import Speech
from tests.fakes.ledger import read_ledger

TODAY = date(2026, 5, 20)
ENGLISH, GERMAN = Speech("en"), Speech("de")
few = settings(max_examples=25, deadline=None)


def parts(widget: Any, kind: str) -> list[dict[str, Any]]:
    """Return all components of one type, in order."""
    found: list[dict[str, Any]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == kind:
                found.append(node)
            walk(node.get("children") or [])
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(widget.model_dump())
    return found


class TestBalances:
    @few
    @given(st.text(min_size=1))
    def test_shows_every_account_and_the_total(self, user: str) -> None:
        sheet = balance_sheet(read_ledger(user, TODAY))
        texts = [part["value"] for part in parts(balances_card(sheet, ENGLISH), "Text")]
        expected = [value for account in sheet["accounts"] for value in (account["name"], account["balance"])]
        assert texts == [text.replace("-", "−") for text in (*expected, "Total", sheet["total"])]

    def test_copies_as_text(self) -> None:
        sheet = {"accounts": [{"name": "Cash", "balance": "$1.00"}], "total": "$1.00"}
        assert as_text(sheet, ENGLISH) == "Cash: $1.00\nTotal: $1.00"

    def test_follows_the_users_language(self) -> None:
        sheet = {"accounts": [{"name": "Cash", "balance": "-$1,234.50"}], "total": "-$1,234.50"}
        assert as_text(sheet, GERMAN) == "Girokonto: −1.234,50 $\nSumme: −1.234,50 $"
        assert as_text(sheet, ENGLISH) == "Cash: −$1,234.50\nTotal: −$1,234.50"

    def test_no_text_can_break_out_of_the_template(self) -> None:
        name = 'x"},{"type":"Button"} {{ 1 }} {% raw %}'
        card = balances_card({"accounts": [{"name": name, "balance": "$1"}], "total": "$1"}, ENGLISH)
        assert parts(card, "Text")[0]["value"] == name
        assert parts(card, "Button") == []


def test_a_budget_that_is_exceeded_says_so() -> None:
    report = {"category": "dining", "budget": "$100.00", "spent_last_month": "$259.24", "left": "-$159.24"}
    texts = [part["value"] for part in parts(budget_card(report, ENGLISH), "Text")]
    assert texts[-2:] == ["Over budget", "$159.24"]


class TestSpending:
    @few
    @given(st.text(min_size=1), st.sampled_from(CATEGORIES), st.integers(2, 12))
    def test_one_bar_per_month(self, user: str, category: Category, months: int) -> None:
        chart = spending_chart(spending(read_ledger(user, TODAY), TODAY, category, months), ENGLISH)
        assert chart
        (drawn,) = parts(chart, "Chart")
        assert len(drawn["data"]) == months
        total = float(parts(chart, "Text")[-1]["value"].replace("$", "").replace(",", ""))
        assert sum(bar["dollars"] for bar in drawn["data"]) == pytest.approx(total)

    def test_one_bar_per_category(self) -> None:
        chart = spending_chart(spending(read_ledger("ada", TODAY), TODAY, "all", 1), ENGLISH)
        assert chart
        bars = parts(chart, "Chart")[0]["data"]
        assert {bar["label"] for bar in bars} == {name.capitalize() for name in CATEGORIES}
        assert [bar["dollars"] for bar in bars] == sorted((bar["dollars"] for bar in bars), reverse=True)

    def test_dates_and_categories_follow_the_users_language(self) -> None:
        chart = spending_chart(spending(read_ledger("ada", TODAY), TODAY, "groceries", 2), GERMAN)
        assert chart
        assert parts(chart, "Title")[0]["value"] == "Ausgaben für Lebensmittel"
        assert parts(chart, "Caption")[0]["value"] == "20. März 2026 bis 20. Mai 2026"

    def test_a_single_bar_is_not_drawn(self) -> None:
        assert spending_chart(spending(read_ledger("ada", TODAY), TODAY, "rent", 1), ENGLISH) is None


@pytest.mark.parametrize("path", sorted(Path(cards.__file__).parent.glob("*.widget")), ids=lambda path: path.name)
def test_templates_have_the_studio_format(path: Path) -> None:
    definition = json.loads(path.read_text())
    assert definition["version"] == "1.0"
    assert definition["jsonSchema"]["required"]


def test_cards_round_trip_through_a_store() -> None:
    card = balances_card(balance_sheet(read_ledger("ada", TODAY)), ENGLISH)
    item = WidgetItem(id="w1", thread_id="t1", created_at=datetime(2026, 5, 20), widget=card)
    loaded = TypeAdapter[Any](ThreadItem).validate_json(item.model_dump_json())
    assert loaded.model_dump(exclude_none=True) == item.model_dump(exclude_none=True)
