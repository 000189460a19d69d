"""A conversation with an assistant in this process, for tests in `app/`: the whole protocol without a network.

    async with trial() as chat:                      # the assistant of app/app.toml
        answer = await chat.say("Hello")
        answer.text, answer.items, answer.error
        await chat.items()                           # as stored

Conversations are stored in DynamoDB's mock, and the model is the local one.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import boto3
from chatkit.types import ThreadItem
from moto import mock_aws

from attachments_s3 import S3AttachmentStore, s3_config
from chat_api.assistant import Assistant, AssistantSettings, Environment, SupportsClose
from chat_api.context import RequestContext
from chat_api.factory import build_assistant
from chat_api.server import AssistantServer, StreamingResult
from chat_api.settings import Settings
from coach.accounts_table import table_definition as accounts_definition
from store_dynamo import CLIENT_CONFIG, DynamoStore, table_definition
from tools.app.folder import FACTORY, App
from tools.client.chatkit import add_message, create_thread
from tools.local.openai.server import API_KEY, ModelServer

KEY: Any = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
NAME = "trial"
OWN_TABLE = "trial-assistant"


@dataclass(frozen=True)
class Answer:
    """The events of one turn as a client receives them."""

    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def items(self) -> list[dict[str, Any]]:
        """The completed items of the assistant."""
        done = [event["item"] for event in self.events if event["type"] == "thread.item.done"]
        return [item for item in done if item["type"] != "user_message"]

    @property
    def text(self) -> str:
        """The text of the completed messages."""
        messages = (item for item in self.items if item["type"] == "assistant_message")
        return "".join(part["text"] for item in messages for part in item["content"])

    @property
    def error(self) -> str | None:
        """The error that ended the turn, or None."""
        return next((event.get("message") or event["code"] for event in self.events if event["type"] == "error"), None)


@dataclass
class Chat:
    """One user's conversation with `assistant`."""

    assistant: Assistant
    server: AssistantServer
    store: DynamoStore[RequestContext]
    user: str = "ana"
    thread_id: str = ""

    async def say(self, text: str) -> Answer:
        """Send a message and return the answer."""
        return await self.send(add_message(self.thread_id, text) if self.thread_id else create_thread(text))

    async def send(self, request: Mapping[str, Any]) -> Answer:
        """Send a request of the ChatKit protocol that streams, for example an action, and return the answer."""
        result = await self.server.process(json.dumps(request).encode(), self._context())
        assert isinstance(result, StreamingResult), "the request does not stream"
        sent = b"".join([part async for part in result.json_events])
        events = [json.loads(line[6:]) for line in sent.split(b"\n") if line.startswith(b"data: ")]
        for event in events:
            if event["type"] == "thread.created":
                self.thread_id = event["thread"]["id"]
        return Answer(events)

    async def items(self) -> list[ThreadItem]:
        """Return the stored items, oldest first."""
        page = await self.store.load_thread_items(self.thread_id, None, 1000, "asc", self._context())
        return page.data

    def _context(self) -> RequestContext:
        deadline = datetime.now(UTC) + timedelta(minutes=5)
        turn_id = f"turn_{uuid.uuid4().hex}"
        return RequestContext(self.user, self.user, frozenset[str](), "en", "request", turn_id, deadline)


@asynccontextmanager
async def trial(
    factory: str | None = None,
    environment: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    user: str = "ana",
) -> AsyncGenerator[Chat]:
    """Yield a conversation with `factory`, by default the one of app/app.toml, with its variables for the stage dev."""
    app = App.read()
    name = factory or (app.settings["ASSISTANT"] if app else FACTORY)
    variables = {**(app.variables("dev") if app else {}), **(environment or {})}

    async def key() -> str:
        return API_KEY

    async def secret(wanted: str) -> str:
        return (secrets or {})[wanted]

    with ExitStack() as parts:
        parts.enter_context(patch.dict(os.environ, {**variables, "AWS_DEFAULT_REGION": KEY["region_name"]}))
        parts.enter_context(mock_aws())
        model = parts.enter_context(ModelServer.start(delay_seconds=0))
        dynamodb: Any = boto3.client("dynamodb", config=CLIENT_CONFIG, **KEY)  # pyright: ignore[reportUnknownMemberType]
        s3: Any = boto3.client("s3", config=s3_config(), **KEY)  # pyright: ignore[reportUnknownMemberType]
        for client in (dynamodb, s3):
            parts.callback(client.close)
        _create(dynamodb, s3)
        model_name = app.settings.get("OPENAI_MODEL", "") if app else ""
        settings = AssistantSettings(
            model_name or Settings.model_fields["openai_model"].default,
            model.url,
            key,
            OWN_TABLE,
            dynamodb,
            env=Environment(variables),
            secret=secret,
        )
        assistant = build_assistant(name, settings)
        try:
            store, files = _stores(dynamodb, s3)
            yield Chat(assistant, AssistantServer(store, files, assistant), store, user)
        finally:
            if isinstance(assistant, SupportsClose):
                await assistant.close()


def _create(dynamodb: Any, s3: Any) -> None:
    dynamodb.create_table(**{**table_definition(NAME), "StreamSpecification": {"StreamEnabled": False}})
    dynamodb.create_table(**accounts_definition(OWN_TABLE))
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def _stores(dynamodb: Any, s3: Any) -> tuple[DynamoStore[RequestContext], S3AttachmentStore[RequestContext]]:
    files = S3AttachmentStore[RequestContext](bucket=NAME, client=s3, user_of=_user)
    store = DynamoStore[RequestContext](
        table=NAME, client=dynamodb, user_of=_user, after_read=files.sign_urls, before_write=files.strip_urls
    )
    return store, files


def _user(context: RequestContext) -> str:
    return context.user_id
