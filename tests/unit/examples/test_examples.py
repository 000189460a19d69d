"""The example assistants: they work, they are short, and the documentation quotes the tested files."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from chat_api.assistant import AssistantSettings, SupportsClose
from chat_api.factory import load_factory
from tests.fakes.turn import Conversation
from tools import ROOT
from tools.local.openai.server import API_KEY, ModelServer

MAX_LINES = 20


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_seconds=0.001) as server:
        yield server


@pytest.fixture
async def plain(model: ModelServer) -> AsyncIterator[Any]:
    async def key() -> str:
        return API_KEY

    assistant = load_factory("examples.plain_openai:build")(AssistantSettings("gpt-6-luna", model.url, key))
    yield assistant
    assert isinstance(assistant, SupportsClose)
    await assistant.close()


async def answer(assistant: Any, talk: Conversation, text: str) -> list[Any]:
    """Send a message and store the answer as ChatKit does."""
    message = await talk.say(text)
    events = [event async for event in assistant.respond(talk.thread, message, talk.turn())]
    await talk.add(events[-1].item)
    return events


class TestEcho:
    @pytest.mark.feature("bring-your-own")
    async def test_says_what_was_said(self) -> None:
        async def no_key() -> str:
            raise AssertionError("the key was read")

        echo = load_factory("examples.echo:build")(AssistantSettings("none", None, no_key))
        (event,) = await answer(echo, Conversation(), "Hello")
        assert event.item.content[0].text == "You said: Hello"

    def test_is_the_one_in_the_readme(self) -> None:
        source = (ROOT / "functions/chat/examples/echo.py").read_text()
        assert f"```python\n{source}```\n" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("page", "folder", "language"),
    [("assistants", "functions/chat", "python"), ("frontend", "frontend/src", "ts")],
)
def test_the_guides_quote_real_code(page: str, folder: str, language: str) -> None:
    """White space does not count: `ruff format` formats the code in Markdown on its own."""
    text = (ROOT / "docs" / "use" / f"{page}.md").read_text()
    files = ["".join(path.read_text().split()) for path in (ROOT / folder).rglob(f"*.{language.removesuffix('thon')}")]
    quotes = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)

    assert quotes
    assert [quote for quote in quotes if not any("".join(quote.split()) in file for file in files)] == []


class TestPlainOpenAI:
    @pytest.mark.feature("openai-compatible")
    @pytest.mark.feature("bring-your-own")
    async def test_streams_word_by_word_and_stores_the_whole(self, plain: Any, model: ModelServer) -> None:
        added, *updates, done = await answer(plain, Conversation(), "simulate long 30")
        assert (added.type, done.type) == ("thread.item.added", "thread.item.done")
        assert len(updates) == 30
        assert "".join(event.update.delta for event in updates) == done.item.content[0].text
        assert {event.item_id for event in updates} == {added.item.id} == {done.item.id}
        assert model.requests[-1].path == "/v1/chat/completions"

    async def test_the_conversation_is_sent_in_order(self, plain: Any, model: ModelServer) -> None:
        talk = Conversation()
        await answer(plain, talk, "hello")
        events = await answer(plain, talk, "What did I just ask?")
        assert "“hello”" in events[-1].item.content[0].text
        assert [message["role"] for message in model.requests[-1].body["messages"]][1:] == ["user", "assistant", "user"]

    async def test_the_model_is_stopped_with_the_turn(self, plain: Any, model: ModelServer) -> None:
        talk = Conversation()
        events = plain.respond(talk.thread, await talk.say("simulate slow 0.2"), talk.turn())
        async for event in events:
            if event.type == "thread.item.updated":
                break
        await events.aclose()
        assert model.requests[-1].completed_at is None

    def test_is_short(self, plain: Any) -> None:
        body = inspect.getsource(type(plain).respond).partition("ThreadStreamEvent]:\n")[2]
        assert len(body.splitlines()) <= MAX_LINES
