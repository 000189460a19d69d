from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from store_dynamo import CLIENT_CONFIG
from tests.fakes.dynamo_backend import BUCKET, DynamoBackend, create_bucket, create_table
from tools.local.dynamodb_local import DynamoDBLocal
from tools.local.ministack import MiniStack

# The actions that the docstring of DynamoStore names, and no others.
STORE_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                f"dynamodb:{action}"
                for action in (
                    "BatchGetItem",
                    "ConditionCheckItem",
                    "DeleteItem",
                    "GetItem",
                    "PutItem",
                    "Query",
                    "UpdateItem",
                )
            ],
            "Resource": ["arn:aws:dynamodb:*:*:table/chat*"],
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:aws:s3:::{BUCKET}/overflow/*",
        },
    ],
}


@pytest.fixture(scope="session")
def ministack() -> Iterator[MiniStack]:
    with MiniStack.start() as stack:
        root = stack.client("s3")
        create_bucket(root)
        root.close()
        yield stack


@pytest.fixture(scope="session")
def store_clients(ministack: MiniStack) -> Iterator[tuple[Any, Any]]:
    """Clients of an IAM user with the store's policy, which MiniStack enforces."""
    user = ministack.iam_user("store", STORE_POLICY)
    client, s3 = (ministack.client(service, user, CLIENT_CONFIG) for service in ("dynamodb", "s3"))
    yield client, s3
    client.close()
    s3.close()


@pytest.fixture(scope="session")
def ministack_table(ministack: MiniStack) -> str:
    root = ministack.client("dynamodb")
    table = f"chat-{uuid.uuid4()}"
    create_table(root, table)
    root.close()
    return table


@pytest.fixture
def ministack_backend(store_clients: tuple[Any, Any], ministack_table: str) -> Iterator[DynamoBackend]:
    backend = DynamoBackend(*store_clients, ministack_table)
    yield backend
    backend.log.close()
    assert backend.log.strangers() == []


@pytest.fixture(scope="session")
def dynamodb_local(dynamodb_local_server: DynamoDBLocal) -> Iterator[Any]:
    client = dynamodb_local_server.client(CLIENT_CONFIG)
    yield client
    client.close()


@pytest.fixture(scope="session")
def dynamodb_local_table(dynamodb_local_server: DynamoDBLocal) -> str:
    client = dynamodb_local_server.client()
    create_table(client, "chat")
    client.close()
    return "chat"


@pytest.fixture
def dynamodb_local_backend(
    dynamodb_local: Any, dynamodb_local_table: str, store_clients: tuple[Any, Any]
) -> Iterator[DynamoBackend]:
    """DynamoDB Local for the table, MiniStack for the bucket."""
    backend = DynamoBackend(dynamodb_local, store_clients[1], dynamodb_local_table)
    yield backend
    backend.log.close()
    assert backend.log.strangers() == []
