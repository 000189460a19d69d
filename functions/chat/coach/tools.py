"""What the model may call: the only source of numbers in an answer.

Each tool is a plain function of the ledger (tested by values) and a thin declaration that finds whose ledger it is: the
user of the turn's context, never an argument that the model could choose.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Literal

from agents import RunContextWrapper, Tool, function_tool

from coach.accounts import ACCOUNTS, CATEGORIES, Category, Ledger, dollars, months_before
from coach.context import CoachContext

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
    return report


def balance_sheet(ledger: Ledger) -> dict[str, Any]:
    """Return each account's balance and their sum."""
    cents = {account: ledger.balance(account) for account in ACCOUNTS}
    return {
        "accounts": [{"name": name.capitalize(), "balance": dollars(amount)} for name, amount in cents.items()],
        "total": dollars(sum(cents.values())),
    }


@function_tool
def spending_by_category(run: RunContextWrapper[CoachContext], category: Literal[Category, "all"], months: int) -> str:
    """Sum up what the user spent.

    Args:
        category: One category, or "all" for the total and its parts.
        months: How many months to look back from today, 1 to 12.
    """
    return json.dumps(spending(run.context.ledger, run.context.today, category, months))


@function_tool
def balances(run: RunContextWrapper[CoachContext]) -> str:
    """Read the user's account balances: cash, savings, investing and retirement, and their total."""
    return json.dumps(balance_sheet(run.context.ledger))


TOOLS: list[Tool] = [spending_by_category, balances]
