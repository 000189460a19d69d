"""The users' money in a DynamoDB table of its own; a user who is new to it gets an invented past (`demo_bank`).

    accounts = AccountsTable("accounts", boto3.client("dynamodb"))
    finances = await accounts.read(context.user_id, today)
    await accounts.set_budget(context.user_id, "dining", 40_000)

    user      record            attributes
    {user}    OPENING           body: what was on each account when the story begins
    {user}    MONTH#2026-05     body: the month's transactions, those to come included
    {user}    BUDGET#dining     cents

The user is the partition key, so one user's money cannot be addressed with another's id. A read is one strongly
consistent query of the user's partition, some 40 kilobytes a year; the first one of a month also writes it. Writing a
month twice writes the same, so two first turns at once do no harm. IAM: dynamodb:BatchWriteItem, PutItem, Query.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from coach import demo_bank
from coach.accounts import CATEGORIES, Category, Finances, Ledger, Transaction

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OPENING, MONTH, BUDGET = "OPENING", "MONTH#", "BUDGET#"
BATCH = 25
"""As many items as one BatchWriteItem takes."""


class AccountsUnavailableError(Exception):
    """The table could not be read or written; nothing of the cause is told, the model sees this text."""

    def __init__(self) -> None:
        super().__init__("the accounts cannot be reached right now")


class AccountsTable:
    """Reads and writes of one user at a time; the client belongs to the caller."""

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    async def read(self, user_id: str, today: date) -> Finances:
        """Return everything up to and including `today`. Raises AccountsUnavailableError."""
        return await asyncio.to_thread(self._read, user_id, today)

    async def set_budget(self, user_id: str, category: Category, cents: int) -> None:
        """Keep a monthly budget in place of the one before. Raises AccountsUnavailableError."""
        item = _item(user_id, BUDGET + category, "cents", {"N": str(cents)})
        try:
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=item)
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error

    def _read(self, user_id: str, today: date) -> Finances:
        try:
            records = {record["record"]["S"]: record for record in self._query(user_id)}
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error
        bodies = {name: json.loads(record["body"]["S"]) for name, record in records.items() if "body" in record}
        bodies |= self._invent(user_id, today, bodies.keys())
        booked = [_transaction(row) for name, rows in bodies.items() if name.startswith(MONTH) for row in rows]
        past = sorted((each for each in booked if each.on <= today), key=lambda each: each.on)
        opening = tuple((account, cents) for account, cents in bodies[OPENING])
        budgets: dict[Category, int] = {
            name: int(records[BUDGET + name]["cents"]["N"]) for name in CATEGORIES if BUDGET + name in records
        }
        return Finances(Ledger(opening, tuple(past)), budgets)

    def _query(self, user_id: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="#user = :user",
            ExpressionAttributeNames={"#user": "user"},
            ExpressionAttributeValues={":user": {"S": user_id}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _invent(self, user_id: str, today: date, known: Any) -> dict[str, Any]:
        """Write what the demo bank has and the table has not, and return it."""
        missing: dict[str, Any] = {} if OPENING in known else {OPENING: demo_bank.opening(user_id)}
        for month in demo_bank.months(today):
            if (name := f"{MONTH}{month:%Y-%m}") not in known:
                missing[name] = [_row(each) for each in demo_bank.transactions(user_id, month)]
        items = [_item(user_id, name, "body", {"S": json.dumps(body)}) for name, body in missing.items()]
        try:
            for start in range(0, len(items), BATCH):
                self._write(items[start : start + BATCH])
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error
        return missing

    def _write(self, items: list[Any]) -> None:
        """Write a batch; what DynamoDB leaves out of it is left to the next read, which misses it."""
        self._client.batch_write_item(RequestItems={self._table: [{"PutRequest": {"Item": item}} for item in items]})


def _item(user_id: str, record: str, attribute: str, value: Any) -> dict[str, Any]:
    return {"user": {"S": user_id}, "record": {"S": record}, attribute: value}


def _row(transaction: Transaction) -> list[Any]:
    return [
        transaction.on.isoformat(),
        transaction.account,
        transaction.payee,
        transaction.cents,
        transaction.category,
    ]


def _transaction(row: list[Any]) -> Transaction:
    on, account, payee, cents, category = row
    return Transaction(date.fromisoformat(on), account, payee, cents, category)


def table_definition(name: str) -> dict[str, Any]:
    """Return what `create_table` takes; the template states the same."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "user", "AttributeType": "S"},
            {"AttributeName": "record", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "user", "KeyType": "HASH"},
            {"AttributeName": "record", "KeyType": "RANGE"},
        ],
    }
