"""A client of the ChatKit protocol for terminals and tests. It sends ChatKit.js's requests and records arrival times.

async with ChatKitClient(url, token) as client:
    async for received in client.stream(create_thread("How much did I spend on groceries?")):
        received.event["type"], received.at
    thread = await client.call({"type": "threads.get_by_id", "params": {"thread_id": …}})
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
import uuid
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import httpx

Event = dict[str, Any]
TIMEOUT_SECONDS = 60
ATTEMPTS = 8
FIRST_PAUSE_SECONDS = 0.1


class RefusedError(Exception):
    """The endpoint rejected the request with `status`; `message`, `thread_id` and `turn_id` come from its JSON body.

    `turn_id` is the turn that occupies the thread.
    """

    def __init__(self, status: int, message: str, thread_id: str | None = None, turn_id: str | None = None) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message
        self.thread_id = thread_id
        self.turn_id = turn_id


@dataclass(frozen=True)
class Received:
    """One event of a stream and the arrival time of its last byte, in epoch seconds of this machine's clock."""

    event: Event
    at: float

    @property
    def delta(self) -> str:
        """The text that this event adds to an assistant message; empty for all other events."""
        update = self.event.get("update", {})
        return str(update["delta"]) if update.get("type") == "assistant_message.content_part.text_delta" else ""


class DeadTurnError(Exception):
    """The process of the followed turn has died; `threads.get_by_id` stores its text so far."""


@dataclass
class Part:
    """One response about a running turn: its events, the number of the next one, and what follows (`state`)."""

    events: list[Received]
    next: int
    state: str = "more"
    """"more", "end" or "dead"; a response that breaks off is "more"."""
    wait_seconds: float = 0.0

    def read(self, line: bytes) -> None:
        """Take one line of the response."""
        name, _, value = line.removeprefix(b": ").decode().partition(" ")
        if line.startswith(b"data: "):
            self.events.append(Received(json.loads(line[6:]), time.time()))
            self.next += 1
        elif not line.startswith(b": "):
            return
        elif name == "at":
            self.next = int(value)
        elif name in ("more", "end", "dead"):
            self.state = name
            self.wait_seconds = int(value) / 1000 if name == "more" and value else 0.0


@dataclass(frozen=True)
class Opened:
    """A thread, the turn that runs in it, and whether its last answer was cut off on the server."""

    thread: Event
    running: str | None
    interrupted: bool


class BodyHash(httpx.Auth):
    """Adds the body's SHA-256 as a header. Behind CloudFront a Function URL rejects bodies without it."""

    requires_request_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-amz-content-sha256"] = hashlib.sha256(request.content).hexdigest()
        yield request


