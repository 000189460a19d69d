"""The local stack with app/: from a fork, `make new`, an assistant of the adopter's own, and it answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.app.conftest import SHOP_AGENT, Fork
from tools.app.folder import App, AppError
from tools.client.chatkit import ChatKitClient, create_thread
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.own_records import put_records
from tools.local.stack import Stack, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

APP_TOML = """
[settings]
OPENAI_MODEL = "gpt-shop"
[environment]
SHOP_URL = { dev = "https://test.example", prod = "https://shop.example" }
SHOP_CITY = "Graz"
[secrets]
SHOP_KEY = "key of the shop's API"
SHOP_PIN = "the default value"
"""
RIGHTS = [{"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}]
CURIOUS = Path(__file__).with_name("curious.txt")
"""An assistant that answers with its settings."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(make_fork: Fork, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Path, Stack]]:
    fork = make_fork("dev")
    (fork / "app" / "app.toml").write_text(APP_TOML)
    (fork / "app" / "iam.json").write_text(json.dumps(RIGHTS))
    (fork / "app" / "assistant.py").write_text(SHOP_AGENT.read_text())
    app = App.read(fork)
    with pytest.MonkeyPatch.context() as shell:
        shell.setenv("SHOP_CITY", "Linz")
        shell.setenv("SHOP_KEY", "k-17")
        log = tmp_path_factory.mktemp("stack") / "function.log"
        async with running_stack(lambda _: None, log=log, app=app) as stack:
            create_user(stack.aws, "ana@example.com", PASSWORD)
            yield fork, stack


async def ask(stack: Stack, text: str) -> list[dict[str, Any]]:
    """Send a message in a new conversation and return the events."""
    token = sign_in(stack.aws, "ana@example.com", PASSWORD).access_token
    async with ChatKitClient(stack.url, token) as client:
        return [received.event async for received in client.stream(create_thread(text))]


def done(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    items = [event["item"] for event in events if event["type"] == "thread.item.done"]
    return [item for item in items if item["type"] == kind]


@pytest.mark.promise("B4")
@pytest.mark.feature("new-app")
class TestShop:
    async def test_answers_and_its_tool_is_called(self, shop: tuple[Path, Stack]) -> None:
        _, stack = shop

        events = await ask(stack, "call balances {}")

        assert [event for event in events if event["type"] == "error"] == []
        (widget,) = done(events, "widget")
        assert "Offer: shoes for 9 EUR" in json.dumps(widget)
        assert done(events, "assistant_message")
        assert "Spendo" not in json.dumps(events)

    async def test_settings_variables_secrets_and_rights_reach_it(self, shop: tuple[Path, Stack]) -> None:
        fork, stack = shop
        (fork / "app" / "assistant.py").write_text(CURIOUS.read_text())
        await stack.new_process()

        (answer,) = done(await ask(stack, "Hello"), "assistant_message")

        model, url, city, key, missing, listed = answer["content"][0]["text"].split(" | ")
        assert (model, url, city, key, listed) == ("gpt-shop", "https://test.example", "Linz", "k-17", "True")
        assert "SHOP_PIN" in missing


async def test_local_records_are_there_once(shop: tuple[Path, Stack]) -> None:
    fork, stack = shop
    app = App.read(fork)
    (fork / "app" / "local.json").write_text('[{"record": "order#17", "total": 9.5, "lines": ["shoes"]}]')

    first, second = (put_records(stack.aws, app, "ana@example.com") for _ in range(2))

    with closing(stack.server.client("dynamodb")) as dynamodb:
        (item,) = dynamodb.scan(TableName=stack.aws.chat_environment["ASSISTANT_TABLE"])["Items"]
    assert (first, second) == (1, 0)
    assert item.pop("user")["S"]
    assert item == {"record": {"S": "order#17"}, "total": {"N": "9.5"}, "lines": {"L": [{"S": "shoes"}]}}


@pytest.mark.parametrize("text", ["{}", "[3]", '[{"total": 1}]', "["])
async def test_local_records_that_are_wrong_are_named(shop: tuple[Path, Stack], text: str) -> None:
    fork, stack = shop
    (fork / "app" / "local.json").write_text(text)

    with pytest.raises(AppError, match=r"app/local\.json"):
        put_records(stack.aws, App.read(fork), "ana@example.com")
