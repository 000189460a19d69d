"""Events of one streamed answer of OpenAI's Responses API, in their documented order. No I/O.

    answer = Answer(body, (Message("Hello there"),))
    for event in answer.events():
        ...                       # {"type": "response.created", "sequence_number": 0, ...}
    answer.response               # the finished Response, for a request without `stream`

A response is a list of output items. Each item starts with `output_item.added`, continues with events for its parts,
and ends with `output_item.done`, which contains the whole item. The response starts with `created` and `in_progress`
and ends with `completed`, `incomplete` or `failed`. `sequence_number` counts the events of one response from 0. Source:
https://platform.openai.com/docs/api-reference/responses-streaming and `openai.types.responses`.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Event = dict[str, Any]
Ending = Literal["completed", "incomplete", "filtered", "failed"]
"""`filtered` is an incomplete answer that the content filter ended."""

ARGUMENTS_DELTA_CHARACTERS = 8
TOKEN_CHARACTERS = 4


@dataclass(frozen=True)
class Message:
    """Text of the assistant, one delta per word."""

    text: str
    refusal: bool = False
    item_id: str | None = None
    url_citations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FunctionCall:
    """A call to one of the request's tools."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Reasoning:
    """Reasoning of the model: one summary part per thought, and an encrypted form for later requests."""

    thoughts: tuple[str, ...] = ()
    encrypted_content: str | None = None


@dataclass(frozen=True)
class Image:
    """A generated image as base64, and the partial images before it."""

    result: str
    partials: tuple[str, ...] = ()


Output = Message | FunctionCall | Reasoning | Image


class Answer:
    """One response, as events (`events()`) or as a body; `response` is the state after the last yielded event."""

    end_of_stream = b""

    def __init__(self, body: Mapping[str, Any], outputs: tuple[Output, ...], ending: Ending = "completed") -> None:
        self._outputs = outputs
        self._reason = "content_filter" if ending == "filtered" else "max_output_tokens"
        self._ending: Ending = "incomplete" if ending == "filtered" else ending
        self._sequence = 0
        self._read = json.dumps([body.get("instructions"), body.get("input"), body.get("tools")])
        self.response: dict[str, Any] = _opening(body)

    def events(self) -> Iterator[Event]:
        """Yield all events. Send each one before taking the next, which changes the shared state."""
        yield self._event("response.created", response=dict(self.response))
        yield self._event("response.in_progress", response=dict(self.response))
        for index, output in enumerate(self._outputs):
            yield from self._item(index, output)
        self._close()
        yield self._event(f"response.{self._ending}", response=self.response)

    @staticmethod
    def kind(event: Event) -> str:
        """Return the type that `RecordedRequest.events` records for an event."""
        return str(event["type"])

    @staticmethod
    def frame(event: Event) -> bytes:
        """Return the bytes of an event on the wire."""
        return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

    def _event(self, kind: str, **fields: Any) -> Event:
        event = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return event

    def _item(self, index: int, output: Output) -> Iterator[Event]:
        match output:
            case Message():
                item, parts = _message(output)
            case FunctionCall():
                item, parts = _function_call(output)
            case Reasoning():
                item, parts = _reasoning(output)
            case Image():
                item, parts = _image(output)
        yield self._event("response.output_item.added", output_index=index, item=dict(item))
        for kind, fields in parts:
            if kind == "item":  # the finished item, not an event
                item = fields
            else:
                yield self._event(f"response.{kind}", item_id=item["id"], output_index=index, **fields)
        self.response["output"] = [*self.response["output"], item]
        yield self._event("response.output_item.done", output_index=index, item=item)

    def _close(self) -> None:
        self.response |= {"status": self._ending, "completed_at": int(time.time())}
        if self._ending == "failed":
            self.response["error"] = {"code": "server_error", "message": "The server had an error. Sorry about that!"}
            return
        if self._ending == "incomplete":
            self.response["incomplete_details"] = {"reason": self._reason}
        self.response["usage"] = _usage(self._read, json.dumps(self.response["output"]))


Parts = Iterator[tuple[str, dict[str, Any]]]


def _message(output: Message) -> tuple[dict[str, Any], Parts]:
    item_id = output.item_id or identifier("msg")
    item: dict[str, Any] = {
        "id": item_id,
        "type": "message",
        "role": "assistant",
        "status": "in_progress",
        "content": [],
    }
    return item, (_refusal_parts if output.refusal else _text_parts)(item, output)


