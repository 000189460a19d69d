"""What the model may call: the only source of numbers in an answer.

Each tool is a plain function of the ledger (tested by values) and a thin declaration that finds whose ledger it is: the
user of the turn's context, never an argument that the model could choose.
"""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise
from typing import Any, Literal

from agents import RunContextWrapper, Tool, function_tool
from chatkit.types import ProgressUpdateEvent

from coach.accounts import ACCOUNTS, CATEGORIES, Category, Ledger, dollars, months_before
from coach.context import CoachContext
from coach.widgets.cards import as_text, balances_card, spending_chart

MAX_MONTHS = 12


def spending(ledger: Ledger, today: date, category: Literal[Category, "all"], months: int) -> dict[str, Any]:
    """Return the spending of the last `months` months (1 to 12) up to today, with its parts when all is asked."""
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
        report["by_month"] = _by_month(ledger, today, category, months)
    return report


def _by_month(ledger: Ledger, today: date, category: Category, months: int) -> dict[str, str]:
    """Return the sum of each month back from today, oldest first, by the day that ends it."""
    ends = [months_before(today, number) for number in range(months, -1, -1)]
    return {end.isoformat(): dollars(ledger.spent(category, start, end).cents) for start, end in pairwise(ends)}


def balance_sheet(ledger: Ledger) -> dict[str, Any]:
    """Return each account's balance and their sum."""
    cents = {account: ledger.balance(account) for account in ACCOUNTS}
    return {
        "accounts": [{"name": name.capitalize(), "balance": dollars(amount)} for name, amount in cents.items()],
        "total": dollars(sum(cents.values())),
    }


@function_tool
async def spending_by_category(
    run: RunContextWrapper[CoachContext], category: Literal[Category, "all"], months: int
) -> str:
    """Sum up what the user spent.

    Args:
        category: One category, or "all" for the total and its parts.
        months: How many months to look back from today, 1 to 12.
    """
    await run.context.stream(ProgressUpdateEvent(icon="search", text="Reading your transactions"))
    report = spending(run.context.ledger, run.context.today, category, months)
    if chart := spending_chart(report):
        await run.context.stream_widget(chart)
    return json.dumps(report)


@function_tool
async def balances(run: RunContextWrapper[CoachContext]) -> str:
    """Read the user's account balances: cash, savings, investing and retirement, and their total."""
    sheet = balance_sheet(run.context.ledger)
    await run.context.stream_widget(balances_card(sheet), as_text(sheet))
    return json.dumps(sheet)


TOOLS: list[Tool] = [spending_by_category, balances]
