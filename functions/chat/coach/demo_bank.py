"""Demo data: invented accounts and transactions, derived from the user's id. Replace this file by a real bank.

    opening("user-1")                               # (("cash", 312407), ("savings", …), ("investing", …))
    transactions("user-1", date(2026, 5, 1))        # all transactions of May 2026

Each month has its own random seed (user, year, month), so past months never change.
"""

from __future__ import annotations

import calendar
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from coach.accounts import Account, Category, Transaction

BEGINNING = date(2025, 1, 1)


@dataclass(frozen=True, slots=True)
class _Habit:
    """Spending in a category: share of the salary, range of purchases per month, and payees."""

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


def opening(user_id: str) -> tuple[tuple[Account, int], ...]:
    """Return the balance of each account in cents before the first transaction."""
    return _circumstances(user_id)[1]


def transactions(user_id: str, month: date) -> list[Transaction]:
    """Return all transactions of the month that begins on `month`, unordered."""
    salary, _ = _circumstances(user_id)
    return list(_month(random.Random(f"{user_id} {month:%Y-%m}"), month, salary))


def months(today: date) -> Iterator[date]:
    """Yield the first day of each month from BEGINNING to the month of `today`."""
    month = BEGINNING
    while month <= today:
        yield month
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _circumstances(user_id: str) -> tuple[int, tuple[tuple[Account, int], ...]]:
    draw = random.Random(user_id)
    salary = draw.randrange(320_000, 780_000, 5_000)
    return salary, (
        ("cash", draw.randrange(150_000, 500_000)),
        ("savings", draw.randrange(300_000, 2_500_000)),
        ("investing", draw.randrange(500_000, 6_000_000)),
    )


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
