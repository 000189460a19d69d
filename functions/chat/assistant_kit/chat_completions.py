"""Model input for Chat Completions endpoints, also for those that accept only a strict sequence of messages.

    model_input = await ItemConverter(turn, items).to_agent_input(items)
    messages = chat_messages(model_input, instructions="…")       # for client.chat.completions.create
    strict = strict_input(model_input)                            # for the Agents SDK's OpenAIChatCompletionsModel

Theory. OpenAI takes almost any sequence. Amazon Bedrock, Mistral and the chat templates of many open models reject a
conversation that begins with the assistant, has two messages of one role in a row, an empty message, or a tool call
without its result. Stored threads contain all of these: the budget cuts the history anywhere, an answer may be stopped,
and hidden context, cards and forms are messages of the user. Both functions therefore return messages so that

- the first message is the user's and the roles alternate, the calls and results of tools counting as the assistant's;
- the last message is the user's or the result of a tool;
- no text is blank, and no message is empty;
- each call is followed by exactly one result, and call ids are unique.

Notes in brackets fill the gaps. Hidden context has the user's role, since such endpoints allow one system message only,
at the beginning; its envelope marks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from agents import TResponseInputItem
from openai.types.chat import ChatCompletionMessageParam

Part = dict[str, Any]

EARLIER = "[The beginning of this conversation is not included.]"
NO_ANSWER = "[The assistant did not answer.]"
CONTINUE = "[Please continue.]"
NO_RESULT = "[no result]"


@dataclass(frozen=True, slots=True)
class Accepts:
    """Capabilities of an endpoint. What it does not accept is replaced by a text.

    An endpoint that gets no `tools` in a request may reject calls of an earlier request (`tools=False`).
    """

    images: bool = True
    files: bool = False
    tools: bool = True


@dataclass(slots=True)
class _Said:
    role: Literal["user", "assistant"]
    parts: list[Part]


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    arguments: str
    output: str


@dataclass(slots=True)
class _Calls:
    """Parallel calls and their results."""

    calls: list[_Call] = field(default_factory=list[_Call])


def strict_input(model_input: Iterable[TResponseInputItem], accepts: Accepts | None = None) -> list[TResponseInputItem]:
    """Return items that the Agents SDK converts to a strict sequence of messages."""
    items: list[dict[str, Any]] = []
    for number, block in enumerate(_strict(model_input, accepts or Accepts())):
        match block:
            case _Calls(calls=calls):
                items += [
                    {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
                    for call in calls
                ]
                items += [
                    {"type": "function_call_output", "call_id": call.call_id, "output": call.output} for call in calls
                ]
            case _Said(role="user", parts=parts):
                items.append({"role": "user", "content": _text(parts) or parts})
            case _Said(parts=parts):  # an output message: the SDK adds the calls that follow to it
                content: list[Any] = [{"type": "output_text", "text": _text(parts), "annotations": []}]
                message: Part = {"type": "message", "role": "assistant", "status": "completed", "content": content}
                items.append({**message, "id": f"msg_{number}"})
    return cast("list[TResponseInputItem]", items)


def chat_messages(
    model_input: Iterable[TResponseInputItem], instructions: str = "", accepts: Accepts | None = None
) -> list[ChatCompletionMessageParam]:
    """Return a strict sequence of Chat Completions messages, after the instructions as a system message."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions.strip() else []
    for block in _strict(model_input, accepts or Accepts()):
        match block:
            case _Said(role="assistant", parts=parts):
                messages.append({"role": "assistant", "content": _text(parts)})
            case _Said(parts=parts):
                messages.append({"role": "user", "content": _text(parts) or [_chat_part(part) for part in parts]})
            case _Calls(calls=calls):
                if messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": None})
                messages[-1]["tool_calls"] = [_chat_call(call) for call in calls]
                messages += [{"role": "tool", "tool_call_id": call.call_id, "content": call.output} for call in calls]
    return cast("list[ChatCompletionMessageParam]", messages)


