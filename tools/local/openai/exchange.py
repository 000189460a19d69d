"""One request to the local model and its answer: validates, answers at the configured pace, and records.

exchange = Exchange(record, receive, send, delay_seconds=lambda: 0.02)
await exchange.respond(DIALECTS["/v1/responses"])
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Container, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from tools.local.openai.chat_completions import ChatAnswer, as_responses
from tools.local.openai.chat_validation import strict_messages_fault, validate_chat
from tools.local.openai.request import unknown_model
from tools.local.openai.responses import Answer, identifier
from tools.local.openai.rules import respond
from tools.local.openai.simulations import Failure, Script
from tools.local.openai.transcription import transcribe
from tools.local.openai.validation import validate

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Body = dict[str, Any]
Headers = Sequence[tuple[bytes, bytes]]

FIRST_OUTPUT = ("response.output_item.added", "text.delta")
PACED = (".delta", ".partial_image")
LOOK_SECONDS = 0.02
"""The interval at which an answer that is held looks whether it may go on."""


@dataclass(frozen=True)
class Dialect:
    """One of the two text APIs: its validation, its conversion for the rules, and the class of its answers."""

    check: Callable[[Any], Body | Failure]
    as_responses: Callable[[Body], Body]
    answer: Callable[..., Answer | ChatAnswer]


DIALECTS: Mapping[str, Dialect] = {
    "/v1/responses": Dialect(validate, lambda body: body, Answer),
    "/v1/chat/completions": Dialect(validate_chat, as_responses, ChatAnswer),
}


@dataclass
class RecordedRequest:
    """Record of one request; times are epoch seconds of this machine's clock."""

    path: str
    received_at: float
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    status: int | None = None
    events: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    """Type and send time of each event."""
    closed_early_at: float | None = None
    """Time of the client's disconnect if it came before the end of the answer."""
    completed_at: float | None = None

    @property
    def delta_times(self) -> list[float]:
        """Send time of each text delta."""
        return [at for kind, at in self.events if kind.endswith("text.delta")]

    @property
    def first_delta_at(self) -> float | None:
        return next(iter(self.delta_times), None)

    def summary(self) -> dict[str, Any]:
        """Return the record as JSON for `GET /_requests`."""
        fields = ("path", "received_at", "status", "delta_times", "first_delta_at", "closed_early_at", "completed_at")
        return {name: getattr(self, name) for name in fields} | {"body": self.body}


class Exchange:
    """One request and its answer."""

    def __init__(
        self,
        record: RecordedRequest,
        receive: Receive,
        send: Send,
        delay_seconds: Callable[[], float],
        *,
        limits: Mapping[str, int] = MappingProxyType({}),
        missing_models: Container[str] = (),
        strict_chat: bool = False,
    ) -> None:
        self._record = record
        self._receive = receive
        self._send = send
        self._delay_seconds = delay_seconds
        self._limits = limits
        self._missing_models = missing_models
        self._strict_chat = strict_chat

    async def transcribe(self, content_type: str) -> None:
        """Answer `POST /v1/audio/transcriptions`."""
        answer = transcribe(content_type, await self._body(), self._missing_models)
        if isinstance(answer, Failure):
            await self.fail(answer)
            return
        self._record.body = answer
        await self.json(200, answer)

    async def respond(self, dialect: Dialect) -> None:
        """Answer a text request; stop as soon as the client disconnects."""
        try:
            sent = json.loads(await self._body())
        except ValueError:
            await self.fail(Failure(400, "We could not parse the JSON body of your request."))
            return
        self._record.body = sent if isinstance(sent, dict) else {}
        body = self._check(sent, dialect)
        if isinstance(body, Failure):
            await self.fail(body)
            return
        answer = asyncio.create_task(self._answer(body, dialect))
        gone = asyncio.create_task(self._client_gone())
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        answer.cancel()
        for result in await asyncio.gather(answer, gone, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def _check(self, sent: Any, dialect: Dialect) -> Body | Failure:
        body = dialect.check(sent)
        if isinstance(body, Failure):
            return body
        if body["model"] in self._missing_models:
            return unknown_model(body["model"])
        strict = self._strict_chat and "messages" in body
        return (strict_messages_fault(body["messages"]) if strict else None) or body

    async def _client_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._record.completed_at is None:
            self._record.closed_early_at = time.time()

    async def _body(self) -> bytes:
        data = bytearray()
        while True:
            message = await self._receive()
            data += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(data)

    async def _answer(self, body: Body, dialect: Dialect) -> None:
        script = respond(dialect.as_responses(body))
        if isinstance(script, Failure):
            if script.status == 0:
                await asyncio.Event().wait()
            await self.fail(script)
            return
        answer = dialect.answer(body, script.outputs, script.ending)
        if body.get("stream"):
            await self._stream(answer, script)
            return
        for event in answer.events():
            if answer.kind(event).endswith(PACED):
                await asyncio.sleep(self._delay(script))
        await self.json(200, answer.response)

    async def _stream(self, answer: Answer | ChatAnswer, script: Script) -> None:
        await self._start(200, b"text/event-stream; charset=utf-8")
        deltas, sent, silence = 0, Counter[str](), script.silence_seconds
        for event in answer.events():
            kind = answer.kind(event)
            if kind in FIRST_OUTPUT:
                await asyncio.sleep(silence)
                silence = 0.0
            if kind.endswith(PACED):
                if deltas == script.cut_after_deltas:
                    return  # without the last chunk: uvicorn closes the connection
                deltas += 1
                await asyncio.sleep(self._delay(script))
            sent[kind] += 1
            while sent[kind] > self._limits.get(kind, sent[kind]):  # noqa: ASYNC110 - another thread changes them
                await asyncio.sleep(LOOK_SECONDS)
            self._record.events.append((kind, time.time()))
            await self._send({"type": "http.response.body", "body": answer.frame(event), "more_body": True})
        await self._finish(answer.end_of_stream)

    def _delay(self, script: Script) -> float:
        return self._delay_seconds() if script.delay_seconds is None else script.delay_seconds

    async def fail(self, failure: Failure) -> None:
        """Send an error in OpenAI's form."""
        await self.json(failure.status, failure.body())

    async def crash(self, error: Exception) -> None:
        """Answer a fault of the local model itself, which the client must not repeat; its traceback is printed."""
        traceback.print_exception(error, file=sys.stderr)
        if self._record.status is None:
            message = f"The local model failed: {type(error).__name__}: {error}. The terminal has the traceback."
            failure = Failure(500, message, "local_model_failed", "server_error")
            await self.json(failure.status, failure.body(), [(b"x-should-retry", b"false")])

    async def json(self, status: int, content: dict[str, Any], headers: Headers = ()) -> None:
        """Send a JSON response."""
        await self._start(status, b"application/json", headers)
        await self._finish(json.dumps(content).encode())

    async def _finish(self, data: bytes) -> None:
        self._record.completed_at = time.time()  # before sending, because the client may disconnect on receipt
        await self._send({"type": "http.response.body", "body": data})

    async def _start(self, status: int, content_type: bytes, more: Headers = ()) -> None:
        self._record.status = status
        headers = [(b"content-type", content_type), (b"x-request-id", identifier("req").encode()), *more]
        if status == 429:
            headers.append((b"retry-after-ms", b"50"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
