"""The local model refuses what OpenAI refuses, wherever in the input it is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from tools.local.files import PDF, PNG
from tools.local.openai.chat_validation import strict_messages_fault, validate_chat
from tools.local.openai.simulations import Failure
from tools.local.openai.validation import validate

HELLO = {"role": "user", "content": "hello"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "1"}


def data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def image(data: bytes, mime_type: str = "image/png") -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "input_image", "image_url": data_url(mime_type, data)}]}


def document(name: str, data: bytes, mime_type: str = "application/pdf") -> dict[str, Any]:
    part = {"type": "input_file", "filename": name, "file_data": data_url(mime_type, data)}
    return {"role": "user", "content": [part]}


def fault(items: Any, **body: Any) -> Failure | None:
    checked = validate({"model": "gpt-6.1-terra", "input": items, **body})
    return checked if isinstance(checked, Failure) else None


@pytest.mark.parametrize(
    "item",
    [
        image(PNG[:-20]),
        image(PNG, "image/bmp"),
        image(b"not an image"),
        document("scan.pdf", PDF[:-30]),
        document("scan", PDF),
        document("scan.pdf", PDF, "image/png"),
        document(
            "a.docx", b"PK\x03\x04 cut", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        ),
        document("a.exe", b"MZ", "application/x-msdownload"),
        {"role": "user", "content": "please simulate rejected"},
        {"role": "robot", "content": "x"},
        {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]},
        {"role": "user", "content": [{"type": "output_text", "text": "x"}]},
        {"role": "user", "content": "x", "id": "item_1"},
        {"role": "user", "content": "x", "id": "msg_" + "1" * 80},
        CALL,
        OUTPUT,
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"content": "x"},
        {"role": "user"},
    ],
)
@pytest.mark.parametrize("place", ["oldest", "newest"])
def test_a_bad_item_is_refused_wherever_it_is(item: Mapping[str, Any], place: str) -> None:
    assert fault([item, HELLO] if place == "oldest" else [HELLO, item], store=False)


@pytest.mark.parametrize(
    "items",
    [
        "hello",
        [HELLO],
        [image(PNG), document("scan.pdf", PDF), HELLO],
        [HELLO, CALL, OUTPUT],
        [{"role": "user", "content": [{"type": "input_file", "file_url": "https://example.com/a.pdf"}]}],
        [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}, CALL, OUTPUT],
    ],
)
def test_a_good_input_is_accepted(items: Any) -> None:
    assert fault(items, store=False) is None


@pytest.mark.parametrize(
    "body",
    [
        {"unknown": 1},
        {"input": []},
        {"include": ["thoughts"]},
        {"reasoning": {"effort": "extreme"}},
        {"stream": "yes"},
        {"tools": [{"type": "function", "name": "a b", "parameters": {"type": "object"}}]},
        {"tools": [{"type": "function", "name": "a", "parameters": {"type": "string"}}]},
        {"tools": [{"type": "function", "name": "a", "strict": True, "parameters": {"type": "object"}}]},
        {"tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "a"}]},
        {"tool_choice": {"type": "function", "name": "a"}},
    ],
)
def test_a_bad_option_is_refused(body: dict[str, Any]) -> None:
    assert isinstance(validate({"model": "gpt-6.1-terra", "input": "hello", **body}), Failure)


@pytest.mark.parametrize(
    ("model", "refused"),
    [("gpt-4.1", True), ("llama3.3:70b", True), ("o4-mini", False), ("openai/gpt-6-luna", False)],
)
def test_only_models_that_think_give_encrypted_thoughts(model: str, refused: bool) -> None:
    body = {"model": model, "input": "hello", "include": ["reasoning.encrypted_content"]}
    assert isinstance(validate(body), Failure) is refused


TOOL_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "tool", "tool_call_id": "c1", "content": "1"}],
        [ASKED],
        [ASKED, HELLO],
        [{"role": "assistant", "content": None}],
        [{"role": "user", "content": [{"type": "input_text", "text": "x"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": data_url("image/png", PNG[:-20])}}]}],
    ],
)
def test_a_bad_chat_is_refused(messages: Any) -> None:
    assert isinstance(validate_chat({"model": "gpt-6-luna", "messages": messages}), Failure)


def test_newest_models_call_tools_through_the_responses_api_only() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert isinstance(validate_chat({"model": "gpt-6.1-sol", "messages": [HELLO], "tools": tools}), Failure)
    assert isinstance(validate_chat({"model": "gpt-6-luna", "messages": [HELLO], "tools": tools}), dict)


ANSWER = {"role": "assistant", "content": "yes"}


@pytest.mark.parametrize(
    ("messages", "accepted"),
    [
        ([HELLO, ANSWER, HELLO], True),
        ([{"role": "system", "content": "Be brief."}, HELLO], True),
        ([HELLO, ASKED, {"role": "tool", "tool_call_id": "c1", "content": "1"}, ANSWER, HELLO], True),
        ([ANSWER, HELLO], False),
        ([HELLO, HELLO], False),
        ([{"role": "user", "content": ""}], False),
        ([HELLO, {"role": "system", "content": "Be brief."}], False),
    ],
)
def test_strict_endpoints_want_alternating_roles(messages: Any, accepted: bool) -> None:
    assert (strict_messages_fault(messages) is None) is accepted
