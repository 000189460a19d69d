"""The memory store and DynamoStore on moto against the plain model of `StoreMachine`."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

from store_dynamo import CLIENT_CONFIG
from store_dynamo.testing import StoreMachine, check
from tests.fakes.dynamo_backend import DynamoBackend, create_bucket, create_table
from tests.fakes.memory_store import MemoryStore


class MemoryMachine(StoreMachine):
    def make(self) -> Any:
        return MemoryStore()


@pytest.mark.promise("S2")
def test_the_fake_agrees_with_the_model() -> None:
    check(MemoryMachine, 60, 40)


@pytest.mark.promise("S2")
def test_the_store_agrees_with_the_model() -> None:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1", config=CLIENT_CONFIG)
        s3 = boto3.client("s3", region_name="eu-west-1", config=CLIENT_CONFIG)
        create_bucket(s3)

        class MotoMachine(StoreMachine):
            def make(self) -> Any:
                table = f"chat-{uuid.uuid4()}"
                create_table(client, table, stream=False)
                self.backend = DynamoBackend(client, s3, table, ThreadPoolExecutor(1))
                return self.backend.store()

            def teardown(self) -> None:
                super().teardown()
                self.backend.log.close()
                assert self.backend.log.strangers() == []

        check(MotoMachine, 8, 20)
        client.close()
        s3.close()
