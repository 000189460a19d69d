"""The examples for other endpoints, each against a stand-in as strict as the service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import openai
import pytest
from chatkit.actions import Action
from chatkit.errors import CustomStreamError
from chatkit.types import FileAttachment, WidgetItem

from chat_api.assistant import AssistantSettings, accepts_attachments
from chat_api.factory import load_factory
from examples.plain_openai import ENDINGS
from tests.fakes.bedrock import Bedrock
from tests.fakes.turn import Conversation
from tools.local.openai.server import API_KEY, ModelServer


async def key() -> str:
    return API_KEY


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_seconds=0.001) as server:
        server.strict_chat = True
        yield server


def settings(url: str | None, name: str = "llama3.3:70b") -> AssistantSettings:
    return AssistantSettings(name, url, key)


async def ask(assistant: Any, talk: Conversation, text: str, turn: Any = None, files: Any = ()) -> list[Any]:
    """Send a message and store the completed items as ChatKit does."""
    message = await talk.say(text, files)
    events = [event async for event in assistant.respond(talk.thread, message, turn or talk.turn())]
    for event in events:
        if event.type == "thread.item.done":
            await talk.add(event.item)
    return events


def text_of(events: list[Any]) -> str:
    return "".join(
        part.text
        for event in events
        if event.type == "thread.item.done" and event.item.type == "assistant_message"
        for part in event.item.content
    )


class TestChatCompletions:
    """Ollama, vLLM and other endpoints of `examples.plain_openai`."""

    @pytest.fixture
    async def plain(self, model: ModelServer) -> AsyncIterator[Any]:
        assistant: Any = load_factory("examples.plain_openai:build")(settings(model.url))
        yield assistant
        await assistant.close()

    @pytest.mark.feature("endpoints")
    async def test_a_long_conversation_stays_acceptable_for_a_strict_endpoint(self, plain: Any) -> None:
        talk = Conversation()
        await talk.answer("a greeting that begins the thread")
        for number in range(14):
            assert text_of(await ask(plain, talk, f"message {number}"))
        await talk.say("a message whose turn was stopped")
        assert text_of(await ask(plain, talk, "and another one"))

    async def test_tokens_are_reported(self, plain: Any) -> None:
        talk = Conversation()
        turn = talk.turn()
        await ask(plain, talk, "hello", turn)
        assert turn.input_tokens > 0
        assert turn.output_tokens > 0

    @pytest.mark.parametrize(
        ("text", "reason"), [("simulate incomplete", "length"), ("simulate filtered", "content_filter")]
    )
    async def test_an_answer_that_was_cut_says_so(self, plain: Any, text: str, reason: str) -> None:
        assert text_of(await ask(plain, Conversation(), text)).endswith(ENDINGS[reason])

    async def test_a_file_is_not_ignored(self, plain: Any, model: ModelServer) -> None:
        file = FileAttachment(id="f1", name="bill.txt", mime_type="text/plain")
        await ask(plain, Conversation(), "Look at this", files=[file])
        assert "content of bill.txt" in json.dumps(model.requests[-1].body["messages"])

    @pytest.mark.parametrize("text", ["simulate error 400", "simulate error 429", "simulate error 500", "simulate cut"])
    async def test_a_failure_is_explained(self, plain: Any, text: str) -> None:
        with pytest.raises(CustomStreamError):
            await ask(plain, Conversation(), text)


@pytest.mark.promise("B6")
@pytest.mark.feature("rejected-content")
@pytest.mark.parametrize("name", ["plain_openai", "agents_sdk", "recipes.tool"])
async def test_a_rejected_message_fails_once_and_is_left_out(model: ModelServer, name: str) -> None:
    assistant: Any = load_factory(f"examples.{name}:build")(settings(model.url))
    talk = Conversation()

    with pytest.raises(CustomStreamError):
        await ask(assistant, talk, "simulate rejected")

    assert text_of(await ask(assistant, talk, "hello"))
    await assistant.close()


CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(**choice: Any) -> dict[str, Any]:
    return {**CHUNK, "choices": [{"index": 0, "finish_reason": None, **choice}]}


AZURE = [
    {**CHUNK, "choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]},
    chunk(delta={"role": "assistant", "content": ""}, content_filter_results={}),
    chunk(delta={"content": "Hello "}),
    chunk(delta={"content": None}),
    chunk(delta={"content": "Ana"}),
    chunk(delta={}, finish_reason="stop"),
    chunk(content_filter_results={}, content_filter_offsets={"check_offset": 0}),  # the asynchronous filter: no delta
    {**CHUNK, "choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}},
]


class TestAzure:
    """The chunks are those of public reports (openai-python 1677 and 2313)."""

    def assistant(self, answer: httpx2.Response) -> Any:
        made: Any = load_factory("examples.azure_openai:build")(settings("https://x.openai.azure.com/openai/v1/"))
        self.urls, self.bodies = list[str](), list[str]()

        def respond(request: httpx2.Request) -> httpx2.Response:
            self.urls.append(str(request.url))
            self.bodies.append(request.content.decode())
            return answer

        made._client = openai.AsyncOpenAI(
            api_key=API_KEY,
            base_url="https://x.openai.azure.com/openai/v1/",
            http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(respond)),
        )
        return made

    async def test_the_filters_chunks_do_not_fail_the_turn(self) -> None:
        body = "".join(f"data: {json.dumps(each)}\n\n" for each in AZURE) + "data: [DONE]\n\n"
        azure = self.assistant(httpx2.Response(200, text=body, headers={"content-type": "text/event-stream"}))
        talk = Conversation()
        turn = talk.turn()
        assert text_of(await ask(azure, talk, "hello", turn)) == "Hello Ana"
        assert (turn.input_tokens, turn.output_tokens) == (11, 2)
        assert self.urls == ["https://x.openai.azure.com/openai/v1/chat/completions"]
        await azure.close()

    async def test_a_filtered_prompt_is_left_out_from_then_on(self) -> None:
        error = {"code": "content_filter", "message": "filtered", "param": "prompt", "status": 400}
        azure = self.assistant(httpx2.Response(400, json={"error": error}))
        talk = Conversation()
        for text in ("something forbidden", "something else"):
            with pytest.raises(CustomStreamError, match="left out from now on"):
                await ask(azure, talk, text)
        assert "something forbidden" in self.bodies[0]
        assert "something forbidden" not in self.bodies[-1]
        await azure.close()

    def test_without_an_address_it_does_not_start(self) -> None:
        with pytest.raises(ValueError, match=r"OPENAI_BASE_URL=https://<resource>\.openai\.azure\.com"):
            load_factory("examples.azure_openai:build")(settings(None))


class TestBedrock:
    @pytest.fixture
    def bedrock(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        assistant: Any = load_factory("examples.bedrock:build")(
            settings(None, "eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
        )
        assistant._bedrock = Bedrock()
        return assistant

    @pytest.mark.feature("endpoints")
    async def test_words_are_streamed_and_tokens_reported(self, bedrock: Any) -> None:
        talk = Conversation()
        turn = talk.turn()
        events = await ask(bedrock, talk, "hello Ana", turn)
        assert text_of(events) == "You said: hello Ana "
        assert len([event for event in events if event.type == "thread.item.updated"]) == 4
        assert (turn.input_tokens, turn.output_tokens) == (11, 7)

    async def test_any_history_is_acceptable(self, bedrock: Any) -> None:
        talk = Conversation()
        await talk.answer("a greeting that begins the thread")
        await talk.say("a message whose turn was stopped")
        for number in range(12):
            assert text_of(await ask(bedrock, talk, f"message {number}"))
        await talk.answer("  ")
        assert text_of(await ask(bedrock, talk, "after a blank answer"))

    @pytest.mark.parametrize("ending", ["max_tokens", "content_filtered", "guardrail_intervened"])
    async def test_an_answer_that_was_cut_says_so(self, bedrock: Any, ending: str) -> None:
        bedrock._bedrock.ending = ending
        assert text_of(await ask(bedrock, Conversation(), "hello")).endswith("]")

    @pytest.mark.parametrize(("code", "retry"), [("ThrottlingException", True), ("AccessDeniedException", False)])
    async def test_a_failure_is_explained(self, bedrock: Any, code: str, retry: bool) -> None:
        bedrock._bedrock.error = code
        with pytest.raises(CustomStreamError) as caught:
            await ask(bedrock, Conversation(), "hello")
        assert caught.value.allow_retry is retry

    async def test_a_stop_closes_the_stream(self, bedrock: Any) -> None:
        talk = Conversation()
        turn = talk.turn()
        events = bedrock.respond(talk.thread, await talk.say("one " * 200), turn)
        async for event in events:
            if event.type == "thread.item.updated":
                break
        turn.stop()
        assert bedrock._bedrock.streams[0].closed.is_set()
        await asyncio.wait_for(events.aclose(), 5)

    def test_it_takes_no_files(self, bedrock: Any) -> None:
        assert not accepts_attachments(bedrock)


class TestAgentsSDK:
    @pytest.fixture
    async def shop(self, model: ModelServer) -> AsyncIterator[Any]:
        assistant: Any = load_factory("examples.agents_sdk:build")(settings(model.url, "gpt-6.1-terra"))
        yield assistant
        await assistant.close()

    async def test_a_tool_shows_a_card_and_answers(self, shop: Any) -> None:
        events = await ask(shop, Conversation(), "think: look up order 17")
        cards = [event.item for event in events if event.type == "thread.item.done" and event.item.type == "widget"]
        assert "two kilos of coffee" in cards[0].widget.model_dump_json()
        assert "two kilos of coffee" in text_of(events)

    async def test_the_cards_button_is_answered(self, shop: Any) -> None:
        talk = Conversation()
        (card,) = [item for item in await self.items(shop, talk) if isinstance(item, WidgetItem)]
        button: Any = card.widget.model_dump()["children"][1]
        action: Any = Action(**button["onClickAction"])
        events = [event async for event in shop.action(talk.thread, action, card, talk.turn())]
        assert text_of(events) == "Order 17 is cancelled."

    @pytest.mark.parametrize("payload", [None, {}, {"number": 99}, {"number": [17]}, "17"])
    async def test_a_forged_action_is_refused(self, shop: Any, payload: Any) -> None:
        talk = Conversation()
        action: Any = Action(type="order.cancel", payload=payload)
        with pytest.raises(CustomStreamError):
            _ = [event async for event in shop.action(talk.thread, action, None, talk.turn())]

    async def test_the_pages_tool_is_called(self, shop: Any) -> None:
        events = await ask(shop, Conversation(), 'call open_page {"page": "orders"}')
        calls = [
            event.item for event in events if getattr(getattr(event, "item", None), "type", "") == "client_tool_call"
        ]
        assert [(call.name, call.arguments) for call in calls] == [("open_page", {"page": "orders"})]

    async def items(self, shop: Any, talk: Conversation) -> list[Any]:
        await ask(shop, talk, "look up order 17")
        return await talk.items()
