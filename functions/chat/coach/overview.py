"""Data of the panel next to the chat (`GET /chatkit/overview`), and its changes (`POST /chatkit/overview`).

    overview(finances, today)       # {"accounts": [{"id": "cash", "label": "Cash", "cents": 312407}, …], …}
    await change(accounts, "ada", {"type": "budget.set", "category": "dining", "cents": 40000})

Periods are those of the coach's tools (a month ends today), so the panel and the answers agree. Amounts are whole cents
of one currency, negative for money that leaves an account; the page formats them for the browser's locale.

    budget.set     {category, cents}    whole cents, from $1 to MAX_DOLLARS
    budget.remove  {category}
    goal.remove    {id}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from chat_api.errors import InvalidRequestError
from coach.accounts import (
    ACCOUNTS,
    CATEGORIES,
    MONTHS_OBSERVED,
    Category,
    Finances,
    Goal,
    Transaction,
    mean_month,
    months_before,
    months_until,
)
from coach.accounts_table import AccountsTable

CURRENCY = "USD"
MAX_TRANSACTIONS = 200
MAX_DOLLARS = 1_000_000
GOAL_ID = re.compile(r"[0-9a-f]{16}")


def overview(finances: Finances, today: date) -> dict[str, Any]:
    """Return balances, spending and budget per category, goals, and recent transactions.

    `by_month` has the spending of the last MONTHS_OBSERVED months, the oldest first.
    """
    ledger = finances.ledger
    saved, left = mean_month(ledger, today)
    return {
        "currency": CURRENCY,
        "since": (months_before(today, 1) + timedelta(days=1)).isoformat(),
        "until": today.isoformat(),
        "accounts": [{"id": name, "label": name.capitalize(), "cents": ledger.balance(name)} for name in ACCOUNTS],
        "categories": [_category(finances, today, name) for name in CATEGORIES],
        "transactions": [_transaction(each) for each in reversed(ledger.transactions[-MAX_TRANSACTIONS:])],
        "savings": {"saved_per_month": saved, "left_per_month": left},
        "goals": [_goal(each, today) for each in finances.goals],
    }


async def change(accounts: AccountsTable, user_id: str, wanted: Mapping[str, Any]) -> None:
    """Carry out a change of the panel. Raises InvalidRequestError or AccountsUnavailableError."""
    match wanted:
        case {"type": "budget.set", "category": str(name), "cents": int(cents)}:
            if isinstance(cents, bool) or not 100 <= cents <= MAX_DOLLARS * 100:
                raise InvalidRequestError(f"cents: must be a whole number from 100 to {MAX_DOLLARS * 100}")
            await accounts.set_budget(user_id, _known(name), cents)
        case {"type": "budget.remove", "category": str(name)}:
            await accounts.remove_budget(user_id, _known(name))
        case {"type": "goal.remove", "id": str(goal_id)}:
            if not GOAL_ID.fullmatch(goal_id):
                raise InvalidRequestError("id: must be the id of a goal")
            await accounts.remove_goal(user_id, goal_id)
        case _:
            raise InvalidRequestError(
                "type: must be budget.set with category and cents, budget.remove with category, or goal.remove with id"
            )


def _known(name: str) -> Category:
    for category in CATEGORIES:
        if category == name:
            return category
    raise InvalidRequestError(f"category: must be one of {', '.join(CATEGORIES)}")


def _category(finances: Finances, today: date, name: Category) -> dict[str, Any]:
    ends = [months_before(today, months) for months in range(MONTHS_OBSERVED, -1, -1)]
    by_month = [finances.ledger.spent(name, after, until).cents for after, until in pairwise(ends)]
    return {
        "id": name,
        "label": name.capitalize(),
        "spent": by_month[-1],
        "spent_before": by_month[-2],
        "by_month": by_month,
        "budget": finances.budgets.get(name),
    }


def _goal(goal: Goal, today: date) -> dict[str, Any]:
    per_month = -(-goal.cents // months_until(today, goal.until))
    return {
        "id": goal.id,
        "name": goal.name,
        "cents": goal.cents,
        "until": goal.until.isoformat(),
        "per_month": per_month,
    }


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "on": transaction.on.isoformat(),
        "account": transaction.account,
        "payee": transaction.payee,
        "cents": transaction.cents,
        "category": transaction.category,
    }
