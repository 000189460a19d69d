from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

from store_dynamo import CLIENT_CONFIG
from tests.fakes.dynamo_backend import DynamoBackend, create_bucket, create_table


@pytest.fixture(scope="module")
def moto_clients() -> Iterator[tuple[Any, Any]]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1", config=CLIENT_CONFIG)
        s3 = boto3.client("s3", region_name="eu-west-1", config=CLIENT_CONFIG)
        create_bucket(s3)
        yield client, s3
        client.close()
        s3.close()


@pytest.fixture
async def moto_backend(moto_clients: tuple[Any, Any]) -> AsyncIterator[DynamoBackend]:
    """A table without a stream for each test: moto copies the whole table for each transaction.

    Requests come from one thread, because moto is not thread-safe: a failed transaction restores that copy.
    """
    client, s3 = moto_clients
    table = f"chat-{uuid.uuid4()}"
    create_table(client, table, stream=False)
    with ThreadPoolExecutor(1) as pool:
        backend = DynamoBackend(client, s3, table, pool)
        yield backend
    backend.log.close()
    assert backend.log.strangers() == []
