"""Erasing one user's records leaves the other users' records alone."""

from __future__ import annotations

from datetime import date
from typing import Any

import boto3
from moto import mock_aws

from coach.accounts_table import AccountsTable, table_definition
from coach.erase import erase

LOGIN: Any = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "s"}


async def test_one_users_records_go_and_the_others_stay() -> None:
    with mock_aws():
        client = boto3.client("dynamodb", **LOGIN)
        resource = boto3.resource("dynamodb", **LOGIN)
        client.create_table(**table_definition("accounts"))
        accounts = AccountsTable("accounts", client)
        for user in ("ana", "bob"):
            await accounts.read(user, date(2026, 11, 22))
            await accounts.set_budget(user, "dining", 40_000)
        table = resource.Table("accounts")

        erased = erase(table, "ana")

        users = [record["user"] for record in table.scan()["Items"]]
        client.close()
        resource.meta.client.close()
    assert erased > 20
    assert set(users) == {"bob"}
    assert len(users) == erased
