"""The contract on two servers: MiniStack, as an IAM user with the store's policy, and AWS's own DynamoDB Local."""

from __future__ import annotations

import pytest

from tests.contracts.dynamo_store import DynamoStoreContract
from tests.fakes.dynamo_backend import DynamoBackend


class TestMiniStack(DynamoStoreContract):
    @pytest.fixture
    def backend(self, ministack_backend: DynamoBackend) -> DynamoBackend:
        return ministack_backend


class TestDynamoDBLocal(DynamoStoreContract):
    @pytest.fixture
    def backend(self, dynamodb_local_backend: DynamoBackend) -> DynamoBackend:
        return dynamodb_local_backend