def _text_parts(item: dict[str, Any], output: Message) -> Parts:
    at: dict[str, Any] = {"content_index": 0}
    empty: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    yield "content_part.added", at | {"part": empty}
    for delta in deltas(output.text):
        yield "output_text.delta", at | {"delta": delta, "logprobs": []}
    annotations = [_url_citation(output.text, url, title) for url, title in output.url_citations]
    for number, annotation in enumerate(annotations):
        yield "output_text.annotation.added", at | {"annotation_index": number, "annotation": annotation}
    yield "output_text.done", at | {"text": output.text, "logprobs": []}
    part = empty | {"text": output.text, "annotations": annotations}
    yield "content_part.done", at | {"part": part}
    yield "item", item | {"status": "completed", "content": [part]}


def _refusal_parts(item: dict[str, Any], output: Message) -> Parts:
    at: dict[str, Any] = {"content_index": 0}
    yield "content_part.added", at | {"part": {"type": "refusal", "refusal": ""}}
    for delta in deltas(output.text):
        yield "refusal.delta", at | {"delta": delta}
    yield "refusal.done", at | {"refusal": output.text}
    part = {"type": "refusal", "refusal": output.text}
    yield "content_part.done", at | {"part": part}
    yield "item", item | {"status": "completed", "content": [part]}


def _function_call(output: FunctionCall) -> tuple[dict[str, Any], Parts]:
    item = {
        "id": identifier("fc"),
        "type": "function_call",
        "status": "in_progress",
        "call_id": identifier("call"),
        "name": output.name,
        "arguments": "",
    }

    def parts() -> Parts:
        arguments = json.dumps(output.arguments)
        for start in range(0, len(arguments), ARGUMENTS_DELTA_CHARACTERS):
            delta = arguments[start : start + ARGUMENTS_DELTA_CHARACTERS]
            yield "function_call_arguments.delta", {"delta": delta}
        yield "function_call_arguments.done", {"name": output.name, "arguments": arguments}
        yield "item", item | {"status": "completed", "arguments": arguments}

    return item, parts()


def _reasoning(output: Reasoning) -> tuple[dict[str, Any], Parts]:
    item: dict[str, Any] = {"id": identifier("rs"), "type": "reasoning", "summary": []}

    def parts() -> Parts:
        for number, thought in enumerate(output.thoughts):
            at: dict[str, Any] = {"summary_index": number}
            yield "reasoning_summary_part.added", at | {"part": {"type": "summary_text", "text": ""}}
            for delta in deltas(thought):
                yield "reasoning_summary_text.delta", at | {"delta": delta}
            yield "reasoning_summary_text.done", at | {"text": thought}
            yield "reasoning_summary_part.done", at | {"part": {"type": "summary_text", "text": thought}}
        summary = [{"type": "summary_text", "text": thought} for thought in output.thoughts]
        yield "item", item | {"summary": summary, "encrypted_content": output.encrypted_content}

    return item, parts()


def _image(output: Image) -> tuple[dict[str, Any], Parts]:
    item: dict[str, Any] = {
        "id": identifier("ig"),
        "type": "image_generation_call",
        "status": "in_progress",
        "result": None,
    }

    def parts() -> Parts:
        yield "image_generation_call.in_progress", {}
        yield "image_generation_call.generating", {}
        for number, partial in enumerate(output.partials):
            fields = {"partial_image_index": number, "partial_image_b64": partial}
            yield "image_generation_call.partial_image", fields
        yield "image_generation_call.completed", {}
        yield "item", item | {"status": "completed", "result": output.result}

    return item, parts()


def _opening(body: Mapping[str, Any]) -> dict[str, Any]:
    echoed = ("instructions", "max_output_tokens", "previous_response_id", "reasoning", "temperature", "top_p", "user")
    opening: dict[str, Any] = {
        "id": identifier("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": body["model"],
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "store": body.get("store", True),
        "text": body.get("text", {"format": {"type": "text"}}),
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools", []),
        "truncation": body.get("truncation", "disabled"),
        "metadata": body.get("metadata") or {},
        "usage": None,
    }
    return opening | {name: body.get(name) for name in echoed}


def _usage(read: str, written: str) -> dict[str, Any]:
    input_tokens, output_tokens = (len(text) // TOKEN_CHARACTERS + 1 for text in (read, written))
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }


def _url_citation(text: str, url: str, title: str) -> dict[str, Any]:
    start = max(text.find(title), 0)
    return {
        "type": "url_citation",
        "url": url,
        "title": title,
        "start_index": start,
        "end_index": start + len(title),
    }


def deltas(text: str) -> list[str]:
    """Split `text` into words with the space that follows them."""
    return re.findall(r"\S+\s*|\s+", text)


def identifier(prefix: str) -> str:
    """Return a unique id in OpenAI's form."""
    return f"{prefix}_{secrets.token_hex(24)}"
