"""Requests to AWS, in threads of their own and retried, and the DynamoDB table whose requests they are.

    table = Table("chat", boto3.client("dynamodb", config=CLIENT_CONFIG), Backoff())
    record = await table.get(thread_key("alice", "thr_1"))

asyncio's default executor, which has five or six threads on Lambda, also runs an agent's blocking tools. A store that
used it could not record the end of a turn whose tools block.

Requests and records are in DynamoDB's own JSON. Every read is strongly consistent, and batches are sent again until
nothing is left unprocessed.

Make clients with CLIENT_CONFIG: it leaves retries to `Backoff`, because botocore retries neither a transaction that
lost against another one nor the unprocessed part of a batch. A client that also retries only waits longer.
boto3's low-level clients are thread-safe: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from store_dynamo.errors import ConditionFailedError, StoreUnavailableError, from_aws
from store_dynamo.expressions import Attributes, expression_values
from store_dynamo.keys import INDEX, Key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

P = ParamSpec("P")
T = TypeVar("T")

Record = Attributes
"""A record as DynamoDB returns it."""

CLIENT_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=2,
    read_timeout=5,
    max_pool_connections=20,
)
THREADS = ThreadPoolExecutor(20, "store_dynamo")
"""The threads of all requests, one per connection. A thread starts only when all others are busy."""
BATCH_WRITES = 25  # the limit of BatchWriteItem
PARALLEL_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: 8 attempts wait 2.6 s on average and 5.2 s at most.

    `threads` runs the requests. It must not run an application's own blocking calls.
    """

    attempts: int = 8
    base_seconds: float = 0.05
    cap_seconds: float = 2.0
    threads: Executor = THREADS

    async def send(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of a boto3 client in a thread, again after transient errors, and return its answer.

        Raises ConditionFailedError, RequestRefusedError, or StoreUnavailableError after the last attempt.
        """
        name = getattr(operation, "__name__", "request")
        loop, attempt = asyncio.get_running_loop(), 0
        while True:
            attempt += 1
            try:
                request = partial(copy_context().run, operation, *args, **kwargs)
                return await loop.run_in_executor(self.threads, request)
            except (ClientError, BotoCoreError) as exc:
                error = from_aws(name, exc, attempt)
                if not isinstance(error, StoreUnavailableError) or attempt >= self.attempts:
                    raise error from exc
            await self.wait(attempt)

    async def wait(self, attempt: int) -> None:
        """Wait after the failed attempt number `attempt`, counted from 1."""
        await asyncio.sleep(random.uniform(0, min(self.cap_seconds, self.base_seconds * 2 ** (attempt - 1))))


async def run_to_completion(work: Awaitable[T]) -> T:
    """Await a write to its end even if the caller is cancelled meanwhile, then raise CancelledError.

    The request runs in another thread and cannot be called back: a later write could overtake an abandoned one.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as cancelled:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        if not task.cancelled() and (failure := task.exception()):
            raise cancelled from failure
        raise


class Table:
    """One table. Raises ConditionFailedError, RequestRefusedError and StoreUnavailableError."""

    def __init__(self, name: str, client: DynamoDBClient, backoff: Backoff) -> None:
        self.name = name
        self._client = client
        self._backoff = backoff

    async def get(self, key: Key, *, consistent: bool = True) -> Record | None:
        answer = await self._backoff.send(
            self._client.get_item,
            TableName=self.name,
            Key=key,
            ConsistentRead=consistent,
            ReturnConsumedCapacity="TOTAL",
        )
        return cast("Record | None", answer.get("Item"))

    async def get_all(self, *keys: Key) -> list[Record | None]:
        """Return the records of the keys, in their order, in one request."""
        found: list[Record] = []
        missing: Any = {self.name: {"Keys": list(keys), "ConsistentRead": True}}
        attempt = 0
        while missing:
            attempt += 1
            answer = await self._backoff.send(
                self._client.batch_get_item, RequestItems=missing, ReturnConsumedCapacity="TOTAL"
            )
            found += cast("list[Record]", answer["Responses"].get(self.name, []))
            missing = answer.get("UnprocessedKeys")
            if missing:
                await self._wait_for_capacity(attempt, "batch_get_item")
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
        consistent: bool = True,
        **options: str,
    ) -> list[Record]:
        """Return up to `limit` records, in as many pages of 1 MB as that takes.

        `after` is the record to continue behind; `options` are a FilterExpression or a ProjectionExpression. A
        read that is not consistent costs half and may lack the newest writes.
        """
        records: list[Record] = []
        names = ("pk", "sk", "ord") if index else ("pk", "sk")
        start: Any = {name: after[name] for name in names} if after else None
        while len(records) < limit:
            more: dict[str, Any] = dict(options) | ({"IndexName": INDEX} if index else {})
            more |= {"ExclusiveStartKey": start} if start else {}
            answer = await self._backoff.send(
                self._client.query,
                TableName=self.name,
                KeyConditionExpression=condition,
                ConsistentRead=consistent,
                ScanIndexForward=forward,
                Limit=limit - len(records),
                ReturnConsumedCapacity="TOTAL",
                **more,
                **expression_values(values),
            )
            records += cast("list[Record]", answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return records

    async def count(self, condition: str, values: Attributes, limit: int) -> int:
        """Return the number of records of a query, at most `limit`; eventually consistent, at half of the price."""
        answer = await self._backoff.send(
            self._client.query,
            TableName=self.name,
            KeyConditionExpression=condition,
            Select="COUNT",
            Limit=limit,
            ReturnConsumedCapacity="TOTAL",
            **expression_values(values),
        )
        return answer["Count"]

    async def pages(
        self, condition: str, values: Attributes, *, size: int, **options: Any
    ) -> AsyncIterator[list[Record]]:
        """Yield all records of a query in lists of up to `size`."""
        after: Record | None = None
        while records := await self.query(condition, values, limit=size, after=after, **options):
            yield records
            after = records[-1]

    async def scan(self, condition: str, values: Attributes, names: str) -> AsyncIterator[list[Record]]:
        """Yield the records of the whole table that fulfil a condition, reduced to `names`; for operators only."""
        more: dict[str, Any] = {}
        while True:
            answer = await self._backoff.send(
                self._client.scan,
                TableName=self.name,
                FilterExpression=condition,
                ProjectionExpression=names,
                ConsistentRead=True,
                **expression_values(values),
                **more,
            )
            if found := cast("list[Record]", answer["Items"]):
                yield found
            if not (start := answer.get("LastEvaluatedKey")):
                return
            more = {"ExclusiveStartKey": start}

    async def put(
        self,
        record: Record,
        condition: str | None = None,
        values: Attributes | None = None,
        names: dict[str, str] | None = None,
    ) -> None:
        """Write a whole record."""
        more: dict[str, Any] = (
            {"ConditionExpression": condition, **expression_values(values or {})} if condition else {}
        )
        more |= {"ExpressionAttributeNames": names} if names else {}
        await self._backoff.send(
            self._client.put_item,
            TableName=self.name,
            Item=record,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ReturnConsumedCapacity="TOTAL",
            **more,
        )

    async def update(self, key: Key, update: dict[str, Any], condition: str | None = None) -> None:
        """Change or create a record; `update` comes from `expressions.update`."""
        more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        await self._backoff.send(
            self._client.update_item,
            TableName=self.name,
            Key=key,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ReturnConsumedCapacity="TOTAL",
            **more,
            **update,
        )

    async def delete(self, key: Key, condition: str | None = None, values: Attributes | None = None) -> bool:
        """Delete a record, and return whether there was one."""
        more: dict[str, Any] = (
            {"ConditionExpression": condition, **expression_values(values or {})} if condition else {}
        )
        answer = await self._backoff.send(
            self._client.delete_item,
            TableName=self.name,
            Key=key,
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ReturnConsumedCapacity="TOTAL",
            **more,
        )
        return "Attributes" in answer

    async def transact(self, *actions: dict[str, Any]) -> None:
        """Write all or nothing; an action is {"Update" | "ConditionCheck" | "Put" | "Delete": parameters}."""
        named: Any = [{verb: {"TableName": self.name, **rest} for verb, rest in each.items()} for each in actions]
        await self._backoff.send(self._client.transact_write_items, TransactItems=named, ReturnConsumedCapacity="TOTAL")

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
            answer = await self._backoff.send(self._client.batch_write_item, RequestItems=pending)
            pending = answer.get("UnprocessedItems")
            if pending:
                await self._wait_for_capacity(attempt, "batch_write_item")

    async def _wait_for_capacity(self, attempt: int, operation: str) -> None:
        if attempt >= self._backoff.attempts:
            raise StoreUnavailableError(operation, attempt, "Unprocessed")
        await self._backoff.wait(attempt)


def conflicting_record(error: ConditionFailedError, place: int = 0) -> Record | None:
    """Return the stored record that made a conditional write fail; `place` is the action's in its transaction."""
    return cast("Record | None", error.failed.get(place))