class ChatKitClient:
    """One signed-in user's connection to one endpoint; close it, or use it as an async context manager."""

    def __init__(self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, auth=BodyHash(), transport=transport)
        self._headers = {"x-auth-token": token, "content-type": "application/json"}

    def renew(self, token: str) -> None:
        """Use a later token of the same user from the next request on."""
        self._headers["x-auth-token"] = token

    async def stream(self, request: Event, turn_id: str | None = None) -> AsyncGenerator[Received]:
        """Yield the events of a streaming request as they arrive, without comments.

        Another task can stop the turn with `cancel(turn_id)` if it knows the id (`new_turn_id()`).
        Raises RefusedError when the response is not an event stream, httpx.HTTPError when the connection breaks.
        """
        part = Part([], 0)
        async for received in self._stream(request, turn_id or new_turn_id(), part):
            yield received

    async def answer(self, request: Event, turn_id: str | None = None) -> AsyncGenerator[Received]:
        """Yield the events of a streaming request until the turn is over, across broken connections.

        Raises RefusedError, DeadTurnError, or httpx.HTTPError when the server cannot continue a broken response.
        """
        turn_id, part, lost = turn_id or new_turn_id(), Part([], 0), None
        try:
            async for received in self._stream(request, turn_id, part):
                yield received
        except httpx.TransportError as error:
            lost = error
        if part.state == "end":
            return
        try:
            async for received in self.follow(turn_id, part.next):
                yield received
        except RefusedError:
            if lost:
                raise lost from None
            # A server without running turns ends its responses without a mark.

    async def _stream(self, request: Event, turn_id: str, part: Part) -> AsyncGenerator[Received]:
        headers = {**self._headers, "accept": "text/event-stream", "x-turn-id": turn_id}
        async with self._http.stream("POST", "/chatkit", json=request, headers=headers) as response:
            if response.status_code != 200 or "text/event-stream" not in response.headers.get("content-type", ""):
                raise _refused(response.status_code, await response.aread())
            rest = b""
            async for chunk in response.aiter_raw():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    part.read(line)
                while part.events:
                    yield part.events.pop(0)

    async def call(self, request: Event) -> Event:
        """Send a request that does not stream and return the JSON response. Raises RefusedError."""
        response = await self._http.post("/chatkit", json=request, headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)
        return cast(Event, response.json())

    async def follow(self, turn_id: str, after: int | None = None) -> AsyncGenerator[Received]:
        """Yield the events of a running turn until its end: those after the first `after`, or a snapshot and the rest.

        Asks again after a network error or a 5xx, ATTEMPTS times in a row. Raises DeadTurnError, RefusedError (404: no
        such turn), or httpx.HTTPError.
        """
        failures = 0
        while True:
            try:
                part = await self.turn_events(turn_id, after)
            except (httpx.TransportError, RefusedError) as error:
                failures += 1
                if failures == ATTEMPTS or (isinstance(error, RefusedError) and error.status < 500):
                    raise
                await asyncio.sleep(FIRST_PAUSE_SECONDS * 2**failures)
                continue
            failures = 0
            for received in part.events:
                yield received
            if part.state == "dead":
                raise DeadTurnError(turn_id)
            if part.state == "end":
                return
            await asyncio.sleep(part.wait_seconds)
            after = part.next

    async def win(self, turn_id: str, call_id: str) -> bool:
        """Return whether this client may run a client tool, which one reader of the turn may.

        Raises RefusedError (404: unknown or expired, so another reader may have run it).
        """
        response = await self._http.post(f"/chatkit/turns/{turn_id}/tools/{call_id}", headers=self._headers)
        if response.status_code not in (200, 409):
            raise _refused(response.status_code, response.content)
        return response.status_code == 200

    async def thread(self, thread_id: str) -> Opened:
        """Load a thread, with the turn that runs in it. Raises RefusedError."""
        response = await self._http.post("/chatkit", json=get_thread(thread_id), headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)
        pairs = [pair.strip().partition("=") for pair in response.headers.get("x-turns-running", "").split(",")]
        running = {thread: turn for thread, _, turn in pairs}.get(thread_id)
        return Opened(response.json(), running, "x-turn-interrupted" in response.headers)

    async def turn_events(self, turn_id: str, after: int | None = None) -> Part:
        """Return the events of a turn that are known now. Raises RefusedError or httpx.HTTPError."""
        params = {} if after is None else {"after": str(after)}
        response = await self._http.get(f"/chatkit/turns/{turn_id}/events", params=params, headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)
        part = Part([], after or 0)
        for line in response.content.split(b"\n"):
            part.read(line)
        return part

    async def composer(self) -> Event:
        """Return the composer's options that the page loads at its start: models, tools, file limits.

        Raises RefusedError.
        """
        response = await self._http.get("/chatkit/composer", headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)
        return cast(Event, response.json())

    async def overview(self) -> Event:
        """Return the assistant's data about the user. Raises RefusedError."""
        response = await self._http.get("/chatkit/overview", headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)
        return cast(Event, response.json())

    async def allowances(self) -> list[Event]:
        """Return what the user always allows, the newest first. Raises RefusedError."""
        response = await self._http.get("/chatkit/allowances", headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)
        return cast("list[Event]", response.json()["data"])

    async def revoke(self, allowance_id: str) -> None:
        """End an allowance. Raises RefusedError."""
        response = await self._http.post(f"/chatkit/allowances/{allowance_id}/revoke", headers=self._headers)
        if response.status_code != 200:
            raise _refused(response.status_code, response.content)

    async def cancel(self, turn_id: str) -> None:
        """Stop a running turn of this user. Raises RefusedError."""
        response = await self._http.post(f"/chatkit/turns/{turn_id}/cancel", headers=self._headers)
        if response.status_code != 202:
            raise _refused(response.status_code, response.content)

    async def upload(self, name: str, mime_type: str, content: bytes) -> Event:
        """Register a file, PUT its bytes to the returned URL, and return the attachment. Raises RefusedError."""
        attachment = await self.register(name, mime_type, len(content))
        status = await self.put(attachment, content)
        if status != 200:
            raise RefusedError(status, f"the upload of {name} was refused")
        return attachment

    async def register(self, name: str, mime_type: str, size: int) -> Event:
        """Phase one: register a file with `attachments.create`. Raises RefusedError."""
        params = {"name": name, "mime_type": mime_type, "size": size}
        return await self.call({"type": "attachments.create", "params": params})

    async def put(self, attachment: Event, content: bytes) -> int:
        """Phase two: PUT `content` to the descriptor's URL as a browser would, and return the status."""
        descriptor = attachment["upload_descriptor"]
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as browser:
            response = await browser.request(
                descriptor["method"], descriptor["url"], content=content, headers=descriptor["headers"]
            )
        return response.status_code

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, tb: TracebackType | None) -> None:
        await self._http.aclose()


