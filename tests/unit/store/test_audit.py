"""Audit records on moto: apart from the data, without content, before and after an action of an operator."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta

import pytest

from store_dynamo.account import Account
from store_dynamo.audit import KEPT, Action, Audit
from store_dynamo.table import Table
from store_dynamo.testing import Clock
from tests.fakes.dynamo_backend import DynamoBackend

pytestmark = pytest.mark.promise("H15")
ERASE = Action("erase", "arn:aws:iam::1:user/ana", "alice", source="ana@laptop")


@pytest.fixture
def table(moto_backend: DynamoBackend) -> Iterator[Table]:
    yield Table(moto_backend.table, moto_backend.client, moto_backend.quick)
    moto_backend.log.requests.clear()  # of no user of a store


async def read(audit: Audit, subject: str | None = "alice") -> list[dict[str, str]]:
    return [entry async for entry in audit.read(subject)]


async def fail(audit: Audit) -> None:
    async with audit.recorded(ERASE):
        raise ZeroDivisionError


async def test_action_of_an_operator_is_recorded_before_it_begins_and_with_its_outcome(table: Table) -> None:
    audit = Audit(table, clock := Clock())
    async with audit.recorded(ERASE):
        clock.advance(timedelta(seconds=1))
        assert [entry["outcome"] for entry in await read(audit)] == ["begun"]
    clock.advance(timedelta(seconds=1))
    with pytest.raises(ZeroDivisionError):
        await fail(audit)

    entries = await read(audit)
    assert sorted(entry["outcome"] for entry in entries) == ["ZeroDivisionError", "begun", "begun", "done"]
    assert {(entry["action"], entry["actor"], entry["source"]) for entry in entries} == {
        ("erase", "arn:aws:iam::1:user/ana", "ana@laptop")
    }
    assert await read(audit, "bob") == await read(audit, None) == []


async def test_audit_records_survive_the_erasure_and_are_in_no_export(
    moto_backend: DynamoBackend, table: Table
) -> None:
    audit = Audit(table)
    await audit.write(Action("thread.delete", "alice", "alice", "thr_1"))
    account = Account(table, moto_backend.bucket, "alice")

    assert [entry async for entry in account.export()] == []
    _ = [line async for line in account.erase()]

    assert [entry["action"] for entry in await read(audit)] == ["thread.delete"]


async def test_entries_expire_and_never_replace_each_other(moto_backend: DynamoBackend, table: Table) -> None:
    audit = Audit(table, clock := Clock())
    for _ in range(3):
        await audit.write(ERASE)  # in the same microsecond

    items = moto_backend.client.scan(TableName=moto_backend.table)["Items"]
    assert len(items) == 3
    assert {int(item["expires_at"]["N"]) for item in items} == {int((clock() + KEPT).timestamp())}


async def test_long_values_are_cut(table: Table) -> None:
    audit = Audit(table)
    await audit.write(Action("thread.delete", "alice", "alice", target="x" * 4_000_000))

    assert [len(entry["target"]) for entry in await read(audit)] == [300]


def test_an_action_has_no_field_for_content() -> None:
    assert set(inspect.signature(Action).parameters) == {
        "name", "actor", "subject", "target", "source", "request_id"
    }  # fmt: skip
