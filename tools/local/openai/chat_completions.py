"""The chunks of one streamed Chat Completion, for clients of OpenAI-compatible endpoints. No I/O.

    answer = ChatAnswer(body, script.outputs)
    for chunk in answer.events():
        ...                       # {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "Hello "}}]}
    answer.response               # what a request without `stream` gets

Only text is told: tools are the Responses API's here. Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tools.local.openai.responses import Ending, Event, Message, Output, deltas, identifier

TOKEN_CHARACTERS = 4


def as_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a chat request in the shape that the rules read: system messages are its instructions."""
    messages: list[Mapping[str, Any]] = body.get("messages") or []
    instructions = [str(each.get("content")) for each in messages if each.get("role") in ("system", "developer")]
    said = [each for each in messages if each.get("role") in ("user", "assistant")]
    return {"model": body.get("model"), "instructions": "\n".join(instructions), "input": said}


class ChatAnswer:
    """One completion: `events()` tells it, `response` is the whole."""

    last_words = b"data: [DONE]\n\n"

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
        """Yield every chunk: the role, the words, the reason to stop, and the usage if it was asked for."""
        yield self._chunk({"role": "assistant", "content": ""})
        for delta in deltas(self._text):
            yield self._chunk({"content": delta})
        yield self._chunk({}, self._finish_reason)
        options: Mapping[str, Any] = self._body.get("stream_options") or {}
        if options.get("include_usage"):
            yield {**self._chunk({}), "choices": [], "usage": self._usage()}

    @staticmethod
    def kind(event: Event) -> str:
        """Name an event as the record does."""
        choices = event["choices"]
        return "text.delta" if choices and choices[0]["delta"].get("content") else "chunk"

    @staticmethod
    def frame(event: Event) -> bytes:
        """Return an event as it goes over the wire."""
        return f"data: {json.dumps(event)}\n\n".encode()

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._facts, "object": "chat.completion.chunk", "choices": [choice]}

    def _usage(self) -> dict[str, int]:
        read = len(json.dumps(self._body.get("messages"))) // TOKEN_CHARACTERS + 1
        written = len(self._text) // TOKEN_CHARACTERS + 1
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
