"""MiniStack and rclone, which check signatures; one of each per test process.

On MiniStack with `AUTH=true`, the store runs as an IAM user with the function's permissions. rclone has a key and
checks no permissions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from attachments_s3 import s3_config
from tests.contracts.attachments import BUCKET, World, function_policy
from tools.local.ministack import MiniStack
from tools.local.rclone import Rclone
from tools.stack.clients import REGION, Credentials


@dataclass(frozen=True)
class Account:
    """The function's S3 client, the bucket owner's, and the key that the function signs with."""

    client: Any
    owner: Any
    key: Credentials

    def world(self, browser: httpx.Client) -> World:
        def send(method: str, url: str, headers: dict[str, str], body: bytes) -> int:
            return browser.request(method, url, headers=headers, content=body).status_code

        def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
            answer = browser.get(url)
            return answer.status_code, dict(answer.headers), answer.content

        return World(self.client, self.owner, send, fetch)


@pytest.fixture(scope="package")
def ministack() -> Iterator[MiniStack]:
    with MiniStack.start() as aws:
        yield aws


@pytest.fixture(scope="package")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    with Rclone.start(tmp_path_factory.mktemp("rclone") / "s3") as server:
        yield server


@pytest.fixture(scope="package")
def on_ministack(ministack: MiniStack) -> Iterator[Account]:
    owner = ministack.client("s3")
    owner.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    key = ministack.iam_user("chat-function", function_policy())
    client = ministack.client("s3", key, s3_config())
    yield Account(client, owner, key)
    client.close()
    owner.close()


@pytest.fixture(scope="package")
def on_rclone(rclone: Rclone) -> Iterator[Account]:
    owner, client = rclone.client(), rclone.client(s3_config())
    owner.create_bucket(Bucket=BUCKET)
    yield Account(client, owner, rclone.key)
    client.close()
    owner.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def ministack_world(on_ministack: Account, browser: httpx.Client) -> Iterator[World]:
    world = on_ministack.world(browser)
    yield world
    world.close()


@pytest.fixture
def rclone_world(rclone: Rclone, on_rclone: Account, browser: httpx.Client) -> Iterator[World]:
    rclone.forget()
    world = on_rclone.world(browser)
    yield world
    world.close()
