"""Spending in one category or in all of them."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise
from typing import Any, Literal

from agents import RunContextWrapper, function_tool
from chatkit.types import ProgressUpdateEvent

from coach.accounts import CATEGORIES, Category, Ledger, dollars, months_before
from coach.context import CoachContext
from coach.widgets.cards import spending_chart

MAX_MONTHS = 12


def spending(ledger: Ledger, today: date, category: Literal[Category, "all"], months: int) -> dict[str, Any]:
    """Return the spending of the last `months` months (1 to 12), by month or, for "all", by category."""
    months = min(max(months, 1), MAX_MONTHS)
    after = months_before(today, months)
    total = ledger.spent(None if category == "all" else category, after)
    report: dict[str, Any] = {
        "category": category,
        "months": months,
        "after": after.isoformat(),
        "until": today.isoformat(),
        "total": dollars(total.cents),
        "purchases": total.purchases,
    }
    if category == "all":
        report["by_category"] = {name: dollars(ledger.spent(name, after).cents) for name in CATEGORIES}
    else:
        report["by_month"] = {end: dollars(cents) for end, cents in by_month(ledger, today, category, months).items()}
    return report


def by_month(ledger: Ledger, today: date, category: Category | None, months: int) -> dict[str, int]:
    """Return the cents spent in each of the last months, oldest first. Keys are the days on which the months end."""
    ends = [months_before(today, number) for number in range(months, -1, -1)]
    return {end.isoformat(): ledger.spent(category, start, end).cents for start, end in pairwise(ends)}


@function_tool
async def spending_by_category(
    run: RunContextWrapper[CoachContext], category: Literal[Category, "all"], months: int
) -> str:
    """Add up the user's spending.

    Args:
        category: One category, or "all" for the total and all categories.
        months: How many months to look back from today, 1 to 12.
    """
    text = run.context.speech("Reading your transactions")
    await run.context.stream(ProgressUpdateEvent(icon="search", text=text))
    report = spending((await run.context.finances()).ledger, run.context.today, category, months)
    if chart := spending_chart(report, run.context.speech):
        await run.context.stream_widget(chart)
    return json.dumps(report)
