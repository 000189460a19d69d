"""Everything that a stack keeps about one user: export and erasure over the conversations, the files and the assistant.

    data = PersonalData(outputs, client, user_id, assistant)
    async for entry in data.export(): ...      # one JSON object each
    async for line in data.erase(): ...        # one deletion each; may be interrupted and run again

`store_dynamo.account` covers the table and the bucket. The assistant's table has the partition key `user`, so its part
is read and deleted here for every assistant; an assistant with data elsewhere has `SupportsUserData`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, closing
from typing import Any, cast

from boto3.dynamodb.types import Binary, TypeDeserializer

from chat_api.assistant import SupportsUserData
from store_dynamo import Backoff, S3Bucket
from store_dynamo.account import Account
from store_dynamo.table import Table

Client = Callable[[str], Any]
BATCH = 25
"""Most items of one BatchWriteItem."""


class PersonalData:
    """One user's data in the stack with these outputs; `client` makes AWS clients, which this class closes."""

    def __init__(
        self, outputs: Mapping[str, str], client: Client, user_id: str, assistant: object | None = None
    ) -> None:
        self._outputs = outputs
        self._client = client
        self._user_id = user_id
        self._assistant = assistant if isinstance(assistant, SupportsUserData) else None

    async def export(self) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the user's records, files, and the assistant's data."""
        with ExitStack() as clients:
            async for entry in self._account(clients).export():
                yield entry
            table = clients.enter_context(closing(self._client("dynamodb")))
            async for record in self._assistant_records(table):
                yield {"assistant": _plain(record)}
        if self._assistant:
            async for entry in self._assistant.export_user(self._user_id):
                yield {"assistant": dict(entry)}

    async def erase(self) -> AsyncIterator[str]:
        """End the user's sessions, delete everything, and yield a line for each deletion."""
        with ExitStack() as clients:
            async for line in self._account(clients).erase():
                yield line
            table = clients.enter_context(closing(self._client("dynamodb")))
            keys = [
                {name: record[name] for name in ("user", "record")} async for record in self._assistant_records(table)
            ]
            for n in range(0, len(keys), BATCH):
                await self._delete(table, keys[n : n + BATCH])
                for key in keys[n : n + BATCH]:
                    yield f"assistant {key['record']['S']}"
        if self._assistant:
            async for line in self._assistant.erase_user(self._user_id):
                yield f"assistant {line}"

    def _account(self, clients: ExitStack) -> Account:
        dynamodb = clients.enter_context(closing(self._client("dynamodb")))
        s3 = clients.enter_context(closing(self._client("s3")))
        backoff = Backoff()
        bucket = S3Bucket(self._outputs["BucketName"], s3, backoff)
        return Account(Table(self._outputs["TableName"], dynamodb, backoff), bucket, self._user_id)

    async def _assistant_records(self, client: Any) -> AsyncIterator[Mapping[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            page = await asyncio.to_thread(
                client.query,
                TableName=self._outputs["AssistantTableName"],
                KeyConditionExpression="#user = :user",
                ExpressionAttributeNames={"#user": "user"},
                ExpressionAttributeValues={":user": {"S": self._user_id}},
                ConsistentRead=True,
                **start,
            )
            for record in page["Items"]:
                yield record
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    async def _delete(self, client: Any, keys: list[dict[str, Any]]) -> None:
        pending: Any = {self._outputs["AssistantTableName"]: [{"DeleteRequest": {"Key": key}} for key in keys]}
        attempt = 0
        while pending:
            answer = await asyncio.to_thread(client.batch_write_item, RequestItems=pending)
            if pending := answer.get("UnprocessedItems"):
                attempt += 1
                await asyncio.sleep(min(5.0, 0.1 * 2**attempt))


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values as JSON-compatible data."""
    deserializer = TypeDeserializer()
    return {name: _json(deserializer.deserialize(value)) for name, value in record.items()}  # pyright: ignore[reportUnknownMemberType]


def _json(value: Any) -> Any:
    match value:
        case dict():
            return {str(name): _json(each) for name, each in cast("dict[str, Any]", value).items()}
        case list() | set():
            return [_json(each) for each in cast("list[Any]", value)]
        case Binary():
            return bytes(cast("Any", value).value).hex()
        case str() | bool() | None:
            return value
        case _:
            return float(value)  # DynamoDB's numbers are Decimals
