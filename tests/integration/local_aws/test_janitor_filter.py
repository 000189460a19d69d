"""The janitor's event filter on real stream records: it selects removals with dependent data, not ordinary writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit.types import ThreadMetadata

from store_dynamo import DynamoStore
from tests.integration.local_aws.conftest import Clients
from tools.local.aws import LocalStack
from tools.local.function.stream_poller import matches
from tools.stack.clients import ROOT_KEY
from tools.stack.template import filter_patterns, read_template

PATTERNS = filter_patterns(read_template(), "JanitorFunction")


@dataclass(frozen=True)
class Context:
    user_id: str


@pytest.fixture
async def records(stack: LocalStack, client: Clients) -> list[dict[str, Any]]:
    """Stream records of a thread that is created, renamed and deleted, and whose tombstone is removed."""
    db = client("dynamodb", stack.chat_credentials)
    store = DynamoStore[Context](table=stack.table, client=db, user_of=lambda context: context.user_id)
    context = Context("filter-test")
    thread = ThreadMetadata(id="thr_filter", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    await store.save_thread(thread, context)
    await store.save_thread(thread.model_copy(update={"title": "Groceries"}), context)
    await store.delete_thread(thread.id, context)
    for key in _keys(db, stack.table, "USER#filter-test"):
        db.delete_item(TableName=stack.table, Key=key)
    return [each for each in _stream(client, stack) if each["dynamodb"]["Keys"]["pk"]["S"] == "USER#filter-test"]


def _keys(db: Any, table: str, partition: str) -> list[dict[str, Any]]:
    found = db.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
    )
    return [{"pk": item["pk"], "sk": item["sk"]} for item in found["Items"]]


def _stream(client: Clients, stack: LocalStack) -> list[dict[str, Any]]:
    streams = client("dynamodbstreams", ROOT_KEY)  # on AWS the Lambda service reads the stream: see test_permissions
    shards = streams.describe_stream(StreamArn=stack.stream_arn)["StreamDescription"]["Shards"]
    records: list[dict[str, Any]] = []
    for shard in shards:
        iterator = streams.get_shard_iterator(
            StreamArn=stack.stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while page := streams.get_records(ShardIterator=iterator):
            records += page["Records"]
            iterator = page.get("NextShardIterator")
            if not page["Records"] or not iterator:
                break
    return records


def reaches_the_janitor(event: dict[str, Any]) -> bool:
    return any(matches(event, pattern) for pattern in PATTERNS)


def record(event: str, sk: str, **old_image: Any) -> dict[str, Any]:
    key = {"pk": {"S": "USER#ana"}, "sk": {"S": sk}}
    return {"eventName": event, "dynamodb": {"Keys": key, "OldImage": key | old_image}}


@pytest.mark.promise("S8")
async def test_tombstone_and_its_end_reach_the_janitor_and_ordinary_writes_do_not(
    records: list[dict[str, Any]],
) -> None:
    seen = [each for each in records if reaches_the_janitor(each)]

    assert [each["eventName"] for each in records] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    assert seen == records[2:]


@pytest.mark.parametrize(
    ("removed", "wanted"),
    [
        pytest.param(record("REMOVE", "THREAD#one"), True, id="expired thread"),
        pytest.param(record("REMOVE", "ATTACHMENT#one"), True, id="attachment"),
        pytest.param(record("REMOVE", "ITEM#one", kind={"S": "user_message"}), True, id="item, maybe held"),
        pytest.param(record("REMOVE", "ALLOWANCE#one"), True, id="allowance, maybe held"),
        pytest.param(record("REMOVE", "HELD#1#ITEM#one"), True, id="copy of a legal hold"),
        pytest.param(record("MODIFY", "ITEM#one", kind={"S": "user_message"}), False, id="changed item"),
        pytest.param(record("REMOVE", "ACCESS"), False, id="access"),
        pytest.param(record("REMOVE", "ITEM#one", kind={"S": "generated_image"}), True, id="generated image"),
        pytest.param(record("REMOVE", "ITEM#one", overflow={"S": "overflow/ana/one"}), True, id="big item"),
        pytest.param(record("MODIFY", "ITEM#one", overflow={"S": "overflow/ana/one"}), True, id="replaced big item"),
        pytest.param(record("REMOVE", "RATE#turns#1"), False, id="counter"),
        pytest.param(record("REMOVE", "TURN#one"), False, id="turn"),
        pytest.param(record("REMOVE", "RUNNING#one"), False, id="lock"),
        pytest.param(record("INSERT", "LIVE#one#000000000"), False, id="new segment"),
        pytest.param(record("REMOVE", "LIVE#one#000000000", b={"S": "[]"}), False, id="segment"),
    ],
)
@pytest.mark.promise("S10")
def test_the_janitor_sees_what_left_something_behind(removed: dict[str, Any], wanted: bool) -> None:
    assert reaches_the_janitor(removed) is wanted
