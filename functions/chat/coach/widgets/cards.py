"""The coach's cards, filled with what the tools return.

balances_card(balance_sheet(ledger))        # Card with one row per account
spending_chart(spending(ledger, …))         # Card with a bar per month or category; None when one bar says nothing
budget_form(budget_report(…))               # Card with a field, whose action is `budget.save`
budget_card(budget_report(…))               # Card of a budget that is set, whose action is `budget.edit`
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from chatkit.widgets import DynamicWidgetRoot, WidgetTemplate

MIN_BARS = 2


def balances_card(sheet: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return a card of `coach.tools.balances.balance_sheet`."""
    return _template("balances").build(dict(sheet))


def spending_chart(report: Mapping[str, Any]) -> DynamicWidgetRoot | None:
    """Return a chart of `coach.tools.spending.spending`."""
    parts: Mapping[str, str] = report.get("by_category") or report.get("by_month") or {}
    if len(parts) < MIN_BARS:
        return None
    category: str = report["category"]
    return _template("spending").build(
        {
            "title": "Spending" if category == "all" else f"Spending on {category}",
            "period": f"{report['after']} to {report['until']}",
            "total": report["total"],
            "bars": [{"label": label, "dollars": _number(amount)} for label, amount in parts.items()],
        }
    )


def analysis_card(title: str, findings: str, streaming: bool) -> DynamicWidgetRoot:
    """Return the card of an analysis as far as it has come; each later one only adds to `findings`."""
    return _template("analysis").build({"title": title, "findings": findings, "streaming": streaming})


def budget_form(report: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return a form of `coach.tools.budgets.budget_report`."""
    return _template("budget_form").build(
        {
            "title": f"Budget for {report['category']}",
            "category": report["category"],
            "spent": f"{report['spent_last_month']} spent in the last month",
            "amount": f"{_number(report['budget']):.2f}" if report["budget"] else "",
        }
    )


def budget_card(report: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return a card of `coach.tools.budgets.budget_report` once the budget is set."""
    return _template("budget").build(
        {
            "title": f"Budget for {report['category']}",
            "category": report["category"],
            "budget": report["budget"],
            "spent": report["spent_last_month"],
            "left": report["left"],
        }
    )


def as_text(sheet: Mapping[str, Any]) -> str:
    """Return what copying the balances card copies."""
    rows = [f"{account['name']}: {account['balance']}" for account in sheet["accounts"]]
    return "\n".join([*rows, f"Total: {sheet['total']}"])


@lru_cache
def _template(name: str) -> WidgetTemplate:
    return WidgetTemplate.from_file(str(Path(__file__).with_name(f"{name}.widget").resolve()))


def _number(amount: str) -> float:
    """A bar's height or a field's value; nothing is computed with it."""
    return float(amount.replace("$", "").replace(",", ""))
