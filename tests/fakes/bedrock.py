"""Amazon Bedrock's ConverseStream, as strict as the service: botocore's description of it and Converse's rules."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import validate_parameters


class Bedrock:
    """The client; `answers` says word by word what was asked. Set `ending` or `error` for trouble."""

    def __init__(self) -> None:
        session: Any = botocore.session.get_session()
        model = session.get_service_model("bedrock-runtime")
        self._shape = model.operation_model("ConverseStream").input_shape
        self.requests: list[dict[str, Any]] = []
        self.ending = "end_turn"
        self.error: str | None = None
        self.streams: list[Stream] = []

    def converse_stream(self, **request: Any) -> dict[str, Any]:
        """Check the request and return its stream. Raises ClientError or ParamValidationError."""
        validate_parameters(request, self._shape)
        if self.error:
            raise failure(self.error, "The service is in trouble.")
        check_messages(request["messages"])
        self.requests.append(request)
        words = f"You said: {request['messages'][-1]['content'][-1]['text']}".split(" ")
        self.streams.append(Stream([f"{word} " for word in words], self.ending))
        return {"stream": self.streams[-1]}


class Stream:
    """An event stream as botocore's: blocking, and closed from another thread."""

    def __init__(self, words: list[str], ending: str) -> None:
        self._words, self._ending = words, ending
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        yield {"messageStart": {"role": "assistant"}}
        for word in self._words:
            if self.closed.wait(0.002):
                return
            yield {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": word}}}
        yield {"contentBlockStop": {"contentBlockIndex": 0}}
        yield {"messageStop": {"stopReason": self._ending}}
        yield {"metadata": {"usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18}}}

    def close(self) -> None:
        self.closed.set()


def check_messages(messages: list[dict[str, Any]]) -> None:
    """Raise the ValidationException of a conversation that Converse refuses."""
    expected = "user"
    for message in messages:
        if message["role"] != expected:
            place = "start with a user message" if message is messages[0] else "alternate between user and assistant"
            raise failure("ValidationException", f"A conversation must {place}.")
        if not message["content"]:
            raise failure("ValidationException", "The content field of a message is empty.")
        if any(not block.get("text", "x").strip() for block in message["content"]):
            raise failure("ValidationException", "The text field in the ContentBlock object is blank.")
        expected = "assistant" if expected == "user" else "user"
    if not messages or messages[-1]["role"] != "user":
        raise failure("ValidationException", "A conversation must end with a user message.")


def failure(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ConverseStream")


__all__ = ["Bedrock", "ParamValidationError", "Stream"]
