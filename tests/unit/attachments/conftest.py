"""A bucket on moto, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from moto import mock_aws

from attachments_s3 import s3_config
from tests.contracts.attachments import BUCKET, World

REGION = "eu-west-1"


@pytest.fixture(scope="package")
def clients() -> Iterator[tuple[Any, Any]]:
    key: Any = {"aws_access_key_id": "AK", "aws_secret_access_key": "secret", "region_name": REGION}
    with mock_aws():
        client, owner = boto3.client("s3", config=s3_config(), **key), boto3.client("s3", **key)
        owner.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client, owner
        client.close()
        owner.close()


@pytest.fixture
def world(clients: tuple[Any, Any]) -> Iterator[World]:
    made = World(*clients, _send, _fetch)
    yield made
    made.close()


def _send(method: str, url: str, headers: dict[str, str], body: bytes) -> int:
    with requests.request(method, url, headers=headers, data=body, timeout=10) as answer:
        return answer.status_code


def _fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    with requests.get(url, timeout=10) as answer:
        return answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content