def _chat_call(call: _Call) -> dict[str, Any]:
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _chat_part(part: Part) -> dict[str, Any]:
    match part["type"]:
        case "input_image":
            return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail", "auto")}}
        case "input_file":
            return {"type": "file", "file": {"filename": part["filename"], "file_data": part["file_data"]}}
        case _:
            return {"type": "text", "text": part["text"]}


def _text(parts: Sequence[Part]) -> str:
    """Return the parts as one text; empty if one of them is an image or a file."""
    texts = [part["text"] for part in parts if part["type"] == "input_text"]
    return "\n\n".join(texts) if len(texts) == len(parts) else ""


def _strict(model_input: Iterable[TResponseInputItem], accepts: Accepts) -> list[_Said | _Calls]:
    strict: list[_Said | _Calls] = []
    for block in _blocks(cast("list[dict[str, Any]]", list(model_input)), accepts):
        last = strict[-1] if strict else None
        match block, last:
            case _Said(role=role), _Said(role=before) if role == before:
                last.parts += block.parts
            case _Said(role="user"), _Calls():
                strict += [_Said("assistant", [_note(NO_ANSWER)]), block]
            case (_Calls(), None) | (_Said(role="assistant"), None):
                strict += [_Said("user", [_note(EARLIER)]), block]
            case _Calls(), _Calls():
                last.calls += block.calls
            case _:
                strict.append(block)
    if not strict or (isinstance(strict[-1], _Said) and strict[-1].role == "assistant"):
        strict.append(_Said("user", [_note(CONTINUE)]))
    return strict


def _blocks(items: list[dict[str, Any]], accepts: Accepts) -> Iterable[_Said | _Calls]:
    """Yield the items that have content; a call with its result where the call is."""
    outputs: dict[str, list[Any]] = {}
    for item in items:
        if item.get("type") == "function_call_output":
            outputs.setdefault(item["call_id"], []).append(item.get("output"))
    used = set[str]()
    for item in items:
        if item.get("type") == "function_call":
            results = outputs.get(item["call_id"])
            call = _call(item, results.pop(0) if results else None, used)
            yield _Calls([call]) if accepts.tools else _Said("user", [_note(_told(call))])
        elif "role" in item and (parts := _parts(item["content"], accepts)):
            yield _Said("assistant" if item["role"] == "assistant" else "user", parts)


def _call(item: dict[str, Any], output: Any, used: set[str]) -> _Call:
    call_id = name = item["call_id"] or "call"
    while call_id in used:
        call_id = f"{name}_{len(used)}"
        name = call_id
    used.add(call_id)
    text = output if isinstance(output, str) else "" if output is None else json.dumps(output)
    return _Call(call_id, item["name"], item.get("arguments") or "{}", text if text.strip() else NO_RESULT)


def _told(call: _Call) -> str:
    return f"[The tool {call.name} was called with {call.arguments}. Its result: {call.output}]"


def _parts(content: Any, accepts: Accepts) -> list[Part]:
    given: list[Part] = [{"type": "input_text", "text": content}] if isinstance(content, str) else list(content)
    parts = [_accepted(part, accepts) for part in given]
    return [part for part in parts if part["type"] != "input_text" or part["text"].strip()]


def _accepted(part: Part, accepts: Accepts) -> Part:
    match part:
        case {"type": "input_image", "image_url": str()} if accepts.images:
            return part
        case {"type": "input_image"}:
            return _note("[An image that this model cannot see.]")
        case {"type": "input_file", "filename": str(name), "file_data": str()} if accepts.files and is_pdf(name):
            return part
        case {"type": "input_file"}:
            return _note(f"[A file that this model cannot read: {part.get('filename') or 'without a name'}]")
        case _:
            return _note(part.get("text") or part.get("refusal") or "")


def is_pdf(name: str) -> bool:
    """Return whether a file is a PDF, the only kind of document that the API reads."""
    return name.lower().endswith(".pdf")


def _note(text: str) -> Part:
    return {"type": "input_text", "text": text}