def new_turn_id() -> str:
    """Return an id for one turn."""
    return f"turn_{uuid.uuid4().hex}"


def create_thread(text: str, attachments: tuple[str, ...] = ()) -> Event:
    """Return the request that starts a conversation."""
    return {"type": "threads.create", "params": {"input": _message(text, attachments)}}


def add_message(thread_id: str, text: str, attachments: tuple[str, ...] = ()) -> Event:
    """Return the request that continues a conversation."""
    params = {"thread_id": thread_id, "input": _message(text, attachments)}
    return {"type": "threads.add_user_message", "params": params}


def get_thread(thread_id: str) -> Event:
    """Return the request for a whole conversation."""
    return {"type": "threads.get_by_id", "params": {"thread_id": thread_id}}


def add_tool_output(thread_id: str, result: Any) -> Event:
    """Return the request that answers a conversation's pending client tool call."""
    return {"type": "threads.add_client_tool_output", "params": {"thread_id": thread_id, "result": result}}


def add_form_answers(thread_id: str, item_id: str, answers: dict[str, str]) -> Event:
    """Return the request that submits a form; `answers` by question id, empty to skip the form."""
    values = {name: {"values": [value]} for name, value in answers.items()}
    submitted = {"status": "answered" if values else "skipped", "answers": values}
    params = {"thread_id": thread_id, "item_id": item_id, "input": submitted}
    return {"type": "threads.add_structured_input", "params": params}


def act(thread_id: str, item_id: str, kind: str, payload: Any) -> Event:
    """Return the request that runs an action of a card."""
    params = {"thread_id": thread_id, "item_id": item_id, "action": {"type": kind, "payload": payload}}
    return {"type": "threads.custom_action", "params": params}


def transcribe(audio: bytes, mime_type: str) -> Event:
    """Return the request that transcribes speech."""
    params = {"audio_base64": base64.b64encode(audio).decode(), "mime_type": mime_type}
    return {"type": "input.transcribe", "params": params}


def _message(text: str, attachments: tuple[str, ...]) -> Event:
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": list(attachments), "inference_options": {}}


def _refused(status: int, body: bytes) -> RefusedError:
    try:
        answer = json.loads(body)
        return RefusedError(status, str(answer["message"]), answer.get("thread_id"), answer.get("turn_id"))
    except (ValueError, KeyError, TypeError):
        return RefusedError(status, body.decode("utf-8", "replace")[:200])
