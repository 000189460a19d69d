"""Chunks of one streamed Chat Completion, for clients of OpenAI-compatible endpoints. No I/O.

    answer = ChatAnswer(body, script.outputs)
    for chunk in answer.events():
        ...                       # {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hello "}}]}
    answer.response               # the body for a request without `stream`

Text and function calls are supported. Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tools.local.openai.responses import Ending, Event, FunctionCall, Message, Output, deltas, identifier

TOKEN_CHARACTERS = 4
FINISHED: Mapping[Ending, str] = {"incomplete": "length", "filtered": "content_filter"}
PARTS = {"text": "input_text", "image_url": "input_image", "file": "input_file"}


def as_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a chat request to the Responses API's form, with system messages as instructions."""
    messages: list[Mapping[str, Any]] = body.get("messages") or []
    instructions = [_text(each) for each in messages if each.get("role") in ("system", "developer")]
    choice = body.get("tool_choice")
    converted: dict[str, Any] = {
        "model": body.get("model"),
        "instructions": "\n".join(instructions),
        "input": [item for each in messages for item in _items(each)],
        "tools": [{"type": "function", **(tool.get("function") or {})} for tool in body.get("tools") or ()],
        "tool_choice": choice.get("function") if isinstance(choice, dict) else choice,  # pyright: ignore
        "parallel_tool_calls": body.get("parallel_tool_calls"),
    }
    return {name: value for name, value in converted.items() if value is not None}


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    role, content = message.get("role"), message.get("content") or ""
    if role == "tool":
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": _text(message)}
    elif role == "assistant":
        yield {"role": role, "content": _text(message)}
        for call in message.get("tool_calls") or ():
            yield {"type": "function_call", "call_id": call["id"], **call["function"]}
    elif role == "user":
        yield {"role": role, "content": content if isinstance(content, str) else [_part(part) for part in content]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(part.get("type"))
    match kind:
        case "image_url":
            fields: dict[str, Any] = {"image_url": part["image_url"]["url"]}
        case "file":
            fields = dict(part["file"])
        case _:
            fields = {"text": part.get("text", "")}
    return {"type": PARTS.get(kind, kind), **fields}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content)


class ChatAnswer:
    """One completion, as chunks (`events()`) or as one body (`response`)."""

    end_of_stream = b"data: [DONE]\n\n"

    def __init__(self, body: Mapping[str, Any], outputs: tuple[Output, ...], ending: Ending = "completed") -> None:
        self._body = body
        self._text = " ".join(output.text for output in outputs if isinstance(output, Message))
        self._calls: list[dict[str, Any]] = [
            {
                "id": identifier("call"),
                "type": "function",
                "function": {"name": output.name, "arguments": json.dumps(output.arguments)},
            }
            for output in outputs
            if isinstance(output, FunctionCall)
        ]
        self._finish_reason = FINISHED.get(ending, "tool_calls" if self._calls else "stop")
        self._facts = {"id": identifier("chatcmpl"), "created": int(time.time()), "model": body["model"]}

    @property
    def response(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self._text or None, "refusal": None}
        if self._calls:
            message["tool_calls"] = self._calls
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason, "logprobs": None}
        return {**self._facts, "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def events(self) -> Iterator[Event]:
        """Yield all chunks: role, text, calls, finish reason, and usage if requested."""
        yield self._chunk({"role": "assistant", "content": ""})
        for delta in deltas(self._text):
            yield self._chunk({"content": delta})
        for index, call in enumerate(self._calls):
            function = call["function"]
            yield self._chunk({"tool_calls": [{**call, "index": index, "function": {**function, "arguments": ""}}]})
            part = {"index": index, "function": {"arguments": function["arguments"]}}
            yield self._chunk({"tool_calls": [part]})
        yield self._chunk({}, self._finish_reason)
        options: Mapping[str, Any] = self._body.get("stream_options") or {}
        if options.get("include_usage"):
            yield {**self._chunk({}), "choices": [], "usage": self._usage()}

    @staticmethod
    def kind(event: Event) -> str:
        """Return the type that `RecordedRequest.events` records for an event."""
        choices = event["choices"]
        return "text.delta" if choices and choices[0]["delta"].get("content") else "chunk"

    @staticmethod
    def frame(event: Event) -> bytes:
        """Return the bytes of an event on the wire."""
        return f"data: {json.dumps(event)}\n\n".encode()

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._facts, "object": "chat.completion.chunk", "choices": [choice]}

    def _usage(self) -> dict[str, int]:
        read = len(json.dumps(self._body.get("messages"))) // TOKEN_CHARACTERS + 1
        written = (len(self._text) + len(json.dumps(self._calls))) // TOKEN_CHARACTERS + 1
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
