"""The README of the distribution: its examples run, and its definitions are the package's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from chatkit.server import StreamingResult

from store_dynamo import table_definition
from store_dynamo.journal import Segment
from store_dynamo.keys import TTL_ATTRIBUTE
from store_dynamo.testing import Caller
from store_dynamo.testing.models import NOON, file, note, thread
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.janitor_backend import deleted, records
from tests.integration.store.conftest import STORE_POLICY
from tools import ROOT

README = (ROOT / "store_dynamo" / "README.md").read_text()
MESSAGE = {
    "type": "threads.create",
    "params": {
        "input": {
            "content": [{"type": "input_text", "text": "Hi"}],
            "attachments": [],
            "inference_options": {"model": None, "tool_choice": None},
        }
    },
}


def block(language: str, containing: str) -> str:
    """Return the only code block of a language that contains a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if containing in each]
    return found


@pytest.fixture
def example(moto_backend: DynamoBackend, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The example's names, on the table "chat" of moto."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    names: dict[str, Any] = {}
    exec(block("python", "class Server").replace('table="chat"', f'table="{moto_backend.table}"'), names)
    return names


async def test_the_server_answers_and_stores(example: dict[str, Any]) -> None:
    result = await example["server"].process(json.dumps(MESSAGE), context="user-1")
    assert isinstance(result, StreamingResult)
    stream = b"".join([chunk async for chunk in result]).decode()

    assert "Hello!" in stream
    assert "error" not in stream
    (stored,) = (await example["store"].load_threads(9, None, "asc", "user-1")).data
    items = (await example["store"].load_thread_items(stored.id, None, 9, "asc", "user-1")).data
    assert {item.type for item in items} == {"user_message", "assistant_message"}
    assert (await example["store"].load_threads(9, None, "asc", "user-2")).data == []
    example["client"].close()


async def test_every_method_beyond_chatkits_exists(moto_backend: DynamoBackend) -> None:
    store, alice = moto_backend.store(), Caller("alice")
    await store.save_thread(thread("thr_1"), alice)
    await store.add_thread_item("thr_1", note("i"), alice)
    await store.save_attachment(file("a"), alice)
    names = {"store": store, "context": alice, "timedelta": timedelta, "thread_id": "thr_1", "item_id": "i"}
    names |= {"attachment_id": "a", "turn_id": "t", "title": "Hello", "at": NOON}
    names |= {"claim": "c", "segment": Segment(0, 2, "[]", "c")}

    for line in block("python", "store.rates.count").splitlines():
        await eval(line.partition("#")[0].strip().removeprefix("await "), names)

    assert (await store.load_thread("thr_1", alice)).title == "Hello"


async def test_the_consumer_sweeps_a_deleted_thread(moto_backend: DynamoBackend) -> None:
    store, alice = moto_backend.store(overflow=None), Caller("alice")
    for thread_id in ("thr_1", "thr_2"):
        await store.save_thread(thread(thread_id), alice)
        await store.add_thread_item(thread_id, note("i"), alice)
    await store.delete_thread("thr_1", alice)
    names: dict[str, Any] = {"Any": Any, "client": moto_backend.client}
    exec(block("python", "def consume").replace('"chat"', f'"{moto_backend.table}"'), names)

    for thread_id in ("thr_1", "thr_2"):
        await names["consume"](deleted("alice", thread_id))

    assert records(moto_backend, "USER#alice#") == [("USER#alice#THREAD#thr_2", "ITEM#i")]
    moto_backend.log.requests.clear()


def test_the_printed_definition_is_the_packages() -> None:
    command = re.search(r'^python -c "(.*)" > table.json$', block("bash", "create-table"), re.MULTILINE)
    assert command
    run = subprocess.run([sys.executable, "-c", command[1]], capture_output=True, text=True, check=True)

    assert json.loads(run.stdout) == table_definition("chat")
    assert f"AttributeName={TTL_ATTRIBUTE}" in block("bash", "create-table")


def test_the_cloudformation_table_is_the_packages() -> None:
    properties = yaml.safe_load(block("yaml", "AWS::DynamoDB::Table"))["ChatTable"]["Properties"]
    time_to_live = properties.pop("TimeToLiveSpecification")
    properties["StreamSpecification"]["StreamEnabled"] = True  # implied in CloudFormation

    assert {"TableName": "chat", **properties} == table_definition("chat")
    assert time_to_live == {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}


def test_the_policy_is_the_one_that_the_contract_runs_with() -> None:
    """tests/integration/store runs every operation as an IAM user with STORE_POLICY."""
    documented: Any = json.loads(block("json", "dynamodb:BatchGetItem"))
    used: Any = STORE_POLICY["Statement"]

    assert [each["Action"] for each in documented] == [each["Action"] for each in used]


def test_the_contract_example_runs(tmp_path: Path) -> None:
    (tmp_path / "my_project.py").write_text("from tests.fakes.plain_store import PlainStore as MyStore\n")
    (tmp_path / "test_my_store.py").write_text(block("python", "TestMyStore"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_store.py"]
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    run = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True, timeout=100, check=False)

    assert run.returncode == 0, run.stdout + run.stderr


def test_the_extras_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "store_dynamo" / "pyproject.toml").read_text())["project"]

    assert set(re.findall(r"^\| `\[(\w+)\]`", README, re.MULTILINE)) == set(project["optional-dependencies"])
    assert (ROOT / "store_dynamo" / "src" / "store_dynamo" / "py.typed").exists()
