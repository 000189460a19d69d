"""Export and erasure of one user on moto."""

from __future__ import annotations

import argparse
import base64
import inspect
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from chatkit.types import ThreadMetadata

from janitor.duties import duties
from store_dynamo import account, keys
from store_dynamo.account import Account
from store_dynamo.approvals import Asked, Grant, Outcome, Verdict
from store_dynamo.journal import Segment
from store_dynamo.sweep import Sweep
from store_dynamo.table import Table
from store_dynamo.testing import Caller
from store_dynamo.testing.models import file, noise, note, thread
from tests.fakes.dynamo_backend import QUICK, DynamoBackend
from tests.fakes.janitor_backend import objects, records

ALICE, BOB = Caller("alice#1"), Caller("bob")
ASKED = Asked("apr", "g", "i", "transfer", '{"dollars":200}', "d", "Move $200?", datetime(2999, 1, 1, tzinfo=UTC))
GRANT = Grant("transfer", "m", '{"equal":{}}', "Moves up to $200", datetime(2999, 1, 1, tzinfo=UTC))
TOMBSTONE = ("USER#alice.231", "ACCESS")
"""It ends the sessions of an erased user, and expires after the longest of them."""


@pytest.fixture
async def backend(moto_backend: DynamoBackend) -> Any:
    """Alice and Bob each have one record of every kind, and Alice also a thread that is being deleted."""
    store = moto_backend.store()
    for caller, folder in ((ALICE, "alice.231"), (BOB, "bob")):
        await store.save_thread(thread(title="Budget", metadata={"a": 1}), caller)
        await store.add_thread_item("thr_1", note("i", f"{caller.user_id}'s"), caller)
        await store.add_thread_item("thr_1", note("big", noise(200_000)), caller)
        await store.save_attachment(file("a", thread_id="thr_1"), caller)
        await store.feedback.put("thr_1", ["i"], "positive", caller)
        await store.approvals.ask("thr_1", [ASKED], caller)
        await store.approvals.decide("thr_1", "apr", Verdict(True, "d", "claim", "req-1", grant=GRANT), caller)
        await store.approvals.start("thr_1", "apr", "claim", caller)
        await store.approvals.finish("thr_1", "apr", "claim", Outcome(f"moved {caller.user_id}'s"), caller)
        await store.turns.claim("turn-1", "thr_1", caller)
        await store.turns.win("turn-1", "call-1", caller)
        await store.running.begin("thr_1", "turn-1", "c", caller)
        for n, body in enumerate((f'["{caller.user_id}"]', '["' + "long " * 400 + '"]', "not JSON")):
            await store.journal.append("thr_1", "turn-1", Segment(n, 1, body, "c"), caller)
        await store.rates.count("turns", 9, timedelta(days=1), caller)
        await store.access.enter(caller, rates={"requests": 120})
        for key in (f"files/{folder}/a", f"generated/{folder}/img", f"pending/{folder}/p"):
            moto_backend.s3.put_object(Bucket=moto_backend.bucket.name, Key=key, Body=b"\xff")
    await store.save_thread(thread("thr_2"), ALICE)
    await store.add_thread_item("thr_2", note("i"), ALICE)
    await store.delete_thread("thr_2", ALICE)
    yield moto_backend
    for key in objects(moto_backend):
        moto_backend.s3.delete_object(Bucket=moto_backend.bucket.name, Key=key)
    moto_backend.log.requests.clear()


def account_of(backend: DynamoBackend, user_id: str) -> Account:
    return Account(Table(backend.table, backend.client, QUICK), backend.bucket, user_id)


async def test_the_export_has_everything_of_one_user(backend: DynamoBackend) -> None:
    lines = [json.loads(json.dumps(each)) async for each in account_of(backend, ALICE.user_id).export()]

    kinds = [each.get("record") or each["object"].split("/")[0] for each in lines]
    records_of_each = {"thread": 2, "item": 3, "feedback": 1, "attachment": 1, "turn": 1, "rate": 1, "access": 1}
    records_of_each |= {"running": 1, "approval": 1, "allowance": 1, "live": 3}
    assert Counter(kinds) == records_of_each | {"files": 1, "generated": 1, "pending": 1, "overflow": 1}
    first = next(each for each in lines if each.get("record") == "thread" and each["id"] == "thr_1")
    assert ThreadMetadata.model_validate(first["body"]) == thread(title="Budget", metadata={"a": 1})
    big = next(each for each in lines if each.get("id") == "big")
    assert (big["thread_id"], big["body"]["content"]) == ("thr_1", noise(200_000))
    uploaded = next(each for each in lines if each.get("object") == "files/alice.231/a")
    assert base64.b64decode(uploaded["base64"]) == b"\xff"
    segments = [each for each in lines if each.get("record") == "live"]
    assert {each["id"] for each in segments} == {"turn-1"}
    assert [(each["first"], each["body"]) for each in segments] == [
        (0, ["alice#1"]),
        (1, ["long " * 400]),
        (2, "not JSON"),
    ]
    assert [each["ran"] for each in lines if each.get("record") == "turn"] == [["call-1"]]
    assert [each["turn"] for each in lines if each.get("record") == "running"] == ["turn-1"]
    assert "bob's" not in json.dumps(lines)
    assert not [each for each in lines if "/bob/" in each.get("object", "")]


