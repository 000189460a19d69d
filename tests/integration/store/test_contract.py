"""The contract on servers: MiniStack, as an IAM user with the store's policy, and AWS's own DynamoDB Local."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.store import StoreContract
from tests.fakes.dynamo_backend import DynamoBackend


@pytest.mark.xdist_group("ministack-store")
class TestMiniStack(StoreContract):
    @pytest.fixture
    def make_store(self, ministack_backend: DynamoBackend) -> Callable[..., Any]:
        return ministack_backend.store


@pytest.mark.xdist_group("dynamodb-local")
class TestDynamoDBLocal(StoreContract):
    @pytest.fixture
    def make_store(self, dynamodb_local_backend: DynamoBackend) -> Callable[..., Any]:
        return dynamodb_local_backend.store
