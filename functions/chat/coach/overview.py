"""What the panel beside the chat shows of a user's money (`GET /chatkit/overview`).

    overview(finances, today)       # {"accounts": [{"id": "cash", "label": "Cash", "cents": 312407}, …], …}

The figures are those that the coach's tools tell: a month is the one up to today, so that panel and answers agree.
Amounts are whole cents of one currency; the page writes them as its reader is used to. Out is negative.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from coach.accounts import ACCOUNTS, CATEGORIES, Category, Finances, Transaction, mean_month, months_before

CURRENCY = "USD"
MAX_TRANSACTIONS = 20


def overview(finances: Finances, today: date) -> dict[str, Any]:
    """Return balances, a month's spending by category with budgets and the month before, and the newest bookings."""
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
