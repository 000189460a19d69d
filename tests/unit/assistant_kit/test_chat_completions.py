"""Chat Completions input: any thread becomes a sequence of messages that strict endpoints accept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from agents.models.chatcmpl_converter import Converter
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    FileAttachment,
    HiddenContextItem,
    InferenceOptions,
    ThreadItem,
    UserMessageItem,
    UserMessageTextContent,
)
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseInputContentParam

from assistant_kit.chat_completions import CONTINUE, EARLIER, NO_ANSWER, NO_RESULT, Accepts, chat_messages, strict_input
from assistant_kit.item_converter import ItemConverter
from store_dynamo.testing.models import every_item
from tests.fakes.turn import Conversation

FACTS: dict[str, Any] = {"id": "i", "thread_id": "thread-1", "created_at": datetime(2026, 5, 20)}
FILE = FileAttachment(id="f", name="bill.pdf", mime_type="application/pdf")


def user(text: str, *files: FileAttachment) -> ThreadItem:
    content = [UserMessageTextContent(text=text)]
    return UserMessageItem(**FACTS, content=[*content], attachments=[*files], inference_options=InferenceOptions())


def assistant(*texts: str) -> ThreadItem:
    return AssistantMessageItem(**FACTS, content=[AssistantMessageContent(text=text) for text in texts])


def hidden(text: str) -> ThreadItem:
    return HiddenContextItem(**FACTS, content=text)


def called(call_id: str, output: Any = None, status: Any = "completed") -> ThreadItem:
    return ClientToolCallItem(**FACTS, call_id=call_id, name="open_page", arguments={}, output=output, status=status)


TEXTS = st.sampled_from(["", " ", "\n", "hello", "[note]", "ü"])
ITEMS = st.one_of(
    st.builds(user, TEXTS),
    st.builds(lambda text: user(text, FILE), TEXTS),
    st.builds(assistant, TEXTS, TEXTS),
    st.builds(assistant),
    st.builds(hidden, TEXTS),
    st.builds(
        called,
        st.sampled_from(["", "call_1", "call_2", "call_1_1"]),
        st.sampled_from([None, "", {}, "done"]),
        st.sampled_from(["completed", "pending"]),
    ),
    st.sampled_from(every_item()),
)
ACCEPTS = st.builds(Accepts, images=st.booleans(), files=st.booleans(), tools=st.booleans())


def messages_of(given_input: list[Any], **options: Any) -> list[Any]:
    return [*chat_messages(given_input, **options)]


async def model_input(items: list[ThreadItem]) -> list[Any]:
    return await ItemConverter(replace(Conversation().turn(), attachment_content=pdf), items).to_agent_input(items)


async def pdf(attachment: Any) -> ResponseInputContentParam:
    return {"type": "input_file", "filename": attachment.name, "file_data": "data:application/pdf;base64,JVBERi0="}


def check_strict(messages: list[Any]) -> None:
    """Assert the rules of the strictest endpoints."""
    assert messages
    assert messages[0]["role"] == "user"
    assert messages[-1]["role"] in ("user", "tool")
    ids: list[str] = []
    for before, message in zip([{"role": "tool"}, *messages], messages, strict=False):
        calls = [call["id"] for call in message.get("tool_calls") or ()]
        match message["role"]:
            case "user":
                assert before is messages[0] or before["role"] == "assistant" or message is messages[0]
                assert not before.get("tool_calls")
            case "assistant":
                assert before["role"] in ("user", "tool")
                assert calls or message["content"].strip()
            case role:
                assert role == "tool"
                assert message["content"].strip()
        content = message["content"] or []
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        assert all(part["type"] != "text" or part["text"].strip() for part in parts)
        assert message["role"] != "user" or parts
        ids += calls
    assert len(set(ids)) == len(ids)
    assert all(ids)
    check_pairs(messages)


def check_pairs(messages: list[Any]) -> None:
    """Assert that the results follow their calls, each once."""
    left: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            left.remove(message["tool_call_id"])
        else:
            assert left == []
        left += [call["id"] for call in message.get("tool_calls") or ()]
    assert left == []


@pytest.mark.promise("B5")
@pytest.mark.feature("strict-chat-completions")
@given(st.lists(ITEMS, max_size=12), ACCEPTS)
async def test_any_thread_is_a_strict_sequence(items: list[ThreadItem], accepts: Accepts) -> None:
    check_strict(chat_messages(await model_input(items), accepts=accepts))


@pytest.mark.promise("B5")
async def test_call_ids_that_repeat_in_each_turn_become_unique() -> None:
    items = [user("a"), called("call_1", "x"), assistant("b"), user("c"), called("call_1", "y")]

    messages = messages_of(await model_input(items))

    check_strict(messages)
    results = [message["content"] for message in messages if message["role"] == "tool"]
    assert ["x" in result for result in results] == [True, False]
    assert ["y" in result for result in results] == [False, True]


@given(st.lists(ITEMS, max_size=12), ACCEPTS)
async def test_the_agents_sdk_sends_the_same_sequence(items: list[ThreadItem], accepts: Accepts) -> None:
    """`OpenAIChatCompletionsModel` converts the input with this class."""
    given_input = await model_input(items)

    sent = Converter.items_to_messages(strict_input(given_input, accepts))

    check_strict(list(sent))
    assert [each["role"] for each in sent] == [each["role"] for each in chat_messages(given_input, accepts=accepts)]


@given(st.lists(ITEMS, max_size=12))
async def test_no_words_are_lost(items: list[ThreadItem]) -> None:
    given_input = await model_input(items)

    sent = json.dumps(chat_messages(given_input))

    for item in given_input:
        for part in [] if isinstance(item.get("content"), str) else item.get("content") or []:
            assert not part.get("text", "").strip() or json.dumps(part["text"])[1:-1] in sent


@given(
    st.lists(
        st.one_of(
            st.builds(
                lambda call_id: {"type": "function_call", "call_id": call_id, "name": "n", "arguments": ""},
                st.sampled_from("abc"),
            ),
            st.builds(
                lambda call_id: {"type": "function_call_output", "call_id": call_id, "output": "o"},
                st.sampled_from("abc"),
            ),
            st.sampled_from([{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]),
        )
    )
)
def test_calls_and_results_in_any_order_are_pairs(items: list[Any]) -> None:
    check_strict(chat_messages(items))


async def test_a_history_that_begins_with_the_assistant_gets_a_beginning() -> None:
    messages = messages_of(await model_input([assistant("Hi!"), user("hello")]), instructions="Be brief.")

    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": EARLIER},
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": "hello"},
    ]


async def test_a_call_without_an_answer_or_a_result_gets_both() -> None:
    messages = messages_of(await model_input([user("open"), called("call_1"), user("next")]))

    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert [message.get("content") for message in messages] == ["open", None, "null", NO_ANSWER, "next"]


def test_a_call_whose_result_is_missing_gets_a_note() -> None:
    call: Any = {"type": "function_call", "call_id": "a", "name": "n", "arguments": "{}"}

    assert messages_of([{"role": "user", "content": "x"}, call])[-1].get("content") == NO_RESULT


async def test_an_answer_at_the_end_is_followed_by_a_request() -> None:
    assert messages_of(await model_input([user("a"), assistant("b")]))[-1] == {"role": "user", "content": CONTINUE}


async def test_a_file_is_sent_or_named() -> None:
    given_input = await model_input([user("", FILE)])

    (named,) = messages_of(given_input)
    (sent,) = messages_of(given_input, accepts=Accepts(files=True))

    assert "bill.pdf" in str(named["content"])
    assert sent["content"] == [
        {"type": "file", "file": {"filename": "bill.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
    ]


async def test_an_image_is_sent_or_named() -> None:
    items: Any = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x", "detail": "low"}]}]

    (sent,) = messages_of(items)
    (named,) = messages_of(items, accepts=Accepts(images=False))

    assert sent["content"] == [{"type": "image_url", "image_url": {"url": "data:x", "detail": "low"}}]
    assert "cannot see" in str(named["content"])


async def test_parallel_calls_are_one_message() -> None:
    given_input = await model_input([user("open"), called("call_1", "a"), called("call_1", "b")])

    _, calls, *results = messages_of(given_input)

    assert len(calls["tool_calls"]) == 2
    assert [result["content"] for result in results] == ['"a"', '"b"']
