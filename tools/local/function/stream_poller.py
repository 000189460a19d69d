"""A local event source mapping: reads a table's stream and invokes the janitor.

    poller = StreamPoller(streams_client, stream_arn, invoke, filters)
    await poller.drain()      # deliver all records so far; or: await poller.run(), until cancelled

Like Lambda, it reads every shard in order, drops records that match no filter, calls `invoke(event)` with batches, and
repeats a batch from the first reported failure. Filter rules (equality, `exists`, `prefix`):
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams.client import DynamoDBStreamsClient

logger = logging.getLogger("tools.local.function.stream_poller")

Event = dict[str, Any]
Invoke = Callable[[Event], Awaitable[Mapping[str, Any] | None]]
BATCH_SIZE = 100
MAX_ATTEMPTS = 10
POLL_SECONDS = 0.5


class StreamPoller:
    """Connects one stream to one function. `invoke` returns the function's answer or raises when it failed."""

    def __init__(
        self, client: DynamoDBStreamsClient, stream_arn: str, invoke: Invoke, filters: Sequence[Mapping[str, Any]]
    ) -> None:
        self._client = client
        self._stream_arn = stream_arn
        self._invoke = invoke
        self._filters = filters
        self._iterators: dict[str, str | None] = {}

    async def run(self) -> None:
        """Follow the stream until cancelled."""
        while True:
            await self.drain()
            await asyncio.sleep(POLL_SECONDS)

    async def drain(self) -> int:
        """Deliver all records, including those that the function writes; return how many passed the filters."""
        delivered = 0
        while True:
            records = await self._read()
            if not records:
                return delivered
            wanted = [each for each in map(as_event, records) if any(matches(each, rule) for rule in self._filters)]
            for n in range(0, len(wanted), BATCH_SIZE):
                await self._deliver(wanted[n : n + BATCH_SIZE])
            delivered += len(wanted)

    async def _read(self) -> list[Any]:
        await self._find_shards()
        found: list[Any] = []
        for shard, iterator in self._iterators.items():
            if iterator is None:
                continue  # the shard is closed and fully read
            answer = await asyncio.to_thread(self._client.get_records, ShardIterator=iterator)
            self._iterators[shard] = answer.get("NextShardIterator")
            found += answer["Records"]
        return found

    async def _find_shards(self) -> None:
        stream = await asyncio.to_thread(self._client.describe_stream, StreamArn=self._stream_arn)
        for shard in stream["StreamDescription"].get("Shards", []):
            shard_id = shard.get("ShardId", "")
            if shard_id not in self._iterators:
                answer = await asyncio.to_thread(
                    self._client.get_shard_iterator,
                    StreamArn=self._stream_arn,
                    ShardId=shard_id,
                    ShardIteratorType="TRIM_HORIZON",
                )
                self._iterators[shard_id] = answer.get("ShardIterator")

    async def _deliver(self, records: list[Event]) -> None:
        for _ in range(MAX_ATTEMPTS):
            try:
                answer = await self._invoke({"Records": records}) or {}
            except Exception:  # like Lambda, repeat the batch after any failure
                logger.exception("the function failed")
                continue
            failed = {each["itemIdentifier"] for each in answer.get("batchItemFailures", [])}
            numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
            first = min((n for n, number in enumerate(numbers) if number in failed), default=None)
            if first is None:
                return
            records = records[first:]
        logger.error("dropped %d records after %d attempts", len(records), MAX_ATTEMPTS)


def as_event(record: Any) -> Event:
    """Return a record of the Streams API in Lambda's form: JSON with binary values in base64."""
    event: Event = _jsonable(record)
    return event | {"eventSource": "aws:dynamodb"}


def _jsonable(value: Any) -> Any:
    match value:
        case dict():
            fields = cast("dict[str, Any]", value)
            return {key: _jsonable(each) for key, each in fields.items()}
        case list():
            return [_jsonable(each) for each in cast("list[Any]", value)]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case _:
            return value


def matches(event: Any, rule: Mapping[str, Any]) -> bool:
    """Return whether an event matches a filter pattern: every key, and at least one rule of each key's list."""
    fields: Mapping[str, Any] = cast("Any", event) if type(event) is dict else {}
    for key, expected in rule.items():
        value: Any = fields.get(key)
        if isinstance(expected, Mapping):
            if not matches(value, cast("Mapping[str, Any]", expected)):
                return False
        elif not any(_passes(value, each) for each in expected):
            return False
    return True


def _passes(value: Any, rule: Any) -> bool:
    if not isinstance(rule, Mapping):
        return value == rule
    rules = cast("Mapping[str, Any]", rule)
    if "exists" in rules:
        return (value is not None) == rules["exists"]
    return isinstance(value, str) and value.startswith(rules["prefix"])
