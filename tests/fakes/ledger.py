"""The ledger of a user straight from the demo bank: the expected value of tests that read the accounts table."""

from __future__ import annotations

from datetime import date

from coach.accounts import Ledger
from coach.demo_bank import months, opening, transactions


def read_ledger(user_id: str, today: date) -> Ledger:
    """Return all transactions up to and including `today`."""
    booked = [each for month in months(today) for each in transactions(user_id, month) if each.on <= today]
    return Ledger(opening(user_id), tuple(sorted(booked, key=lambda each: each.on)))
