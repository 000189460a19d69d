"""The coach's cards, built from the tools' results.

balances_card(balance_sheet(ledger))        # a row per account
spending_chart(spending(ledger, …))         # a bar per month or category; None for a single bar
budget_form(budget_report(…))               # a form with the action `budget.save`
budget_card(budget_report(…))               # a saved budget with the action `budget.edit`
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from chatkit.widgets import DynamicWidgetRoot, WidgetTemplate

MIN_BARS = 2


def balances_card(sheet: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return the card of a `coach.tools.balances.balance_sheet`."""
    return _template("balances").build(dict(sheet))


def spending_chart(report: Mapping[str, Any]) -> DynamicWidgetRoot | None:
    """Return the chart of a `coach.tools.spending.spending` report; None for fewer than MIN_BARS bars."""
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
    """Return the card of an analysis in progress. Each later version only appends to `findings`."""
    return _template("analysis").build({"title": title, "findings": findings, "streaming": streaming})


def budget_form(report: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return the form of a `coach.tools.budgets.budget_report`."""
    return _template("budget_form").build(
        {
            "title": f"Budget for {report['category']}",
            "category": report["category"],
            "spent": f"{report['spent_last_month']} spent in the last month",
            "amount": f"{_number(report['budget']):.2f}" if report["budget"] else "",
        }
    )


def budget_card(report: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return the card of a `coach.tools.budgets.budget_report` whose budget is set."""
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
    """Return the balances card as text, for the copy button."""
    rows = [f"{account['name']}: {account['balance']}" for account in sheet["accounts"]]
    return "\n".join([*rows, f"Total: {sheet['total']}"])


@lru_cache
def _template(name: str) -> WidgetTemplate:
    return WidgetTemplate.from_file(str(Path(__file__).with_name(f"{name}.widget").resolve()))


def _number(amount: str) -> float:
    """Return an amount for display as a bar or in a field. A float is exact enough there."""
    return float(amount.replace("$", "").replace(",", ""))
