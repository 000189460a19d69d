"""The DynamoDB table: the requests this package makes, in DynamoDB's own JSON, complete answers only.

Every read is strongly consistent. Batches are sent again until nothing is left unprocessed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from store_dynamo.errors import ConditionFailedError, StoreUnavailableError
from store_dynamo.expressions import Attributes, given
from store_dynamo.keys import INDEX, Key
from store_dynamo.requests import Backoff, Requests

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

Record = Attributes
"""A record as DynamoDB gives it: attribute name → {type: value}."""

BATCH_WRITES = 25  # BatchWriteItem takes no more
PARALLEL_BATCHES = 4


class Table:
    """One table. Raises ConditionFailedError, RequestRefusedError and StoreUnavailableError."""

    def __init__(self, name: str, client: DynamoDBClient, backoff: Backoff) -> None:
        self.name = name
        self._client = client
        self._requests = Requests(backoff)

    async def get(self, key: Key) -> Record | None:
        """Return one record."""
        answer = await self._requests.send(
            self._client.get_item, TableName=self.name, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
        )
        return cast("Record | None", answer.get("Item"))

    async def get_all(self, *keys: Key) -> list[Record | None]:
        """Return the records of the keys, in their order, in one request."""
        found: list[Record] = []
        missing: Any = {self.name: {"Keys": list(keys), "ConsistentRead": True}}
        attempt = 0
        while missing:
            attempt += 1
            answer = await self._requests.send(
                self._client.batch_get_item, RequestItems=missing, ReturnConsumedCapacity="TOTAL"
            )
            found += cast("list[Record]", answer["Responses"].get(self.name, []))
            missing = answer.get("UnprocessedKeys")
            if missing:
                await self._wait(attempt, "batch_get_item")
        by_key = {(record["pk"]["S"], record["sk"]["S"]): record for record in found}
        return [by_key.get((key["pk"]["S"], key["sk"]["S"])) for key in keys]

    async def query(
        self,
        condition: str,
        values: Attributes,
        *,
        limit: int,
        index: bool = False,
        forward: bool = True,
        after: Record | None = None,
        **options: str,
    ) -> list[Record]:
        """Return up to `limit` records, however many pages of 1 MB that takes.

        `after` is the record to continue behind; `options` are a FilterExpression or a ProjectionExpression.
        """
        records: list[Record] = []
        names = ("pk", "sk", "ord") if index else ("pk", "sk")
        start: Any = {name: after[name] for name in names} if after else None
        while len(records) < limit:
            more: dict[str, Any] = dict(options) | ({"IndexName": INDEX} if index else {})
            more |= {"ExclusiveStartKey": start} if start else {}
            answer = await self._requests.send(
                self._client.query,
                TableName=self.name,
                KeyConditionExpression=condition,
                ConsistentRead=True,
                ScanIndexForward=forward,
                Limit=limit - len(records),
                ReturnConsumedCapacity="TOTAL",
                **more,
                **given(values),
            )
            records += cast("list[Record]", answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return records

    async def pages(
        self, condition: str, values: Attributes, *, size: int, **options: Any
    ) -> AsyncIterator[list[Record]]:
        """Yield all records of a query in lists of up to `size`."""
        after: Record | None = None
        while records := await self.query(condition, values, limit=size, after=after, **options):
            yield records
            after = records[-1]

    async def put(self, record: Record, condition: str | None = None, values: Attributes | None = None) -> None:
        """Write a whole record."""
        more: dict[str, Any] = {"ConditionExpression": condition, **given(values or {})} if condition else {}
        await self._requests.send(
            self._client.put_item,
            TableName=self.name,
            Item=record,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ReturnConsumedCapacity="TOTAL",
            **more,
        )

    async def update(self, key: Key, update: dict[str, Any], condition: str | None = None) -> None:
        """Change or create a record; `update` is made by `expressions.update`."""
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        await self._requests.send(
            self._client.update_item,
            TableName=self.name,
            Key=key,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ReturnConsumedCapacity="TOTAL",
            **more,
            **update,
        )

    async def delete(self, key: Key) -> None:
        """Delete a record; an unknown one is no error."""
        await self._requests.send(
            self._client.delete_item, TableName=self.name, Key=key, ReturnConsumedCapacity="TOTAL"
        )

    async def transact(self, *actions: dict[str, Any]) -> None:
        """Write all or nothing; an action is {"Update" | "ConditionCheck" | "Put": parameters}."""
        named: Any = [{verb: {"TableName": self.name, **rest} for verb, rest in each.items()} for each in actions]
        await self._requests.send(
            self._client.transact_write_items, TransactItems=named, ReturnConsumedCapacity="TOTAL"
        )

    async def delete_all(self, keys: Sequence[Key]) -> None:
        """Delete many records, in parallel batches."""
        batches = [keys[n : n + BATCH_WRITES] for n in range(0, len(keys), BATCH_WRITES)]
        for n in range(0, len(batches), PARALLEL_BATCHES):
            await asyncio.gather(*(self._delete_batch(batch) for batch in batches[n : n + PARALLEL_BATCHES]))

    async def _delete_batch(self, keys: Sequence[Key]) -> None:
        pending: Any = {self.name: [{"DeleteRequest": {"Key": key}} for key in keys]}
        attempt = 0
        while pending:
            attempt += 1
            answer = await self._requests.send(self._client.batch_write_item, RequestItems=pending)
            pending = answer.get("UnprocessedItems")
            if pending:
                await self._wait(attempt, "batch_write_item")

    async def _wait(self, attempt: int, operation: str) -> None:
        backoff = self._requests.backoff
        if attempt >= backoff.attempts:
            raise StoreUnavailableError(operation, attempt, "Unprocessed")
        await backoff.wait(attempt)


def stored(error: ConditionFailedError, place: int = 0) -> Record | None:
    """Return what lay in the way of a conditional write."""
    return cast("Record | None", error.failed.get(place))
