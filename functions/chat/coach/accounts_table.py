"""Storage of all users' finances in a separate DynamoDB table. New users get an invented past (`demo_bank`).

    accounts = AccountsTable("accounts", boto3.client("dynamodb"))
    finances = await accounts.read(context.user_id, today)
    await accounts.set_budget(context.user_id, "dining", 40_000)

    user      record            attributes
    {user}    OPENING           body: the opening balance of each account
    {user}    MONTH#2026-05     body: all transactions of the month, future ones included
    {user}    BUDGET#dining     cents
    {user}    GOAL#{id}         body: name, cents and last day of a goal
    {user}    TRANSFER#{key}    body: day, accounts and cents of a transfer; undone, if the user took it back
    {user}    MOVES             count: number of transfers and undos

A transfer expects the MOVES that it has read, so that two simultaneous ones cannot spend the same money.

The user id is the partition key, so no request can reach another user's finances. A read is one strongly consistent
query of the user's partition (about 40 KB per year of transactions); the first read in a month also writes that month.
Writing a month is idempotent, so concurrent first turns do no harm. IAM: dynamodb:BatchWriteItem,
DeleteItem, PutItem, Query.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from coach import demo_bank
from coach.accounts import CATEGORIES, Category, Finances, Goal, Ledger, Transaction, Transfer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OPENING, MONTH, BUDGET, GOAL, TRANSFER = "OPENING", "MONTH#", "BUDGET#", "GOAL#", "TRANSFER#"
MOVES = "MOVES"
ATTEMPTS = 3
"""For a transfer that meets another one, which is rare: a user approves one at a time."""
BATCH = 25
"""Maximum number of items in one BatchWriteItem request."""


class AccountsUnavailableError(Exception):
    """The table could not be read or written. The text omits the cause because the model sees it."""

    def __init__(self) -> None:
        super().__init__("the accounts cannot be reached right now")


class AccountsTable:
    """Reads and writes one user at a time. The caller owns the client."""

    # store_dynamo's request loop (threads, retries, error translation) is private to that package, so this class calls
    # the client itself. It does not retry: the user repeats a failed question.

    def __init__(self, table: str, client: DynamoDBClient) -> None:
        self._table = table
        self._client = client

    async def read(self, user_id: str, today: date) -> Finances:
        """Return the finances up to and including `today`. Raises AccountsUnavailableError."""
        return await asyncio.to_thread(self._read, user_id, today)

    async def set_budget(self, user_id: str, category: Category, cents: int) -> None:
        """Set or replace a monthly budget. Raises AccountsUnavailableError."""
        await self._put(_item(user_id, BUDGET + category, "cents", {"N": str(cents)}))

    async def remove_budget(self, user_id: str, category: Category) -> None:
        """Remove a monthly budget; without effect if there is none. Raises AccountsUnavailableError."""
        await self._delete(user_id, BUDGET + category)

    async def save_goal(self, user_id: str, goal: Goal) -> None:
        """Save a goal, or replace the one of the same name. Raises AccountsUnavailableError."""
        body = json.dumps([goal.name, goal.cents, goal.until.isoformat()])
        await self._put(_item(user_id, GOAL + goal.id, "body", {"S": body}))

    async def remove_goal(self, user_id: str, goal_id: str) -> None:
        """Remove a goal; without effect if there is none. Raises AccountsUnavailableError."""
        await self._delete(user_id, GOAL + goal_id)

    async def transfer(self, user_id: str, booked: Transfer) -> bool:
        """Book a transfer if its source has the money on that day; return whether it is booked.

        The same key again changes nothing. Raises AccountsUnavailableError.
        """
        return await asyncio.to_thread(self._transfer, user_id, booked)

    def _transfer(self, user_id: str, booked: Transfer) -> bool:
        item = _transfer_item(user_id, booked)
        for _ in range(ATTEMPTS):
            records = self._records(user_id)
            if TRANSFER + booked.key in records:
                return True
            if self._finances(user_id, booked.on, records).ledger.balance(booked.source) < booked.cents:
                return False
            if self._move(item, "attribute_not_exists(body)", records):
                return True
        raise AccountsUnavailableError

    async def undo_transfer(self, user_id: str, key: str) -> Transfer | None:
        """Take a transfer back, once, and return it; None if there is none, or if it was taken back before.

        Raises AccountsUnavailableError.
        """
        return await asyncio.to_thread(self._undo_transfer, user_id, key)

    def _undo_transfer(self, user_id: str, key: str) -> Transfer | None:
        for _ in range(ATTEMPTS):
            records = self._records(user_id)
            stored = records.get(TRANSFER + key)
            if stored is None or "undone" in stored:
                return None
            item = stored | {"undone": {"BOOL": True}}
            if self._move(item, "attribute_exists(body) AND attribute_not_exists(undone)", records):
                return _transfer(stored)
        raise AccountsUnavailableError

    def _move(self, item: dict[str, Any], condition: str, read: Mapping[str, dict[str, Any]]) -> bool:
        """Write a transfer's record unless another transfer came in between the read and this write."""
        count = read[MOVES]["count"]["N"] if MOVES in read else "0"
        moved = _item(item["user"]["S"], MOVES, "count", {"N": f"{int(count) + 1}"})
        unchanged: Any = {
            "ConditionExpression": "attribute_not_exists(#count) OR #count = :count",
            "ExpressionAttributeNames": {"#count": "count"},
            "ExpressionAttributeValues": {":count": {"N": count}},
        }
        puts: Any = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": condition}},
            {"Put": {"TableName": self._table, "Item": moved, **unchanged}},
        ]
        try:
            self._client.transact_write_items(TransactItems=puts)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                raise AccountsUnavailableError from error
            return False
        except BotoCoreError as error:
            raise AccountsUnavailableError from error
        return True

    async def find_transfer(self, user_id: str, key: str) -> Transfer | None:
        """Return a transfer that was booked, even if it was taken back later. Raises AccountsUnavailableError."""
        return await asyncio.to_thread(self._find_transfer, user_id, key)

    def _find_transfer(self, user_id: str, key: str) -> Transfer | None:
        try:
            found = self._client.query(
                TableName=self._table,
                KeyConditionExpression="#user = :user AND #record = :record",
                ExpressionAttributeNames={"#user": "user", "#record": "record"},
                ExpressionAttributeValues={":user": {"S": user_id}, ":record": {"S": TRANSFER + key}},
                ConsistentRead=True,
            )["Items"]
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error
        return _transfer(found[0]) if found else None

    async def _put(self, item: dict[str, Any]) -> None:
        try:
            await asyncio.to_thread(self._client.put_item, TableName=self._table, Item=item)
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error

    async def _delete(self, user_id: str, record: str) -> None:
        key: Any = {"user": {"S": user_id}, "record": {"S": record}}
        try:
            await asyncio.to_thread(self._client.delete_item, TableName=self._table, Key=key)
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error

    def _read(self, user_id: str, today: date) -> Finances:
        return self._finances(user_id, today, self._records(user_id))

    def _records(self, user_id: str) -> dict[str, dict[str, Any]]:
        try:
            return {record["record"]["S"]: record for record in self._query(user_id)}
        except (BotoCoreError, ClientError) as error:
            raise AccountsUnavailableError from error

    def _finances(self, user_id: str, today: date, records: Mapping[str, dict[str, Any]]) -> Finances:
        """Return the finances of these records, and write the months that they lack."""
        bodies = {name: json.loads(record["body"]["S"]) for name, record in records.items() if "body" in record}
        bodies |= self._invent(user_id, today, bodies.keys())
        booked = [_transaction(row) for name, rows in bodies.items() if name.startswith(MONTH) for row in rows]
        stands = [each for name, each in records.items() if name.startswith(TRANSFER) and "undone" not in each]
        booked += [row for each in stands for row in _transfer(each).transactions()]
        past = sorted((each for each in booked if each.on <= today), key=lambda each: each.on)
        opening = tuple((account, cents) for account, cents in bodies[OPENING])
        budgets: dict[Category, int] = {
            name: int(records[BUDGET + name]["cents"]["N"]) for name in CATEGORIES if BUDGET + name in records
        }
        goals = [_goal(*body) for name, body in bodies.items() if name.startswith(GOAL)]
        return Finances(Ledger(opening, tuple(past)), budgets, tuple(sorted(goals, key=lambda each: each.until)))

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
        """Copy the records that are missing from the table from the demo bank, and return them."""
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
        """Write a batch. The next read finds and writes the items that DynamoDB leaves unprocessed."""
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


def _transfer_item(user_id: str, booked: Transfer) -> dict[str, Any]:
    body = json.dumps([booked.on.isoformat(), booked.source, booked.target, booked.cents])
    return _item(user_id, TRANSFER + booked.key, "body", {"S": body})


def _transfer(record: dict[str, Any]) -> Transfer:
    on, source, target, cents = json.loads(record["body"]["S"])
    return Transfer(record["record"]["S"].removeprefix(TRANSFER), date.fromisoformat(on), source, target, cents)


def _goal(name: str, cents: int, until: str) -> Goal:
    return Goal(name, cents, date.fromisoformat(until))


def table_definition(name: str) -> dict[str, Any]:
    """Return the arguments of `create_table`. A test compares them with template.yaml."""
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
