"""`make user`, `token`, `export` and `erase` on the local AWS, with a user whose data is in every place."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from rich.console import Console

from coach.accounts_table import AccountsTable
from store_dynamo import DynamoStore, S3Bucket
from store_dynamo.access import Access
from store_dynamo.errors import SignedOutError
from store_dynamo.table import Backoff, Table
from store_dynamo.testing import Caller
from store_dynamo.testing.models import noise, note, thread
from tools.client.sign_in import PASSWORD
from tools.local.aws import STACK_NAME, LocalStack
from tools.local.ministack import MiniStack
from tools.ops import user_commands
from tools.ops.personal_data import PersonalData
from tools.ops.user_commands import Place
from tools.ops.user_records import Operator
from tools.ops.users import Users
from tools.stack.clients import local_client
from tools.stack.description import describe
from tools.stack.operator import DeploymentError

ANA, BOB = "ana@example.com", "bob@example.com"


class Elsewhere:
    """An assistant that keeps data outside of its table."""

    def __init__(self) -> None:
        self.notes = {"mine": "a note"}

    async def export_user(self, user_id: str) -> AsyncIterator[Mapping[str, Any]]:
        for name, text in self.notes.items():
            yield {"note": name, "text": text, "user": user_id}

    async def erase_user(self, user_id: str) -> AsyncIterator[str]:
        while self.notes:
            yield self.notes.popitem()[0]


@pytest.fixture
def place(aws: MiniStack, stack: LocalStack) -> Place:
    client = partial(local_client, endpoint=aws.endpoint)
    with closing(client("cloudformation")) as cloudformation:
        found = describe(cloudformation, STACK_NAME)
    return Place("the test", found.outputs, found.parameters, client)


@pytest.fixture
def users(place: Place) -> Iterator[Users]:
    with closing(place.client("cognito-idp")) as cognito:
        yield Users(cognito, place.outputs["UserPoolId"])


def run(place: Place, command: str, **given: str) -> str:
    output = io.StringIO()
    user_commands.run(command, place, given, Console(file=output, width=200))
    return output.getvalue()


async def fill(place: Place, user_id: str) -> None:
    """Give a user data in both tables and in each area of the bucket."""
    with closing(place.client("dynamodb")) as dynamodb, closing(place.client("s3")) as s3:
        bucket = place.outputs["BucketName"]
        store = DynamoStore[Caller](
            table=place.outputs["TableName"],
            client=dynamodb,
            user_of=lambda caller: caller.user_id,
            overflow=S3Bucket(bucket, s3),
        )
        me = Caller(user_id)
        await store.save_thread(thread(title="Budget"), me)
        await store.add_thread_item("thr_1", note("small", "hello"), me)
        await store.add_thread_item("thr_1", note("big", noise(200_000)), me)
        await store.turns.claim("turn-1", "thr_1", me)
        await store.rates.count("turns", 9, timedelta(days=1), me)
        await store.access.enter(me, rates={"requests": 120})
        for area in ("files", "generated", "pending"):
            s3.put_object(Bucket=bucket, Key=f"{area}/{user_id}/one", Body=b"\xff")
        await AccountsTable(place.outputs["AssistantTableName"], dynamodb).read(user_id, date(2026, 11, 22))


async def entries(place: Place, user_id: str) -> list[Mapping[str, Any]]:
    return [each async for each in PersonalData(place.outputs, place.client, user_id).export()]


class TestUser:
    def test_the_address_is_verified_so_that_the_user_can_reset_a_password(self, place: Place, users: Users) -> None:
        run(place, "user", EMAIL=ANA)

        with closing(place.client("cognito-idp")) as cognito:
            found = cognito.admin_get_user(UserPoolId=place.outputs["UserPoolId"], Username=ANA)
        attributes = {each["Name"]: each["Value"] for each in found["UserAttributes"]}
        assert (attributes["email"], attributes["email_verified"]) == (ANA, "true")
        assert "another temporary password" in run(place, "user", EMAIL=ANA)  # she never signed in
        assert len(users.find(ANA)) == 1

    def test_an_unknown_group_and_a_bad_address_are_explained(self, place: Place) -> None:
        with pytest.raises(DeploymentError, match="create-group"):
            run(place, "user", EMAIL="new@example.com", GROUP="nobody")
        for email in ("", "ana", "ana@", 'a"@example.com', "a b@example.com"):
            with pytest.raises(DeploymentError, match="EMAIL="):
                run(place, "user", EMAIL=email)


def test_a_token_needs_the_password_and_a_first_sign_in_a_new_one(
    place: Place, users: Users, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    email = "carla@example.com"
    with closing(place.client("cognito-idp")) as cognito:
        cognito.admin_create_user(
            UserPoolId=place.outputs["UserPoolId"],
            Username=email,
            TemporaryPassword="Temporary-Pass-1",
            UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
            MessageAction="SUPPRESS",
        )
    monkeypatch.setattr("sys.stdin", io.StringIO(f"Temporary-Pass-1\n{PASSWORD}\n"))
    run(place, "token", EMAIL=email)
    claims = jwt.decode(capsys.readouterr().out.strip(), options={"verify_signature": False})
    assert (claims["token_use"], claims["sub"]) == ("access", users.find(email)[0].user_id)

    monkeypatch.setattr("sys.stdin", io.StringIO("Wrong-Password-1\n"))
    with pytest.raises(DeploymentError, match="the address or the password is wrong"):
        run(place, "token", EMAIL=email)


@pytest.mark.promise("H12")
async def test_an_export_is_complete_and_an_erasure_leaves_the_tombstone_only(
    place: Place, users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for email in (ANA, BOB):
        users.invite(email)
        await fill(place, users.find(email)[0].user_id)
    ana, bob = users.find(ANA)[0], users.find(BOB)[0]
    bobs = await entries(place, bob.user_id)

    found = await entries(place, ana.user_id)
    kinds = Counter(each.get("record") or each.get("object", "/").split("/")[0] or "assistant" for each in found)
    records = {"thread", "item", "turn", "rate", "access"}
    assert kinds.keys() == records | {"files", "generated", "pending", "overflow", "assistant"}
    assert kinds["assistant"] > 20

    erased = [line async for line in PersonalData(place.outputs, place.client, ana.user_id).erase()]
    assert len(erased) == len(found) - 1 - 2  # not the access record; items go with their thread, which has a line more
    assert [each["record"] for each in await entries(place, ana.user_id)] == ["access"]
    assert await entries(place, bob.user_id) == bobs
    with closing(place.client("dynamodb")) as dynamodb:
        access = Access[str](Table(place.outputs["TableName"], dynamodb, Backoff()), str)
        with pytest.raises(SignedOutError):
            await access.enter(ana.user_id, signed_in_at=datetime.now(UTC) - timedelta(hours=1))


def test_the_commands_ask_and_tell(place: Place, users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    users.invite("dora@example.com")
    run(place, "export", EMAIL="dora@example.com")
    (file,) = tmp_path.glob("export-dora*.jsonl")
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert [json.loads(line) for line in file.read_text().splitlines()] == []

    with pytest.raises(DeploymentError, match="nothing was deleted"):
        run(place, "erase", EMAIL="dora@example.com", CONFIRM="dora@example.org")
    assert users.find("dora@example.com")
    told = run(place, "erase", EMAIL="dora@example.com", CONFIRM="dora@example.com")
    assert "sign-in disabled" in told
    with pytest.raises(DeploymentError, match="no user with the address"):
        users.find("dora@example.com")


@pytest.mark.promise("H12")
def test_an_erasure_reaches_data_that_the_assistant_keeps_elsewhere(
    place: Place, users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = Elsewhere()
    monkeypatch.setattr(user_commands, "load_factory", lambda _name: lambda _settings: assistant)
    users.invite("emil@example.com")

    run(place, "erase", EMAIL="emil@example.com", CONFIRM="emil@example.com")

    assert assistant.notes == {}


@pytest.mark.promise("H14")
async def test_a_held_user_is_neither_disabled_nor_erased(place: Place, users: Users) -> None:
    email = "hilda@example.com"
    users.invite(email)
    user = users.find(email)[0]
    await fill(place, user.user_id)
    with pytest.raises(DeploymentError, match="REASON="):
        await in_a_thread(place, "hold", EMAIL=email)
    await in_a_thread(place, "hold", EMAIL=email, REASON="case 17")
    before = await entries(place, user.user_id)

    with pytest.raises(DeploymentError, match="case 17"):
        await in_a_thread(place, "erase", EMAIL=email, CONFIRM=email)

    assert await entries(place, user.user_id) == before
    with closing(place.client("cognito-idp")) as cognito:
        assert cognito.admin_get_user(UserPoolId=place.outputs["UserPoolId"], Username=email)["Enabled"]
    assert "hold is lifted" in await in_a_thread(place, "lift", EMAIL=email)
    await in_a_thread(place, "erase", EMAIL=email, CONFIRM=email)


@pytest.mark.promise("H15")
async def test_commands_are_in_the_audit_record_which_outlives_the_user(
    place: Place, users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    email = "gustav@example.com"
    users.invite(email)
    user_id = users.find(email)[0].user_id
    for command, more in (("export", {}), ("hold", {"REASON": "case 17"}), ("lift", {}), ("audit", {})):
        await in_a_thread(place, command, EMAIL=email, **more)
    assert "export" in await in_a_thread(place, "audit", EMAIL=email)
    await in_a_thread(place, "erase", EMAIL=email, CONFIRM=email)

    with Operator.of(place.outputs, place.client) as operator:
        found = [entry async for entry in operator.audit.read(user_id)]
    actions = Counter((entry["action"], entry["outcome"]) for entry in found)
    assert actions == {
        (name, outcome): 2 if name == "audit" else 1
        for name in ("export", "hold", "lift", "audit", "erase")
        for outcome in ("begun", "done")
    }
    assert {entry["actor"] for entry in found} == {operator.name}
    assert operator.name.startswith("arn:aws:")
    assert email not in json.dumps(found)


async def in_a_thread(place: Place, command: str, **given: str) -> str:
    """Run a command, which has an event loop of its own."""
    return await asyncio.to_thread(run, place, command, **given)


async def test_an_assistant_with_data_elsewhere_is_part_of_both(place: Place) -> None:
    assistant = Elsewhere()
    data = PersonalData(place.outputs, place.client, "someone", assistant)

    assert [each async for each in data.export()] == [
        {"assistant": {"note": "mine", "text": "a note", "user": "someone"}}
    ]
    assert [each async for each in data.erase()] == ["assistant mine"]
    assert assistant.notes == {}
