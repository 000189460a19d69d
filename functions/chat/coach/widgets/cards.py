"""The coach's cards, filled with what the tools return.

balances_card(balance_sheet(ledger))        # Card with one row per account
spending_chart(spending(ledger, …))         # Card with a bar per month or category; None when one bar says nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from chatkit.widgets import DynamicWidgetRoot, WidgetTemplate

MIN_BARS = 2


def balances_card(sheet: Mapping[str, Any]) -> DynamicWidgetRoot:
    """Return a card of `coach.tools.balance_sheet`."""
    return _template("balances").build(dict(sheet))


def spending_chart(report: Mapping[str, Any]) -> DynamicWidgetRoot | None:
    """Return a chart of `coach.tools.spending`."""
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


def as_text(sheet: Mapping[str, Any]) -> str:
    """Return what copying the balances card copies."""
    rows = [f"{account['name']}: {account['balance']}" for account in sheet["accounts"]]
    return "\n".join([*rows, f"Total: {sheet['total']}"])


@lru_cache
def _template(name: str) -> WidgetTemplate:
    return WidgetTemplate.from_file(str(Path(__file__).with_name(f"{name}.widget").resolve()))


def _number(amount: str) -> float:
    """A bar's height; nothing is computed with it."""
    return float(amount.replace("$", "").replace(",", ""))
