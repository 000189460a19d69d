"""Recipes: each file behind the real HTTP app, with the local model, S3 and DynamoDB on moto."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat_api.assistant import AssistantSettings, SupportsClose
from chat_api.factory import load_factory
from chat_api.identity import TokenVerifier
from examples.recipes.approval import CANCELLED
from tests.fakes.accounts import dynamodb
from tests.integration.coach.conftest import Talk, model, pool, s3, verifier
from tests.unit.chat_api.conftest import make_world
from tools import ROOT
from tools.local.openai.server import API_KEY, ModelServer
from tools.local.sign_in.user_pool import UserPool

__all__ = ["model", "pool", "s3", "verifier"]

FOLDER = ROOT / "functions" / "chat" / "examples" / "recipes"
SHARED = {"__init__", "agent", "mcp_server"}
RECIPES = {path.stem for path in FOLDER.glob("*.py")} - SHARED
PAGE = (ROOT / "docs" / "use" / "recipes.md").read_text()
MAX_LINES = 30

Cook = Callable[[str], Any]


@pytest.fixture(scope="module")
def table() -> Iterator[tuple[str, Any]]:
    with dynamodb() as (name, client):
        yield name, client


@pytest.fixture
def cook(model: ModelServer, pool: UserPool, verifier: TokenVerifier, s3: Any, table: tuple[str, Any]) -> Cook:
    async def key() -> str:
        return API_KEY

    @asynccontextmanager
    async def cook(name: str) -> AsyncIterator[Talk]:
        settings = AssistantSettings("any-model", model.url, key, table=table[0], dynamodb=table[1])
        assistant = load_factory(f"examples.recipes.{name}:build")(settings)
        yield Talk(make_world(pool, verifier, s3, assistant), model, None)  # pyright: ignore[reportArgumentType]
        if isinstance(assistant, SupportsClose):
            await assistant.close()

    return cook


@pytest.mark.feature("recipes")
async def test_tool(cook: Cook) -> None:
    async with cook("tool") as talk:
        reply = await talk.say('call look_up_order {"number": 17}')

        assert "sent on Monday" in reply.text


async def test_widget(cook: Cook) -> None:
    async with cook("widget") as talk:
        reply = await talk.say('call show_order {"number": 17}')

        assert reply.item("widget")["widget"]["children"][0]["value"] == "Order 17"
        assert reply.item("widget")["copy_text"] == "Order 17: sent on Monday"


async def test_streamed_widget(cook: Cook) -> None:
    async with cook("streamed_widget") as talk:
        reply = await talk.say("call describe_coffee")

        assert next(each["delta"] for each in reply.updates("widget.streaming_text")) == "- Roasted in Trieste\n"
        assert reply.item("widget")["widget"]["children"][0]["value"].count("\n") == 3


class TestAction:
    async def test_replaces_the_card(self, cook: Cook) -> None:
        async with cook("action") as talk:
            card = (await talk.say('call show_order {"number": 17}')).item("widget")
            action = card["widget"]["children"][1]["onClickAction"]

            reply = await talk.stream("threads.custom_action", item_id=card["id"], action=action)

            (stored,) = [item for item in await talk.stored() if item["type"] == "widget"]
            assert "thread.item.replaced" in reply.types
            assert stored["widget"]["children"] == [{"type": "Text", "value": "Order 17: cancelled"}]

    @pytest.mark.parametrize("payload", [None, [], {"number": 99}, {"number": {}}, {"number": "17"}])
    async def test_refuses_what_no_card_offers(self, cook: Cook, payload: Any) -> None:
        async with cook("action") as talk:
            card = (await talk.say('call show_order {"number": 17}')).item("widget")
            action = {"type": "order.cancel", "payload": payload}

            reply = await talk.stream("threads.custom_action", item_id=card["id"], action=action)

            assert reply.events[-1]["message"] == "This order cannot be cancelled."


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
async def test_approval(cook: Cook) -> None:
    async with cook("approval") as talk:
        card = (await talk.say('call cancel_order {"number": 17}')).item("widget")
        assert (card["widget"]["children"][1]["value"], CANCELLED) == ("Cancel order 17?", {})
        buttons = card["widget"]["children"][-1]["children"][-1]["children"]
        action = buttons[0]["onClickAction"]

        await talk.stream("threads.custom_action", item_id=card["id"], action=action)
        reply = await talk.stream("threads.custom_action", item_id=card["id"], action=action)

        assert list(CANCELLED.values()) == [17]
        assert reply.events[-1]["message"] == "This was decided before. Nothing was done again."


async def test_form(cook: Cook) -> None:
    async with cook("form") as talk:
        form = (await talk.say("call ask_for_order")).item("structured_input")
        answers = {"size": {"values": ["large"]}, "name": {"values": ["Ada"]}}

        reply = await talk.stream(
            "threads.add_structured_input", item_id=form["id"], input={"status": "answered", "answers": answers}
        )

        assert [each["id"] for each in form["inputs"]] == ["size", "name"]
        assert "error" not in reply.types
        assert "Ada" in json.dumps(talk.model.requests[-1].body)


async def test_client_tool(cook: Cook) -> None:
    async with cook("client_tool") as talk:
        reply = await talk.say("call read_basket")

        call = next(item for item in await talk.stored() if item["type"] == "client_tool_call")
        assert (call["name"], call["status"]) == ("read_basket", "pending")
        assert reply.text == ""

        reply = await talk.stream("threads.add_client_tool_output", result={"items": ["a grinder"]})

        assert "a grinder" in reply.text


async def test_effect(cook: Cook) -> None:
    async with cook("effect") as talk:
        reply = await talk.say('call highlight {"product": "grinder"}')

        (effect,) = [event for event in reply.events if event["type"] == "client_effect"]
        assert (effect["name"], effect["data"]) == ("highlight", {"product": "grinder"})


async def test_progress(cook: Cook) -> None:
    async with cook("progress") as talk:
        reply = await talk.say("call search_stock")

        shown = [event["text"] for event in reply.events if event["type"] == "progress_update"]
        assert shown == ["Asking the shop in Trieste", "Asking the shop in Vienna"]
        assert [item["type"] for item in await talk.stored()] == ["user_message", "assistant_message"]


async def test_workflow(cook: Cook) -> None:
    async with cook("workflow") as talk:
        workflow = (await talk.say("call plan_delivery")).item("workflow")["workflow"]

        assert [task["content"] for task in workflow["tasks"]] == ["Two parcels, 3.1 kg", "By train, on Friday"]
        assert workflow["summary"]["title"] == "Planned the delivery"


async def test_sources(cook: Cook) -> None:
    async with cook("sources") as talk:
        await talk.say("How do I grind?")

        (annotation,) = (await talk.stored())[-1]["content"][0]["annotations"]
        assert annotation["source"]["url"] == "https://shop.example/brewing"


async def test_image(cook: Cook) -> None:
    async with cook("image") as talk:
        reply = await talk.say("Draw a cup")

        image = reply.item("generated_image")["image"]
        assert reply.updates("generated_image")
        assert "generated/" in image["url"] or image["url"].startswith("https://")


class TestMention:
    async def test_is_found_and_explained_by_its_id(self, cook: Cook) -> None:
        async with cook("mention") as talk, talk.world.client() as client:
            (entity,) = (await client.get("/chatkit/entities", params={"q": "vie"})).json()
            tag = {"type": "input_tag", "id": entity["id"], "text": "Trieste", "data": {"price": "1"}}

            await talk.say("", content=[{"type": "input_text", "text": "Tell me about "}, tag])

            sent = json.dumps(talk.model.requests[-1].body)
            assert "is the coffee Vienna: mild, 15 a kilo" in sent

    async def test_an_invented_one_is_none(self, cook: Cook) -> None:
        async with cook("mention") as talk:
            tag = {"type": "input_tag", "id": "coffee:99", "text": "x", "data": {}}

            await talk.say("", content=[{"type": "input_text", "text": "Tell me about "}, tag])

            assert "is not a coffee of this shop" in json.dumps(talk.model.requests[-1].body)


async def test_retrieval(cook: Cook) -> None:
    async with cook("retrieval") as talk:
        reply = await talk.say('call search_help {"question": "grams of coffee for a litre"}')

        assert "60 grams" in reply.text
        assert re.search(r"<passage-\w+ name=\\*\"brewing", json.dumps(talk.model.requests[-1].body))


async def test_mcp_local(cook: Cook) -> None:
    async with cook("mcp_local") as talk:
        reply = await talk.say('call in_stock {"coffee": "Trieste"}')

        assert "40 kilos" in reply.text


async def test_mcp_hosted(cook: Cook) -> None:
    """The local model does not connect to servers; the request names the server for OpenAI."""
    async with cook("mcp_hosted") as talk:
        reply = await talk.say("Is Trieste in stock?")

        assert "error" not in reply.types
        (tool,) = talk.model.requests[-1].body["tools"]
        assert (tool["type"], tool["server_url"]) == ("mcp", "https://stock.example/mcp")
        assert (tool["allowed_tools"], tool["require_approval"]) == (["in_stock"], "never")


async def test_handoff(cook: Cook) -> None:
    async with cook("handoff") as talk:
        reply = await talk.say("call transfer_to_billing")

        assert "error" not in reply.types
        assert reply.text
        assert "You answer questions about invoices" in talk.model.requests[-1].body["instructions"]


async def test_guardrail(cook: Cook) -> None:
    async with cook("guardrail") as talk:
        fine = await talk.say("hello")
        assert "removed" not in str(fine.types)

        reply = await talk.say("Repeat: 4111 1111 1111 1111")

        assert "thread.item.removed" in reply.types
        answers = [item for item in await talk.stored() if item["type"] == "assistant_message"]
        assert "4111" not in json.dumps(answers)
        assert answers[-1]["content"][0]["text"].startswith("I left this answer out")


class TestModeration:
    async def test_a_message(self, cook: Cook) -> None:
        async with cook("moderation") as talk:
            content = [{"type": "input_text", "text": "My card is 4111 1111 1111 1111"}]
            input_ = {"content": content, "attachments": [], "inference_options": {}}

            refused = await talk.world.post({"type": "threads.create", "params": {"input": input_}})

            assert (refused.status_code, refused.json()["message"]) == (422, "Please leave card numbers out.")

    async def test_an_ordinary_one_is_answered(self, cook: Cook) -> None:
        async with cook("moderation") as talk:
            assert (await talk.say("hello")).text


async def test_own_table(cook: Cook) -> None:
    async with cook("own_table") as ada:
        await ada.say('call remember {"note": "no sugar"}')
        bob = dataclasses.replace(ada, user="bob", thread_id=None)

        assert "no sugar" in (await ada.say("call notes")).text
        assert "no notes" in (await bob.say("call notes")).text


class TestPage:
    """docs/use/recipes.md: every file has its row and its code, and every row its file and its test."""

    def test_lists_every_file(self) -> None:
        rows = dict(re.findall(r"^\| .+? \| \[`(\w+)\.py`\]\((.+?)\)", PAGE, re.MULTILINE))

        assert set(rows) == RECIPES
        assert {(ROOT / "docs" / "use" / link).resolve() for link in rows.values()} == {
            FOLDER / f"{name}.py" for name in RECIPES
        }

    @pytest.mark.parametrize("name", sorted(RECIPES))
    def test_quotes_the_file(self, name: str) -> None:
        """White space does not count: `ruff format` formats the code in Markdown on its own."""
        code = core(name)

        assert len([line for line in code.splitlines() if line.strip()]) <= MAX_LINES
        assert "".join(f"```python{code}```".split()) in "".join(PAGE.split())

    @pytest.mark.parametrize("name", sorted(RECIPES))
    def test_has_a_test(self, name: str) -> None:
        assert f"test_{name}" in globals() or f"Test{name.title().replace('_', '')}" in globals()


def core(name: str) -> str:
    """Return a recipe's code after its imports."""
    source = (FOLDER / f"{name}.py").read_text()
    imports = [each for each in ast.parse(source).body if isinstance(each, ast.Import | ast.ImportFrom)]
    return "\n".join(source.splitlines()[imports[-1].end_lineno :]).strip()
