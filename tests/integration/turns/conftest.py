"""Turns on a DynamoDB table (moto), without HTTP."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from attachments_s3 import S3AttachmentStore
from chat_api.server import AssistantServer
from chat_api.turn import Timing
from store_dynamo import CLIENT_CONFIG, DynamoStore
from store_dynamo.turns import Turns
from tests.fakes.dynamo_backend import BUCKET, DynamoBackend, create_bucket, create_table


@pytest.fixture(scope="module")
def clients() -> Iterator[tuple[Any, Any]]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1", config=CLIENT_CONFIG)
        s3 = boto3.client("s3", region_name="eu-west-1", config=CLIENT_CONFIG)
        create_bucket(s3)
        yield client, s3
        client.close()
        s3.close()


@pytest.fixture
async def backend(clients: tuple[Any, Any]) -> AsyncIterator[DynamoBackend]:
    """Yield a new table; all requests come from one thread, because moto is not thread-safe."""
    client, s3 = clients
    table = f"chat-{uuid.uuid4()}"
    create_table(client, table, stream=False)
    with ThreadPoolExecutor(1) as pool:
        backend = DynamoBackend(client, s3, table, pool)
        yield backend
    backend.log.close()


@dataclass
class Service:
    """One server with its table."""

    server: AssistantServer
    store: DynamoStore[Any]
    turns: Turns[Any]
    backend: DynamoBackend


QUICK = Timing(cancel_poll=0.01)


def service_of(backend: DynamoBackend, assistant: Any, timing: Timing = QUICK) -> Service:
    store = backend.store()
    files: S3AttachmentStore[Any] = S3AttachmentStore(
        bucket=BUCKET, client=backend.s3, user_of=backend.log.user_of, threads=backend.quick.threads
    )
    return Service(AssistantServer(store, files, assistant, timing=timing), store, store.turns, backend)
