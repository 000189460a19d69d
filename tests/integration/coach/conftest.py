"""The coach behind the real HTTP app: local model server, accounts on moto, a store in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

import boto3
import pytest
from moto import mock_aws

from attachments_s3 import s3_config
from chat_api.assistant import AssistantSettings, ModelOption
from chat_api.identity import TokenVerifier
from coach.accounts_table import AccountsTable
from coach.assistant import Coach
from tests.fakes.accounts import accounts_table
from tests.unit.chat_api.conftest import BUCKET, World, make_world, pool, verifier
from tools.local.openai.server import API_KEY, ModelServer
from tools.local.sign_in.user_pool import UserPool

__all__ = ["pool", "verifier"]

TODAY = date(2026, 5, 20)
USER = "ana"

Event = dict[str, Any]


@dataclass
class Reply:
    """The events of a streamed response."""

    events: list[Event]

    @property
    def types(self) -> list[str]:
        """The event types in order; consecutive equal types count once."""
        types = [event["type"] for event in self.events]
        return [kind for index, kind in enumerate(types) if index == 0 or kind != types[index - 1]]

    @property
    def thread_id(self) -> str:
        return next(event["thread"]["id"] for event in self.events if event["type"] == "thread.created")

    @property
    def done(self) -> list[Event]:
        """The completed items, oldest first."""
        return [event["item"] for event in self.events if event["type"] == "thread.item.done"]

    @property
    def text(self) -> str:
        return "".join(
            part["text"] for item in self.done if item["type"] == "assistant_message" for part in item["content"]
        )

    def updates(self, kind: str) -> list[Event]:
        updates = [event["update"] for event in self.events if event["type"] == "thread.item.updated"]
        return [update for update in updates if update["type"].startswith(kind)]

    def item(self, kind: str) -> Event:
        """Return the only completed item of a type."""
        (found,) = (item for item in self.done if item["type"] == kind)
        return found


@dataclass
class Talk:
    """One user's conversation with the coach."""

    world: World
    model: ModelServer
    accounts: AccountsTable
    user: str = USER
    thread_id: str | None = None

    async def say(self, text: str, **message: Any) -> Reply:
        """Send a message. The first one creates the thread."""
        content = message.pop("content", [{"type": "input_text", "text": text}])
        input_ = {"content": content, "attachments": [], "inference_options": {}, **message}
        if self.thread_id:
            return await self.stream("threads.add_user_message", input=input_)
        reply = Reply(_events((await self._post("threads.create", input=input_)).text))
        self.thread_id = reply.thread_id
        return reply

    async def stream(self, kind: str, **params: Any) -> Reply:
        """Send a request about the thread whose response is a stream."""
        answer = await self._post(kind, thread_id=self.thread_id, **params)
        assert answer.status_code == 200, answer.text
        return Reply(_events(answer.text))

    async def call(self, kind: str, **params: Any) -> Event:
        """Send a request whose response is JSON."""
        answer = await self._post(kind, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def stored(self) -> list[Event]:
        """Return the items as a client sees them after a reload, oldest first."""
        page = await self.call("items.list", thread_id=self.thread_id, order="asc", limit=100)
        return page["data"]

    async def _post(self, kind: str, **params: Any) -> Any:
        return await self.world.post({"type": kind, "params": params}, user=self.user)


def _events(stream: str) -> list[Event]:
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_seconds=0.001) as server:
        yield server


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """Buckets for this module only: other tests create one of the same name."""
    key: Any = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
    with mock_aws(), closing(boto3.client("s3", config=s3_config(), **key)) as client:
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


@pytest.fixture(scope="module")
def accounts() -> Iterator[AccountsTable]:
    with accounts_table() as table:
        yield table


@pytest.fixture
async def talk(
    model: ModelServer, accounts: AccountsTable, pool: UserPool, verifier: TokenVerifier, s3: Any
) -> AsyncIterator[Talk]:
    async def key() -> str:
        return API_KEY

    menu = (ModelOption(id="gpt-6-luna", label="GPT-6 Luna"),)
    coach = Coach(AssistantSettings("gpt-6.1-terra", model.url, key, models=menu), accounts, today=lambda: TODAY)
    yield Talk(make_world(pool, verifier, s3, coach), model, accounts)
    await coach.close()