@pytest.mark.promise("P4")
async def test_the_export_has_the_decision_and_its_outcome(backend: DynamoBackend) -> None:
    lines = [each async for each in account_of(backend, ALICE.user_id).export()]

    record = next(each for each in lines if each.get("record") == "approval")
    assert (record["thread_id"], record["id"]) == ("thr_1", "apr")
    assert (record["body"]["tool"], record["body"]["arguments"]) == ("transfer", '{"dollars":200}')
    assert (record["body"]["words"], record["status"], record["outcome"]) == ("Move $200?", "done", "moved alice#1's")
    assert (record["decided_by"], record["request_id"], record["allowance"]) == (ALICE.user_id, "req-1", "apr")
    assert datetime.fromisoformat(record["decided_at"]) >= datetime.fromisoformat(record["asked_at"])


@pytest.mark.promise("P5")
async def test_the_export_has_the_allowance_and_where_it_comes_from(backend: DynamoBackend) -> None:
    lines = [each async for each in account_of(backend, ALICE.user_id).export()]

    record = next(each for each in lines if each.get("record") == "allowance")
    assert (record["id"], record["thread_id"], record["granted_by"]) == ("apr", "thr_1", ALICE.user_id)
    assert (record["tool"], record["words"], record["bounds"]) == ("transfer", "Moves up to $200", GRANT.bounds)
    assert (record["request_id"], record["expires_at"]) == ("req-1", "32472144000")
    assert datetime.fromisoformat(record["granted_at"])


@pytest.mark.promise("P5")
async def test_an_erasure_removes_an_allowance_that_a_running_turn_grants_meanwhile(backend: DynamoBackend) -> None:
    store = backend.store()
    await store.approvals.ask("thr_1", [replace(ASKED, approval_id="late")], ALICE)
    erasing = account_of(backend, ALICE.user_id).erase()
    async for erased in erasing:
        if erased == "ALLOWANCE#apr":  # the user's allowances are read by now, and the thread still exists
            await store.approvals.decide("thr_1", "late", Verdict(True, "d", "claim", grant=GRANT), ALICE)

    assert [sk for _, sk in records(backend, "USER#alice")] == ["ACCESS"]


@pytest.mark.promise("P4")
async def test_approvals_are_swept_with_their_thread_and_are_no_work_for_the_janitor(backend: DynamoBackend) -> None:
    table = Table(backend.table, backend.client, QUICK)
    key = keys.approval_key(ALICE.user_id, "thr_1", "apr")
    image = await table.get(key)
    assert image is not None
    removed = {"Keys": {name: image[name] for name in ("pk", "sk")}, "OldImage": image}

    assert not duties({"eventName": "REMOVE", "dynamodb": removed})
    assert not {"ord", "kind", "overflow", "expires_at"} & image.keys()
    assert await Sweep(table, backend.bucket).thread(ALICE.user_id, "thr_1", lambda: False)
    assert await table.get(key) is None


async def test_erasing_leaves_nothing_of_one_user_and_all_of_others(backend: DynamoBackend) -> None:
    bobs = records(backend, "USER#bob"), [key for key in objects(backend) if "/bob/" in key]
    assert len(bobs[0]) == 14

    erased = [each async for each in account_of(backend, ALICE.user_id).erase()]

    assert "thread thr_1" in erased
    assert records(backend) == [TOMBSTONE, *bobs[0]]
    assert objects(backend) == bobs[1]
    assert [each async for each in account_of(backend, ALICE.user_id).erase()] == []


async def test_erasing_may_be_interrupted_and_run_again(backend: DynamoBackend) -> None:
    for stop_after in range(40):
        erasing: Any = account_of(backend, ALICE.user_id).erase()
        for _ in range(stop_after):
            if await anext(erasing, None) is None:
                break
        await erasing.aclose()

    assert records(backend, "USER#alice") == [TOMBSTONE]
    assert not [key for key in objects(backend) if "/alice" in key]


async def test_the_command_line(
    backend: DynamoBackend, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    common = ["--table", backend.table, "--bucket", backend.bucket.name, "--user", ALICE.user_id]

    def arguments(command: str) -> argparse.Namespace:
        return account.parser().parse_args([command, *common])

    await account.run(arguments("export"), boto3.Session())
    lines = capsys.readouterr().out.splitlines()
    await account.run(arguments("erase"), boto3.Session())

    assert len([json.loads(line) for line in lines]) == 20
    assert capsys.readouterr().err.splitlines()[-1] == f"erased: {8 + 4}"


async def test_every_kind_of_record_is_exported_and_erased(moto_backend: DynamoBackend) -> None:
    """Also kinds that are added later: each function of keys.py that makes a key of a user is called."""
    for name, make in inspect.getmembers(keys, inspect.isfunction):
        if name.endswith("_key") and next(iter(inspect.signature(make).parameters), "") == "user_id":
            values = {"user_id": "carla", "window_start": 1, "first": 1}
            arguments = [values.get(each, "x") for each in inspect.signature(make).parameters]
            moto_backend.client.put_item(
                TableName=moto_backend.table, Item={**make(*arguments), "schema_version": {"N": "1"}}
            )
    written = len(records(moto_backend, "USER#carla"))
    assert written >= 7
    account = account_of(moto_backend, "carla")

    assert len([each async for each in account.export()]) == written
    assert [each async for each in account.erase()]
    assert records(moto_backend, "USER#carla") == [("USER#carla", "ACCESS")]
    moto_backend.log.requests.clear()
