"""Warm-up before the first request, before a snapshot, and after a restore."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chat_api.identity import TokenVerifier
from chat_api.warmup import INITIALIZATION_TYPE, NO_VALUE, AssistantSecrets, StoredSecret, Warmup
from function_setup import LazyClient
from tools.local.sign_in.user_pool import UserPool


class Client:
    """A stand-in for botocore's clients; counts its calls."""

    def __init__(self) -> None:
        self.closed = 0
        self.requests = 0

    def close(self) -> None:
        self.closed += 1

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        self.requests += 1
        return {"SecretString": f"sk-{self.requests}"}


class Process:
    """The parts of a process that `Warmup` handles."""

    def __init__(self, pool: UserPool) -> None:
        self.pool = pool
        self.verifier = TokenVerifier(pool.issuer, pool.client_id, pool.jwks_url)
        self.loads = 0
        self.client = Client()
        self.clients = [LazyClient(lambda: self.client)]
        self.key = StoredSecret("arn", self.clients[0])  # pyright: ignore[reportArgumentType]
        self.warmup = Warmup(self.load, self.verifier, self.clients, [self.key])

    def load(self) -> None:
        self.loads += 1


@pytest.fixture
def process() -> Iterator[Process]:
    with UserPool() as pool:  # a separate pool, because the tests rotate its keys
        yield Process(pool)


@pytest.mark.parametrize(("kind", "loaded"), [("on-demand", 0), ("provisioned-concurrency", 1), (None, 0)])
async def test_what_a_turn_needs_is_loaded_at_the_start_where_nobody_waits(
    process: Process, monkeypatch: pytest.MonkeyPatch, kind: str | None, loaded: int
) -> None:
    if kind:
        monkeypatch.setenv(INITIALIZATION_TYPE, kind)
    else:
        monkeypatch.delenv(INITIALIZATION_TYPE, raising=False)

    await process.warmup.start()

    assert process.loads == loaded
    assert process.clients[0].created is None


@pytest.mark.feature("when-to-load")
@pytest.mark.parametrize("kind", ["on-demand", "provisioned-concurrency"])
async def test_at_init_everything_is_loaded_before_the_first_request(
    process: Process, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv(INITIALIZATION_TYPE, kind)

    await Warmup(process.load, process.verifier, process.clients, at_init=True).start()

    assert process.loads == 1


async def test_a_snapshot_holds_everything_but_connections_and_secrets(process: Process) -> None:
    await process.warmup.start()
    first = await process.key()

    process.warmup.before_snapshot()

    assert process.loads == 1
    assert process.clients[0].created is process.client
    assert process.client.closed == 1
    assert (first, await process.key()) == ("sk-1", "sk-2")


async def test_a_restored_process_believes_no_key_of_the_pool_that_it_had(process: Process) -> None:
    await process.warmup.start()
    old = process.pool.token("ana")
    await process.verifier.verify(old)
    process.warmup.before_snapshot()
    process.pool.rotate("key-after-the-snapshot")
    fetched = process.pool.fetches

    await process.warmup.after_restore()

    assert process.pool.fetches == fetched + 1
    assert (await process.verifier.verify(process.pool.token("ana"))).user_id == "ana"
    with pytest.raises(Exception, match="does not belong to the user pool"):
        await process.verifier.verify(old)


@pytest.mark.promise("H12")
async def test_a_restored_process_keeps_the_last_good_keys_while_the_key_server_fails(process: Process) -> None:
    await process.warmup.start()
    process.warmup.before_snapshot()
    process.pool.down = True

    await process.warmup.after_restore()

    assert (await process.verifier.verify(process.pool.token("ana"))).user_id == "ana"


async def test_copies_of_a_snapshot_draw_different_random_numbers(process: Process) -> None:
    snapshot: Any = random.getstate()
    await process.warmup.after_restore()
    one = random.random()
    random.setstate(snapshot)
    await process.warmup.after_restore()

    assert random.random() != one


class Stored:
    """A stand-in for Secrets Manager with one text, or an error."""

    def __init__(self, stored: str | Exception) -> None:
        self._stored = stored

    def get_secret_value(self, SecretId: str) -> dict[str, str]:
        if isinstance(self._stored, Exception):
            raise self._stored
        return {"SecretString": self._stored}


def secrets(stored: str | Exception, **environment: str) -> AssistantSecrets:
    return AssistantSecrets(environment, StoredSecret("arn", Stored(stored)))  # pyright: ignore[reportArgumentType]


@pytest.mark.promise("B4")
class TestSecretsOfTheAssistant:
    async def test_come_from_one_json_object(self) -> None:
        assert await secrets(json.dumps({"SHOP_KEY": "k", "OTHER": "o"}))("SHOP_KEY") == "k"

    async def test_of_the_process_have_precedence(self) -> None:
        assert await secrets('{"SHOP_KEY": "stored"}', SHOP_KEY="mine")("SHOP_KEY") == "mine"
        assert await AssistantSecrets({"SHOP_KEY": "mine"}, None)("SHOP_KEY") == "mine"

    @pytest.mark.parametrize(
        "stored",
        ["{}", "k-17", '["k-17"]', '"k-17"', ClientError({"Error": {"Code": NO_VALUE}}, "GetSecretValue")],
    )
    async def test_without_a_value_the_error_names_the_remedy_and_no_value(self, stored: str | Exception) -> None:
        with pytest.raises(KeyError, match=r"SHOP_KEY is not set.*AppSecretArn.*app.md") as raised:
            await secrets(stored)("SHOP_KEY")

        assert "k-17" not in str(raised.value)

    async def test_undeclared_ones_are_named(self) -> None:
        with pytest.raises(KeyError, match=r"SHOP_KEY.*\[secrets\] of app/app.toml"):
            await AssistantSecrets({}, None)("SHOP_KEY")

    async def test_another_error_of_secrets_manager_remains(self) -> None:
        with pytest.raises(ClientError):
            await secrets(ClientError({"Error": {"Code": "AccessDenied"}}, "GetSecretValue"))("SHOP_KEY")
