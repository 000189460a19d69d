"""examples/plain_server.py from the wheels, under uvicorn, with files: real sockets to AWS and to the model."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from store_dynamo import table_definition
from tests.contracts.attachments import function_policy
from tests.integration.packages.conftest import Environment
from tools import ROOT
from tools.local.ministack import REGION, MiniStack, free_port
from tools.local.openai.server import API_KEY, ModelServer

pytestmark = [pytest.mark.promise("B3"), pytest.mark.timeout(600)]

EXAMPLE = ROOT / "functions" / "chat" / "examples" / "plain_server.py"
START_SECONDS = 60
TEXT = b"the secret word is heliotrope"
TABLE_ACTIONS = ["BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]


@dataclass
class Site:
    """The running server, as a browser sees it, and the model behind it."""

    browser: httpx.Client
    model: ModelServer

    def post(self, kind: str, params: dict[str, Any], user: str) -> httpx.Response:
        return self.browser.post("/chatkit", json={"type": kind, "params": params}, headers={"x-user": user})

    def declare(self, user: str) -> dict[str, Any]:
        params = {"name": "note.txt", "size": len(TEXT), "mime_type": "text/plain"}
        return self.post("attachments.create", params, user).json()

    def upload(self, user: str) -> str:
        """Declare a file and PUT its bytes to the presigned URL; return its id."""
        attachment = self.declare(user)
        descriptor = attachment["upload_descriptor"]
        answer = httpx.request(descriptor["method"], descriptor["url"], headers=descriptor["headers"], content=TEXT)
        assert answer.status_code == 200, answer.text
        return attachment["id"]

    def say(self, user: str, file_id: str) -> httpx.Response:
        content = [{"type": "input_text", "text": "What is in my file?"}]
        message = {"content": content, "attachments": [file_id], "inference_options": {}}
        return self.post("threads.create", {"input": message}, user)

    def threads(self, user: str) -> list[Any]:
        return self.post("threads.list", {}, user).json()["data"]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_seconds=0.001) as model:
        yield model


@pytest.fixture(scope="module")
def aws(ministack: MiniStack) -> dict[str, str]:
    """Create table and bucket; return the variables of a role with the rights that the READMEs name."""
    ministack.client("s3").create_bucket(Bucket="chat-files", CreateBucketConfiguration={"LocationConstraint": REGION})
    ministack.client("dynamodb").create_table(**table_definition("chat"))
    policy = function_policy("chat-files")
    actions = [f"dynamodb:{action}" for action in TABLE_ACTIONS]
    policy["Statement"].append({"Effect": "Allow", "Action": actions, "Resource": "*"})
    key = ministack.iam_user("plain-server", policy)
    return {"AWS_ENDPOINT_URL": ministack.endpoint, "AWS_DEFAULT_REGION": REGION, **key.environment()}


@pytest.fixture(scope="module")
def site(environment: Environment, aws: dict[str, str], model: ModelServer) -> Iterator[Site]:
    environment.install("boto3", "fastapi", "uvicorn")
    shutil.copy(EXAMPLE, environment.folder)
    port = free_port()
    names = {"TABLE": "chat", "BUCKET": "chat-files", "OPENAI_API_KEY": API_KEY, "OPENAI_BASE_URL": model.url}
    with (
        (environment.folder / "server.log").open("w+") as log,
        subprocess.Popen(
            [str(environment.python), "-m", "uvicorn", "plain_server:app", "--port", str(port)],
            cwd=environment.folder,
            env=environment.variables(**names, **aws),
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as browser,
    ):
        try:
            wait_until_up(browser, server)
            yield Site(browser, model)
        except BaseException:
            log.seek(0)
            print(log.read())
            raise
        finally:
            server.terminate()


def wait_until_up(browser: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            browser.get("/openapi.json")
        except httpx.TransportError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.05)
        else:
            return


def test_file_reaches_the_model(site: Site) -> None:
    answer = site.say("ana", site.upload("ana"))

    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events[-1]["type"] == "thread.item.done"
    assert "".join(part["text"] for part in events[-1]["item"]["content"])
    sent = json.dumps(site.model.requests[-1].body["input"])
    assert "heliotrope" in sent
    assert "never uploaded" not in sent


def test_message_with_a_file_that_was_never_uploaded_is_refused_and_not_stored(site: Site) -> None:
    asked = len(site.model.requests)

    answer = site.say("ben", site.declare("ben")["id"])

    assert (answer.status_code, answer.json()["code"]) == (422, "not_uploaded")
    assert site.threads("ben") == []
    assert len(site.model.requests) == asked


def test_another_user_cannot_use_a_file(site: Site) -> None:
    file_id = site.upload("cleo")

    answer = site.say("dan", file_id)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown")
    assert site.threads("dan") == []
    assert site.say("cleo", file_id).status_code == 200


def test_stored_message_shows_its_file_without_the_upload_url(site: Site) -> None:
    site.say("eva", site.upload("eva"))
    (thread,) = site.threads("eva")

    items = site.post("items.list", {"thread_id": thread["id"], "order": "asc"}, "eva").json()["data"]

    assert [attachment["name"] for attachment in items[0]["attachments"]] == ["note.txt"]
    assert "upload_descriptor" not in items[0]["attachments"][0]
