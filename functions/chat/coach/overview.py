"""Data of the panel next to the chat (`GET /chatkit/overview`): a user's finances at a glance.

    overview(finances, today)       # {"accounts": [{"id": "cash", "label": "Cash", "cents": 312407}, …], …}

Periods are those of the coach's tools (a month ends today), so the panel and the answers agree. Amounts are whole cents
of one currency, negative for money that leaves an account; the page formats them for the browser's locale.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from coach.accounts import ACCOUNTS, CATEGORIES, Category, Finances, Transaction, mean_month, months_before

CURRENCY = "USD"
MAX_TRANSACTIONS = 20


def overview(finances: Finances, today: date) -> dict[str, Any]:
    """Return balances, spending and budget per category for this month and the last, and recent transactions."""
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
    }


def _category(finances: Finances, today: date, name: Category) -> dict[str, Any]:
    month, month_before = months_before(today, 1), months_before(today, 2)
    return {
        "id": name,
        "label": name.capitalize(),
        "spent": finances.ledger.spent(name, month).cents,
        "spent_before": finances.ledger.spent(name, month_before, month).cents,
        "budget": finances.budgets.get(name),
    }


def _transaction(transaction: Transaction) -> dict[str, Any]:
    return {
        "on": transaction.on.isoformat(),
        "account": transaction.account,
        "payee": transaction.payee,
        "cents": transaction.cents,
        "category": transaction.category,
    }
