"""A user's accounts, transactions, budgets and goals as pure values. `accounts_table` stores them.

    ledger = Ledger(opening=(("cash", 120_000), …), transactions=(…))
    ledger.balance("cash")                                  # cents
    ledger.spent("groceries", after=date(2026, 4, 1))       # Spending(cents=41237, purchases=14)

A balance is the opening balance plus all transactions since. Amounts are whole cents; money that leaves an account is
negative.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal, get_args

Account = Literal["cash", "savings", "investing"]
Category = Literal[
    "rent", "groceries", "dining", "utilities", "transport", "shopping", "entertainment", "health", "travel"
]
ACCOUNTS: tuple[Account, ...] = get_args(Account)
CATEGORIES: tuple[Category, ...] = get_args(Category)
MONTHS_OBSERVED = 6


@dataclass(frozen=True, slots=True)
class Transaction:
    """One booking. `category` is None for income and transfers, which do not count as spending."""

    on: date
    account: Account
    payee: str
    cents: int
    category: Category | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money moved between two accounts of the user; `key` identifies the one approval that caused it."""

    key: str
    on: date
    source: Account
    target: Account
    cents: int

    def transactions(self) -> tuple[Transaction, Transaction]:
        """Return the two bookings."""
        return (
            Transaction(self.on, self.source, f"Transfer to {self.target}", -self.cents),
            Transaction(self.on, self.target, f"Transfer from {self.source}", self.cents),
        )


@dataclass(frozen=True, slots=True)
class Spending:
    """Money spent on goods and services, as a positive sum."""

    cents: int
    purchases: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """A user's opening balances and all transactions up to a day, oldest first."""

    opening: tuple[tuple[Account, int], ...]
    transactions: tuple[Transaction, ...]

    def balance(self, account: Account) -> int:
        """Return the balance of an account in cents."""
        return dict(self.opening)[account] + sum(t.cents for t in self.transactions if t.account == account)

    def spent(self, category: Category | None, after: date, until: date = date.max) -> Spending:
        """Return the spending in one category (None: in all) after the day `after`, up to and including `until`."""
        amounts = [
            t.cents
            for t in self.transactions
            if after < t.on <= until and t.category and category in (None, t.category)
        ]
        return Spending(-sum(amounts), len(amounts))


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to save for: its cost in cents, and the day on which the money is needed."""

    name: str
    cents: int
    until: date

    @property
    def id(self) -> str:
        """The same for the same name, so that a goal that is planned again replaces the first plan."""
        return hashlib.sha256(self.name.casefold().encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Finances:
    """One user's ledger, monthly budgets in cents, and goals, the earliest first."""

    ledger: Ledger
    budgets: Mapping[Category, int] = field(default_factory=dict[Category, int])
    goals: tuple[Goal, ...] = ()


def utc_today() -> date:
    return datetime.now(UTC).date()


def months_before(today: date, months: int) -> date:
    """Return the same day `months` earlier, or the last day of that month if it is too short."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def months_after(today: date, months: int) -> date:
    """Return the same day `months` later, or the last day of that month if it is too short."""
    return months_before(today, -months)


def months_until(today: date, day: date) -> int:
    """Return the number of months that are left to save, at least one."""
    return max((day.year - today.year) * 12 + day.month - today.month - (day.day < today.day), 1)


def dollars(cents: int) -> str:
    """Format an amount, for example $1,234.50."""
    sign = "-" if cents < 0 else ""
    return f"{sign}${Decimal(abs(cents)).scaleb(-2):,.2f}"


def mean_month(ledger: Ledger, today: date) -> tuple[int, int]:
    """Return the cents saved and the cents left over per month, averaged over the last six months."""
    after = months_before(today, MONTHS_OBSERVED)
    recent = [each for each in ledger.transactions if each.on > after]
    earned = sum(each.cents for each in recent if each.payee == "Salary")
    saved = sum(each.cents for each in recent if each.account != "cash")
    left = earned - ledger.spent(None, after).cents - saved
    return round(saved / MONTHS_OBSERVED), round(left / MONTHS_OBSERVED)
