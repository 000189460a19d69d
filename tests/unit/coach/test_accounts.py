"""Ledgers of the demo bank: reproducible for each user and consistent in themselves."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coach.accounts import ACCOUNTS, CATEGORIES, Category, dollars, months_before
from coach.demo_bank import BEGINNING
from tests.fakes.ledger import read_ledger

TODAY = date(2026, 5, 20)
few = settings(max_examples=25, deadline=None)
users = st.text(min_size=1, max_size=40)
days = st.dates(BEGINNING, date(2028, 12, 31))


class TestLedger:
    def test_same_user_same_money(self) -> None:
        first = read_ledger("ada", TODAY)
        assert read_ledger("ada", TODAY) == first

    def test_money_is_the_same_on_every_machine(self) -> None:
        ledger = read_ledger("ada", TODAY)
        assert [dollars(ledger.balance(account)) for account in ACCOUNTS] == EXPECTED_BALANCES

    @few
    @given(st.lists(users, min_size=2, max_size=2, unique=True))
    def test_two_users_differ(self, pair: list[str]) -> None:
        first, second = (read_ledger(user, TODAY) for user in pair)
        assert first.transactions != second.transactions
        assert first.opening != second.opening

    @few
    @given(users, days, st.integers(0, 400))
    def test_the_past_does_not_change(self, user: str, today: date, later: int) -> None:
        now = read_ledger(user, today).transactions
        then = read_ledger(user, today + timedelta(days=later)).transactions
        assert tuple(t for t in then if t.on <= today) == now

    @few
    @given(users, days)
    def test_transfers_move_money_and_make_none(self, user: str, today: date) -> None:
        ledger = read_ledger(user, today)
        total = sum(ledger.balance(account) for account in ACCOUNTS)
        income = sum(t.cents for t in ledger.transactions if t.payee == "Salary")
        spent = ledger.spent(None, date.min).cents
        assert total == sum(cents for _, cents in ledger.opening) + income - spent

    def test_a_year_is_plausible(self) -> None:
        ledger = read_ledger("ada", TODAY)
        year = [t for t in ledger.transactions if t.on > months_before(TODAY, 12)]
        assert 300 < len(year) < 1200
        assert {t.category for t in year} == {*CATEGORIES, None}
        assert all(abs(t.cents) < 1_000_000 for t in year)
        assert [t.on for t in year] == sorted(t.on for t in year)


class TestSpending:
    @few
    @given(users, days, st.integers(1, 12))
    def test_categories_add_up_to_all(self, user: str, today: date, months: int) -> None:
        ledger, after = read_ledger(user, today), months_before(today, months)
        parts = [ledger.spent(category, after) for category in CATEGORIES]
        whole = ledger.spent(None, after)
        assert sum(part.cents for part in parts) == whole.cents >= 0
        assert sum(part.purchases for part in parts) == whole.purchases

    @few
    @given(users, days, st.sampled_from(CATEGORIES), st.integers(1, 11))
    def test_sum_is_that_of_the_transactions(self, user: str, today: date, category: Category, months: int) -> None:
        ledger, after = read_ledger(user, today), months_before(today, months)
        expected = 0
        for transaction in ledger.transactions:
            if transaction.category == category and after < transaction.on <= today:
                expected -= transaction.cents
        assert ledger.spent(category, after).cents == expected


class TestMonthsBefore:
    @pytest.mark.parametrize(
        ("today", "months", "expected"),
        [
            (date(2026, 5, 20), 1, date(2026, 4, 20)),
            (date(2026, 3, 31), 1, date(2026, 2, 28)),
            (date(2024, 3, 31), 1, date(2024, 2, 29)),
            (date(2026, 1, 15), 1, date(2025, 12, 15)),
            (date(2026, 12, 31), 12, date(2025, 12, 31)),
        ],
    )
    def test_months_before(self, today: date, months: int, expected: date) -> None:
        assert months_before(today, months) == expected


@pytest.mark.parametrize(
    ("cents", "written"),
    [(0, "$0.00"), (5, "$0.05"), (123450, "$1,234.50"), (-99, "-$0.99"), (10**11, "$1,000,000,000.00")],
)
def test_dollars(cents: int, written: str) -> None:
    assert dollars(cents) == written


EXPECTED_BALANCES = ["$3,992.04", "$21,970.36", "$41,771.88"]
