"""Chunks of one streamed Chat Completion, for clients of OpenAI-compatible endpoints. No I/O.

    answer = ChatAnswer(body, script.outputs)
    for chunk in answer.events():
        ...                       # {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hello "}}]}
    answer.response               # the body for a request without `stream`

Only text is supported; the local model calls tools in the Responses API only. Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tools.local.openai.responses import Ending, Event, Message, Output, deltas, identifier

TOKEN_CHARACTERS = 4


def as_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a chat request to the Responses API's form, with system messages as instructions."""
    messages: list[Mapping[str, Any]] = body.get("messages") or []
    instructions = [str(each.get("content")) for each in messages if each.get("role") in ("system", "developer")]
    items = [each for each in messages if each.get("role") in ("user", "assistant")]
    return {"model": body.get("model"), "instructions": "\n".join(instructions), "input": items}


class ChatAnswer:
    """One completion, as chunks (`events()`) or as one body (`response`)."""

    end_of_stream = b"data: [DONE]\n\n"

    def __init__(self, body: Mapping[str, Any], outputs: tuple[Output, ...], ending: Ending = "completed") -> None:
        self._body = body
        self._finish_reason = "length" if ending == "incomplete" else "stop"
        self._text = " ".join(output.text for output in outputs if isinstance(output, Message))
        self._facts = {"id": identifier("chatcmpl"), "created": int(time.time()), "model": body["model"]}

    @property
    def response(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self._text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": self._finish_reason, "logprobs": None}
        return {**self._facts, "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def events(self) -> Iterator[Event]:
        """Yield all chunks: role, text, finish reason, and usage if requested."""
        yield self._chunk({"role": "assistant", "content": ""})
        for delta in deltas(self._text):
            yield self._chunk({"content": delta})
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
        written = len(self._text) // TOKEN_CHARACTERS + 1
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
