"""Fixtures: a MiniStack with the deployed stack, per test module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config

from tools.local.aws import LocalStack, deploy
from tools.local.ministack import MiniStack
from tools.stack.clients import Credentials

OPENAI_KEY = "sk-of-the-operator"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    with MiniStack.start(state_dir=tmp_path_factory.mktemp("aws")) as server:
        yield server


@pytest.fixture(scope="module")
def stack(aws: MiniStack) -> LocalStack:
    return deploy(aws, openai_api_key=OPENAI_KEY)


Clients = Callable[[str, Credentials], Any]


@pytest.fixture(scope="module")
def client(aws: MiniStack) -> Iterator[Clients]:
    """A factory of clients for any service and credentials, which are closed at the end."""
    made: dict[tuple[str, Credentials], Any] = {}

    def of(service: str, credentials: Credentials) -> Any:
        if (service, credentials) not in made:
            config = Config(signature_version="s3v4") if service == "s3" else None
            made[service, credentials] = aws.client(service, credentials, config)
        return made[service, credentials]

    yield of
    for each in made.values():
        each.close()
