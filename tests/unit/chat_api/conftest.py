"""The HTTP app in this process, with a store in memory, S3 on moto, a user pool over HTTP and an echoing assistant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, cast

import boto3
import httpx
import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from moto import mock_aws

from attachments_s3 import S3AttachmentStore, s3_config
from chat_api.app import create_app
from chat_api.assistant import Turn
from chat_api.context import RequestContext
from chat_api.hosted import HostedMode
from chat_api.identity import TokenVerifier
from chat_api.server import AssistantServer
from chat_api.settings import LimitSettings
from chat_api.telemetry import TurnMetrics
from chat_api.turn import Timing
from store_dynamo import DynamoStore
from store_dynamo.testing import Clock
from tests.fakes.asgi_exchange import Exchange
from tests.fakes.memory_store import MemoryStore
from tools.client.chatkit import create_thread
from tools.local.sign_in.user_pool import UserPool

BUCKET = "chat-api-files"


@dataclass
class Echo:
    """Repeats the user's message and records its turns."""

    turns: list[Turn] = field(default_factory=list[Turn])

    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        self.turns.append(turn)
        text = "".join(part.text for part in message.content) if message else "resumed"
        yield ThreadItemDoneEvent(
            item=AssistantMessageItem(
                id=turn.store.generate_item_id("message", thread, turn.context),
                thread_id=thread.id,
                created_at=datetime.now(),
                content=[AssistantMessageContent(text=f"You said: {text}")],
            )
        )


@dataclass
class World:
    """One app with its server, store, files and assistant."""

    server: AssistantServer
    verifier: TokenVerifier
    app: Any
    store: MemoryStore[RequestContext]
    files: S3AttachmentStore[RequestContext]
    assistant: Any
    pool: UserPool
    s3: Any
    metrics: list[TurnMetrics]

    def client(self, user: str | None = "ana", **headers: str) -> httpx.AsyncClient:
        """Return an HTTP client with the token of `user`, or without a token."""
        token = {"x-auth-token": self.pool.token(user)} if user else {}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://test", headers={**token, **headers})

    async def post(self, request: object, user: str | None = "ana", **headers: str) -> httpx.Response:
        """Send a request; like Lambda's runtime, wait for the tasks that it started."""
        async with self.client(user, **headers) as client:
            response = await client.post("/chatkit", json=request)
        while tasks := self.server.limits._background:  # pyright: ignore[reportPrivateUsage]
            await asyncio.wait(tasks)
        return response


TURN_ID = "turn-0000001"


class HaltedTurn:
    """A turn that waits in the middle of its answer: the assistant is `Halting`."""

    def __init__(self, world: World, exchange: Exchange, thread_id: str) -> None:
        self.world, self.exchange, self.thread_id = world, exchange, thread_id

    @classmethod
    async def begin(cls, world: World) -> Self:
        world.server.load()  # on a busy machine, the first turn of a process would exceed the reader's limit
        headers = {"x-auth-token": world.pool.token("ana"), "x-turn-id": TURN_ID}
        exchange = Exchange(world.app, create_thread("one"), headers)
        created = await exchange.event("thread.created")
        assert created is not None
        await world.assistant.reached.wait()
        return cls(world, exchange, created["thread"]["id"])

    async def end(self) -> list[Any]:
        """Let the assistant go on, and return the events of the rest."""
        self.world.assistant.go_on.set()
        return await self.exchange.rest()


@pytest.fixture(scope="session")
def pool() -> Iterator[UserPool]:
    with UserPool() as pool:
        yield pool


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "s3", config=s3_config(), region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="s"
        )
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client
        client.close()


@pytest.fixture(scope="session")
def verifier(pool: UserPool) -> TokenVerifier:
    return TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)


@pytest.fixture
def world(pool: UserPool, verifier: TokenVerifier, s3: Any) -> World:
    return make_world(pool, verifier, s3, Echo())


@pytest.fixture
def world_of(pool: UserPool, verifier: TokenVerifier, s3: Any) -> Callable[..., World]:
    """Return a function that creates a World with another assistant, other limits and other durations."""
    return lambda assistant, **options: make_world(pool, verifier, s3, assistant, **options)


QUICK = Timing(keep_alive=15, cancel_poll=0.01, reserve=10, title_wait=3)


def make_world(
    pool: UserPool,
    verifier: TokenVerifier,
    s3: Any,
    assistant: Any,
    limits: LimitSettings | None = None,
    timing: Timing = QUICK,
    hosted: HostedMode | None = None,
) -> World:
    files = S3AttachmentStore[RequestContext](bucket=BUCKET, client=s3, user_of=lambda context: context.user_id)
    store = MemoryStore[RequestContext](after_read=files.sign_urls, before_write=files.strip_urls)
    store.rates.clock = store.access.clock = Clock()  # a test never crosses the end of a minute or a day
    metrics: list[TurnMetrics] = []
    server = AssistantServer(
        cast("DynamoStore[RequestContext]", store),
        files,
        assistant,
        limits=limits,
        timing=timing,
        on_turn=metrics.append,
    )
    app = create_app(server, verifier, hosted=hosted)
    return World(server, verifier, app, store, files, assistant, pool, s3, metrics)
