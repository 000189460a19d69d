"""The demo user's money: three accounts and their transactions, invented from the user's id and always the same.

    ledger = read_ledger("user-1", today=date(2026, 5, 1))
    ledger.balance("cash")                                  # cents
    ledger.spent("groceries", after=date(2026, 4, 1))       # Spending(cents=41237, purchases=14)

Each month is drawn from its own seed (user, year, month), so what happened stays what it was as time goes on, and a
balance is always the opening one plus every transaction since. Amounts are whole cents; out is negative.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal, get_args

Account = Literal["cash", "savings", "investing"]
Category = Literal[
    "rent", "groceries", "dining", "utilities", "transport", "shopping", "entertainment", "health", "travel"
]
ACCOUNTS: tuple[Account, ...] = get_args(Account)
CATEGORIES: tuple[Category, ...] = get_args(Category)

BEGINNING = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One booking; `category` is None for income and transfers, which are no spending."""

    on: date
    account: Account
    payee: str
    cents: int
    category: Category | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """What left the cash account for goods and services: a positive sum."""

    cents: int
    purchases: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """A user's opening balances and all transactions until a day, oldest first."""

    opening: tuple[tuple[Account, int], ...]
    transactions: tuple[Transaction, ...]

    def balance(self, account: Account) -> int:
        """Return what is on an account, in cents."""
        return dict(self.opening)[account] + sum(t.cents for t in self.transactions if t.account == account)

    def spent(self, category: Category | None, after: date, until: date = date.max) -> Spending:
        """Return the spending after the day `after`, up to and including `until`, in one category or (None) in all."""
        amounts = [
            t.cents
            for t in self.transactions
            if after < t.on <= until and t.category and category in (None, t.category)
        ]
        return Spending(-sum(amounts), len(amounts))


@dataclass(frozen=True, slots=True)
class _Habit:
    """A category's share of the salary, how many purchases make it up in a month, and where."""

    share: float
    purchases: tuple[int, int]
    payees: tuple[str, ...]


HABITS: dict[Category, _Habit] = {
    "rent": _Habit(0.28, (1, 1), ("Harbour Homes",)),
    "groceries": _Habit(0.10, (8, 14), ("Green Basket", "Corner Market", "Daily Bread Bakery")),
    "dining": _Habit(0.06, (4, 10), ("Luigi's", "Noodle House", "Café Central")),
    "utilities": _Habit(0.05, (3, 3), ("City Power", "Water Works", "Fibernet")),
    "transport": _Habit(0.05, (6, 12), ("Metro", "Ride Now", "City Bikes")),
    "shopping": _Habit(0.06, (2, 6), ("Bookshop", "Home Store", "Outfit")),
    "entertainment": _Habit(0.03, (2, 5), ("Cinema", "Streamly", "Concert Hall")),
    "health": _Habit(0.03, (1, 3), ("Pharmacy", "Dr. Lind")),
    "travel": _Habit(0.06, (0, 2), ("Railways", "Sky Air", "Hotel Lago")),
}
SAVED_SHARES: tuple[tuple[Account, float], ...] = (("savings", 0.14), ("investing", 0.10))


@lru_cache(maxsize=128)
def read_ledger(user_id: str, today: date) -> Ledger:
    """Return everything up to and including `today`."""
    draw = random.Random(user_id)
    salary = draw.randrange(320_000, 780_000, 5_000)
    opening: tuple[tuple[Account, int], ...] = (
        ("cash", draw.randrange(150_000, 500_000)),
        ("savings", draw.randrange(300_000, 2_500_000)),
        ("investing", draw.randrange(500_000, 6_000_000)),
    )
    booked = [
        transaction
        for month in _months(BEGINNING, today)
        for transaction in _month(random.Random(f"{user_id} {month:%Y-%m}"), month, salary)
        if transaction.on <= today
    ]
    return Ledger(opening, tuple(sorted(booked, key=lambda transaction: transaction.on)))


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _month(draw: random.Random, month: date, salary: int) -> Iterator[Transaction]:
    yield Transaction(month, "cash", "Salary", salary)
    for target, share in SAVED_SHARES:
        amount = round(salary * share)
        yield Transaction(month.replace(day=2), "cash", f"Transfer to {target}", -amount)
        yield Transaction(month.replace(day=2), target, "Transfer from cash", amount)
    last_day = calendar.monthrange(month.year, month.month)[1]
    for category, habit in HABITS.items():
        usual = salary * habit.share / (sum(habit.purchases) / 2)
        for _ in range(draw.randint(*habit.purchases)):
            day = 3 if category == "rent" else draw.randint(1, last_day)
            cents = round(usual * (1.0 if category == "rent" else draw.uniform(0.5, 1.5)))
            yield Transaction(month.replace(day=day), "cash", draw.choice(habit.payees), -cents, category)


def months_before(today: date, months: int) -> date:
    """Return the same day `months` earlier, or the last day of a month that is too short."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def dollars(cents: int) -> str:
    """Write an amount as people read it, for example $1,234.50."""
    sign = "-" if cents < 0 else ""
    return f"{sign}${Decimal(abs(cents)).scaleb(-2):,.2f}"
