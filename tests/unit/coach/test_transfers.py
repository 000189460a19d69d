"""Transfers: the words of the question, and bookings that happen once."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from coach.accounts import Transfer
from coach.accounts_table import AccountsTable
from coach.tools.transfers import cents_of, transfer_words
from languages import Speech

TODAY = date(2026, 5, 20)
BOOKED = Transfer("apr_1", TODAY, "cash", "savings", 12_345)


@pytest.mark.parametrize(
    ("amount", "cents"),
    [(200, 20_000), (200.0, 20_000), (0.01, 1), ("12.34", 1_234), (1_000_000, 100_000_000)]
    + [(amount, None) for amount in (0, -1, 0.001, 1_000_001, float("nan"), float("inf"), None, "x", [1])],
)
def test_an_amount_is_whole_cents(amount: Any, cents: int | None) -> None:
    assert cents_of(amount) == cents


def test_the_question_is_in_the_users_language() -> None:
    arguments = {"amount_dollars": 1234.5, "source": "cash", "target": "savings"}

    assert transfer_words(arguments, Speech("en")) == "Move $1,234.50 from Cash to Savings?"
    assert "1.234,50" in transfer_words(arguments, Speech("de"))


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "change",
    [{"source": "savings"}, {"target": "my landlord"}, {"amount_dollars": "200 (refundable)"}, {"source": None}],
)
def test_no_question_is_made_of_arguments_that_are_not_a_transfer(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a transfer"):
        transfer_words({"amount_dollars": 1, "source": "cash", "target": "savings"} | change, Speech("en"))


@pytest.mark.promise("P2")
async def test_a_key_books_once_and_is_taken_back_once(accounts: AccountsTable) -> None:
    before = (await accounts.read("tom", TODAY)).ledger
    for _ in range(2):
        await accounts.transfer("tom", BOOKED)
    after = (await accounts.read("tom", TODAY)).ledger

    assert after.balance("cash") == before.balance("cash") - 12_345
    assert after.balance("savings") == before.balance("savings") + 12_345
    assert await accounts.find_transfer("tom", "apr_1") == BOOKED
    assert await accounts.find_transfer("tim", "apr_1") is None
    assert await accounts.undo_transfer("tim", "apr_1") is None
    assert [await accounts.undo_transfer("tom", "apr_1") for _ in range(2)] == [BOOKED, None]
    await accounts.transfer("tom", BOOKED)
    assert (await accounts.read("tom", TODAY)).ledger == before


async def test_simultaneous_transfers_cannot_spend_the_same_money(
    accounts: AccountsTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await accounts.read("tom", TODAY)).ledger.balance("cash")
    first, second = (Transfer(f"apr_{n}", TODAY, "cash", "savings", before * 6 // 10) for n in (2, 3))
    read = accounts._records

    def read_then_other_transfer(user_id: str) -> Any:
        records = read(user_id)
        monkeypatch.undo()
        assert asyncio.run(accounts.transfer("tom", first))
        return records

    monkeypatch.setattr(accounts, "_records", read_then_other_transfer)

    assert not await accounts.transfer("tom", second)
    assert (await accounts.read("tom", TODAY)).ledger.balance("cash") == before - first.cents
    assert await accounts.transfer("tom", first)  # again, although the rest would not be enough
