"""Clients are created on first use."""

from __future__ import annotations

import botocore.client
import pytest
from botocore.config import Config

from function_setup import ClientSession, LazyClient


class Client:
    """A stand-in for botocore's clients; counts its calls."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_client_is_created_once_and_only_when_needed() -> None:
    created: list[Client] = []

    def create() -> Client:
        created.append(Client())
        return created[-1]

    client = LazyClient(create)
    assert client.created is None
    client.close()
    client.close()

    assert [each.closed for each in created] == [2]


def test_a_session_creates_botocores_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")

    client = ClientSession().client("dynamodb", Config(read_timeout=7))

    assert client.created is None
    assert client.meta.config.read_timeout == 7
    assert isinstance(client.created, botocore.client.BaseClient)
