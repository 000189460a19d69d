"""The accounts table: an invented past for new users, separate data for each user, and budgets that persist."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from botocore.stub import Stubber

from coach.accounts_table import AccountsTable, AccountsUnavailableError
from tests.fakes.accounts import dynamodb
from tests.fakes.ledger import read_ledger

TODAY = date(2026, 5, 20)


@pytest.fixture
def table() -> Iterator[tuple[str, Any]]:
    with dynamodb() as table:
        yield table


@pytest.fixture
def accounts(table: tuple[str, Any]) -> AccountsTable:
    return AccountsTable(*table)


@pytest.mark.feature("accounts")
async def test_a_new_user_gets_a_past_and_keeps_it(accounts: AccountsTable, table: tuple[str, Any]) -> None:
    name, client = table
    first = await accounts.read("ada", TODAY)
    stored = client.scan(TableName=name)["Count"]
    assert first.ledger == read_ledger("ada", TODAY)
    assert await accounts.read("ada", TODAY) == first
    assert client.scan(TableName=name)["Count"] == stored == 1 + 17  # the opening and the months since January 2025


async def test_time_goes_on(accounts: AccountsTable) -> None:
    for today in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 7, 4)):
        assert (await accounts.read("ada", today)).ledger == read_ledger("ada", today)


async def test_what_the_table_says_counts(accounts: AccountsTable, table: tuple[str, Any]) -> None:
    name, client = table
    await accounts.read("ada", TODAY)
    month = {"user": {"S": "ada"}, "record": {"S": "MONTH#2026-05"}}
    row = '[["2026-05-02", "cash", "Lottery", 100000, null]]'
    client.put_item(TableName=name, Item={**month, "body": {"S": row}})
    booked = [each for each in (await accounts.read("ada", TODAY)).ledger.transactions if each.on >= date(2026, 5, 1)]
    assert [(each.payee, each.cents) for each in booked] == [("Lottery", 100_000)]


@pytest.mark.promise("H2")
async def test_a_budget_is_its_users(accounts: AccountsTable) -> None:
    await accounts.set_budget("ada", "dining", 40_000)
    await accounts.set_budget("ada", "dining", 45_000)
    await accounts.set_budget("bob", "travel", 1)
    assert (await accounts.read("ada", TODAY)).budgets == {"dining": 45_000}
    assert (await accounts.read("bob", TODAY)).budgets == {"travel": 1}


def test_two_first_turns_at_once_do_no_harm(accounts: AccountsTable) -> None:
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: accounts._read("eve", TODAY), range(4)))
    assert [each.ledger for each in read] == [read_ledger("eve", TODAY)] * 4


@pytest.mark.parametrize("method", ["query", "batch_write_item", "put_item"])
async def test_a_failure_says_nothing_internal(accounts: AccountsTable, table: tuple[str, Any], method: str) -> None:
    with Stubber(table[1]) as stub:
        if method == "batch_write_item":
            stub.add_response("query", {"Items": []})
        stub.add_client_error(method, "AccessDeniedException", "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts")
        with pytest.raises(AccountsUnavailableError) as caught:
            await (accounts.set_budget("ada", "rent", 1) if method == "put_item" else accounts.read("ada", TODAY))
    assert "arn" not in str(caught.value)
