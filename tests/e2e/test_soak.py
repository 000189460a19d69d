"""The oracle of `make soak` through the whole stack: it reports records that were changed directly in the table."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio

from tools.local.stack import Stack
from tools.soak.habits import EVERYDAY, Habits
from tools.soak.ledger import Conversation
from tools.soak.oracle import Violation
from tools.soak.posting import GivenUpError, posted
from tools.soak.tally import Tally
from tools.soak.user import User

Record = dict[str, Any]
HABITS = Habits(EVERYDAY, think_seconds=0.001, words=(3, 6))


@pytest.fixture
def table(stack: Stack) -> Iterator[Any]:
    """A DynamoDB client with an operator's permissions."""
    with closing(stack.server.client("dynamodb")) as client:
        yield client


async def talked(stack: Stack, token: str, number: int) -> User:
    """Return a user after two turns in one conversation."""
    user = User(number, stack.url, token)
    user._habits = HABITS
    await user._new()
    await user._follow()
    return user


@pytest_asyncio.fixture(loop_scope="session")
async def ana(stack: Stack, token_of: Callable[[str], str]) -> AsyncIterator[User]:
    async with await talked(stack, token_of(f"ana-{uuid.uuid4().hex[:6]}"), 1) as user:
        yield user


def records(stack: Stack, table: Any, conversation: Conversation) -> list[Record]:
    """Return a conversation's item records, oldest first."""
    found = table.scan(TableName=stack.aws.table, ConsistentRead=True)["Items"]
    own = [each for each in found if each["pk"]["S"].endswith(f"#THREAD#{conversation.thread_id}")]
    return sorted((each for each in own if each["sk"]["S"].startswith("ITEM#")), key=lambda each: each["ord"]["S"])


async def found(user: User) -> list[Violation]:
    tally = Tally("check")
    await user.check_everything(tally)
    return tally.violations


async def test_what_is_as_it_was_seen_is_right(ana: User) -> None:
    assert await found(ana) == []
    assert [len(each.turns) for each in ana.conversations] == [2]


async def test_lost_item(stack: Stack, table: Any, ana: User) -> None:
    lost = records(stack, table, ana.conversations[0])[3]
    table.delete_item(TableName=stack.aws.table, Key={"pk": lost["pk"], "sk": lost["sk"]})

    (violation,) = await found(ana)

    assert (violation.kind, violation.user) == ("lost", ana.mark)
    assert violation.thread_id == ana.conversations[0].thread_id
    assert violation.item_id == lost["sk"]["S"].removeprefix("ITEM#")


async def test_doubled_item(stack: Stack, table: Any, ana: User) -> None:
    record = records(stack, table, ana.conversations[0])[3]
    body = json.loads(record["body"]["S"]) | {"id": "msg_again"}
    again = record | {"sk": {"S": "ITEM#msg_again"}, "body": {"S": json.dumps(body)}}
    table.put_item(TableName=stack.aws.table, Item=again | {"ord": {"S": record["ord"]["S"] + "1"}})

    assert [(each.kind, each.item_id) for each in await found(ana)] == [("doubled", "msg_again")]


async def test_changed_item(stack: Stack, table: Any, ana: User) -> None:
    record = records(stack, table, ana.conversations[0])[1]
    table.put_item(
        TableName=stack.aws.table, Item=record | {"body": {"S": record["body"]["S"].replace(" t1 ", " t1  ")}}
    )

    assert [each.kind for each in await found(ana)] == ["changed"]


async def test_reordered_items(stack: Stack, table: Any, ana: User) -> None:
    question, answer, *_ = records(stack, table, ana.conversations[0])
    table.put_item(TableName=stack.aws.table, Item=question | {"ord": answer["ord"]})
    table.put_item(TableName=stack.aws.table, Item=answer | {"ord": question["ord"]})

    assert [each.kind for each in await found(ana)] == ["reordered"]


async def test_item_of_another_user(stack: Stack, table: Any, ana: User, token_of: Callable[[str], str]) -> None:
    async with await talked(stack, token_of("soak-bob"), 2) as bob:
        strange = records(stack, table, bob.conversations[0])[1]
    own = records(stack, table, ana.conversations[0])[1]
    table.put_item(TableName=stack.aws.table, Item=own | {"body": strange["body"]})

    violations = await found(ana)

    assert {each.kind for each in violations} == {"foreign", "lost"}
    assert any(bob.mark in each.detail for each in violations if each.item_id is None)  # seen in a stream
    assert any(bob.mark in each.detail for each in violations if each.item_id)  # and in the thread


async def test_deleted_thread_that_is_back(stack: Stack, table: Any, ana: User) -> None:
    conversation = ana.conversations[0]
    kept = [each for each in table.scan(TableName=stack.aws.table)["Items"] if str(conversation.thread_id) in str(each)]
    await ana._delete()
    assert await found(ana) == []
    for record in kept:
        table.put_item(TableName=stack.aws.table, Item=record)

    assert {each.kind for each in await found(ana)} == {"returned"}


async def test_a_refusal_is_given_up_at_once(ana: User) -> None:
    request = {"type": "threads.get_by_id", "params": {"thread_id": "thr_unknown"}}
    with pytest.raises(GivenUpError, match="refused"):
        await posted(lambda: ana._client.call(request), Tally("check"))
