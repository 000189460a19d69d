"""The coach's cards, built from the tools' results.

balances_card(balance_sheet(ledger), speech)        # a row per account
spending_chart(spending(ledger, …), speech)         # a bar per month or category; None for a single bar
budget_form(budget_report(…), speech)               # a form with the action `budget.save`
budget_card(budget_report(…), speech)               # a saved budget with the action `budget.edit`
transfer_card(Transfer(…), speech)                  # money that was moved, with the action `transfer.undo`
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from chatkit.widgets import DynamicWidgetRoot, WidgetTemplate

from coach.accounts import Transfer, dollars
from languages import Speech

MIN_BARS = 2


def balances_card(sheet: Mapping[str, Any], speech: Speech) -> DynamicWidgetRoot:
    """Return the card of a `coach.tools.balances.balance_sheet`."""
    rows = [
        {"name": speech.term(account["name"]), "balance": money(account["balance"], speech)}
        for account in sheet["accounts"]
    ]
    words = {"balances": speech("Balances"), "total": speech("Total")}
    return _template("balances").build({"accounts": rows, "total": money(sheet["total"], speech), "words": words})


def spending_chart(report: Mapping[str, Any], speech: Speech) -> DynamicWidgetRoot | None:
    """Return the chart of a `coach.tools.spending.spending` report; None for fewer than MIN_BARS bars."""
    by_category: Mapping[str, str] = report.get("by_category") or {}
    by_month: Mapping[str, str] = report.get("by_month") or {}
    largest_first = sorted(by_category.items(), key=lambda part: -_number(part[1]))
    bars = [(_capitalized(speech.term(name)), amount) for name, amount in largest_first]
    bars += [(_day(day, speech), amount) for day, amount in by_month.items()]
    if len(bars) < MIN_BARS:
        return None
    category: str = report["category"]
    title = speech("Spending") if category == "all" else speech("Spending on {category}", category=category)
    period = speech("{first} to {last}", first=_day(report["after"], speech), last=_day(report["until"], speech))
    return _template("spending").build(
        {
            "title": title,
            "period": period,
            "total": money(report["total"], speech),
            "bars": [{"label": label, "dollars": _number(amount)} for label, amount in bars],
            "words": {"spent": speech("Spent ($)"), "total": speech("Total")},
        }
    )


def analysis_card(title: str, findings: str, streaming: bool) -> DynamicWidgetRoot:
    """Return the card of an analysis in progress. Each later version only appends to `findings`."""
    return _template("analysis").build({"title": title, "findings": findings, "streaming": streaming})


def budget_form(report: Mapping[str, Any], speech: Speech, fault: str = "") -> DynamicWidgetRoot:
    """Return the form of a `coach.tools.budgets.budget_report`, with the fault of the amount that was entered."""
    return _template("budget_form").build(
        {
            "title": speech("Budget for {category}", category=report["category"]),
            "category": report["category"],
            "spent": speech("{amount} spent in the last month", amount=money(report["spent_last_month"], speech)),
            "amount": f"{_number(report['budget']):.2f}" if report["budget"] else "",
            "fault": fault,
            "words": {"save": speech("Save"), "label": speech("Dollars a month")},
        }
    )


def budget_card(report: Mapping[str, Any], speech: Speech) -> DynamicWidgetRoot:
    """Return the card of a `coach.tools.budgets.budget_report` whose budget is set."""
    over = report["left"].startswith("-")
    words = {
        "budget": speech("Budget"),
        "spent": speech("Spent in the last month"),
        "left": speech("Over budget") if over else speech("Left"),
        "change": speech("Change"),
    }
    return _template("budget").build(
        {
            "title": speech("Budget for {category}", category=report["category"]),
            "category": report["category"],
            "budget": money(report["budget"], speech),
            "spent": money(report["spent_last_month"], speech),
            "left": money(report["left"].lstrip("-"), speech),
            "words": words,
        }
    )


def transfer_card(booked: Transfer, speech: Speech, *, undone: bool = False) -> DynamicWidgetRoot:
    """Return the card of a transfer, with a button that takes it back until that is done."""
    source, target = (speech.term(name.capitalize()) for name in (booked.source, booked.target))
    amount = money(dollars(booked.cents), speech)
    return _template("transfer").build(
        {
            "title": speech("Transfer taken back") if undone else speech("Money moved"),
            "text": speech("{amount} from {source} to {target}", amount=amount, source=source, target=target),
            "undo": speech("Undo"),
            "key": "" if undone else booked.key,
        }
    )


def as_text(sheet: Mapping[str, Any], speech: Speech) -> str:
    """Return the balances card as text, for the copy button."""
    rows = [f"{speech.term(each['name'])}: {money(each['balance'], speech)}" for each in sheet["accounts"]]
    return "\n".join([*rows, f"{speech('Total')}: {money(sheet['total'], speech)}"])


def money(amount: str, speech: Speech) -> str:
    """Return an amount of `coach.accounts.dollars` for people, with a real minus sign: −$1,234.50."""
    sign = "−" if amount.startswith("-") else ""
    return speech("{sign}${number}", sign=sign, number=speech.number(amount.lstrip("-$")))


def _day(iso: str, speech: Speech) -> str:
    return speech.date(date.fromisoformat(iso))


@lru_cache
def _template(name: str) -> WidgetTemplate:
    return WidgetTemplate.from_file(str(Path(__file__).with_name(f"{name}.widget").resolve()))


def _capitalized(term: str) -> str:
    return term[:1].upper() + term[1:]


def _number(amount: str) -> float:
    """Return an amount for display as a bar or in a field. A float is exact enough there."""
    return float(amount.replace("$", "").replace(",", ""))
