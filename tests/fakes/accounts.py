"""The coach's accounts table on moto; the demo bank adds each new user."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
from moto import mock_aws

from coach.accounts_table import AccountsTable, table_definition


@contextmanager
def dynamodb() -> Generator[tuple[str, Any]]:
    """Yield the name of an empty accounts table and a client for it."""
    name = f"accounts-{uuid4()}"
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="s")
        client.create_table(**table_definition(name))
        yield name, client
        client.close()


@contextmanager
def accounts_table() -> Generator[AccountsTable]:
    """Yield an empty table."""
    with dynamodb() as (name, client):
        yield AccountsTable(name, client)
