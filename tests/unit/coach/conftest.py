"""Accounts of all users in a DynamoDB table on moto."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coach.accounts_table import AccountsTable
from tests.fakes.accounts import accounts_table


@pytest.fixture(scope="module")
def accounts() -> Iterator[AccountsTable]:
    with accounts_table() as table:
        yield table
