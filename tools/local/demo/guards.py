"""Steps of the demo for stop, deadline and limits.

They need the local model, which answers slowly on demand and records when its client disconnects.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx

from tools.client.chatkit import ChatKitClient, RefusedError, add_message, create_thread, get_thread, new_turn_id
from tools.client.sign_in import Tokens
from tools.local.demo.answer import Answer, DemoError, ask, expect, milliseconds
from tools.local.demo.features import Step
from tools.local.openai.exchange import RecordedRequest
from tools.local.openai.server import ModelServer
from tools.local.stack import Stack

SLOW, SLOWER = "simulate slow 0.2", "simulate slow 0.5"
"""The second answer takes half a minute, because the cancel request may have to wait for a new process."""
STOP_SECONDS = 1.0
"""Limit for the time from the cancel request to the end of the model's connection."""
SHORT_TIMEOUT_SECONDS = 6
"""Timeout of the second function. Turns stop after half of it and store their text in the other half."""
LOADED_AT_ONCE = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
"""Loads the assistant at the start, so that it uses none of the short timeout."""
WAIT_SECONDS = 30


def guard_steps(stack: Stack, client: ChatKitClient, other: Tokens) -> Iterator[Step]:
    """Yield each step with its name; a step returns a detail to print."""
    if stack.model is not None:
        yield "stop: the model stops, and a new process returns the partial answer", _stop(stack, stack.model, client)
        yield (
            "deadline and limit: the answer ends in time, and a second turn of the day gets 429",
            _bounds(stack, stack.model, other),
        )


async def _stop(stack: Stack, model: ModelServer, client: ChatKitClient) -> str:
    turn_id, answer, earlier = new_turn_id(), Answer(time.time()), len(model.requests)
    stopped_at: float | None = None
    async for received in client.stream(create_thread(SLOWER), turn_id):
        answer.received.append(received)
        if len(answer.deltas) == 3 and stopped_at is None:
            await client.cancel(turn_id)  # a second process handles it, because this one is busy
            stopped_at = time.time()
    expect(stopped_at is not None, f"an answer to stop, not {answer.types}")
    closed = await _closed(_answering(model, earlier)) - (stopped_at or 0)
    expect(closed < STOP_SECONDS, f"the model's connection closed within {STOP_SECONDS} s, not {closed:.2f} s")
    await stack.new_process()
    kept = await _last_words(client, answer.thread_id)
    expect(kept.strip(), "a partial answer in the history")
    expect(kept.startswith(answer.text) or answer.text.startswith(kept), f"{answer.text!r} kept, not {kept!r}")
    return (
        f"{len(kept.split())} words stored; the model stopped {milliseconds(max(closed, 0)):.0f} ms after the request"
    )


async def _bounds(stack: Stack, model: ModelServer, user: Tokens) -> str:
    async with (
        stack.sibling(SHORT_TIMEOUT_SECONDS, LIMITS='{"turns_per_day": 1}', **LOADED_AT_ONCE) as url,
        ChatKitClient(url, user.access_token) as client,
    ):
        async with httpx.AsyncClient(timeout=60) as http:
            await http.get(f"{url}/chatkit")  # keeps the cold start out of the turn
        earlier = len(model.requests)
        answer = await ask(client, create_thread(SLOW))
        last = answer.received[-1].event
        expect((last["type"], last.get("allow_retry")) == ("error", True), f"an error that allows a retry, not {last}")
        await _closed(_answering(model, earlier))
        kept = await _last_words(client, answer.thread_id)
        expect(kept.strip() and answer.text.startswith(kept.strip()), f"{answer.text!r} kept, not {kept!r}")
        try:
            await ask(client, add_message(answer.thread_id, "hello"))
        except RefusedError as error:
            expect(error.status == 429, f"429, not {error.status}")
            seconds = answer.received[-1].at - answer.sent_at
            return f"ended after {seconds:.1f} s, {len(kept.split())} words stored · then 429: {error.message}"
        raise DemoError("expected 429 for a second turn")


def _answering(model: ModelServer, earlier: int) -> RecordedRequest:
    """Return the streaming request after the first `earlier` ones; the other new one generates a title."""
    return next(request for request in list(model.requests)[earlier:] if request.body.get("stream"))


async def _closed(request: RecordedRequest) -> float:
    """Wait until the model's connection closes, and return its time in epoch seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(WAIT_SECONDS):
            while request.closed_early_at is None:  # noqa: ASYNC110 (another thread sets it)
                await asyncio.sleep(0.01)
    if request.closed_early_at is None:
        raise DemoError("expected the model's connection to close before its answer was complete")
    return request.closed_early_at


async def _last_words(client: ChatKitClient, thread_id: str) -> str:
    thread = await client.call(get_thread(thread_id))
    answers = [item for item in thread["items"]["data"] if item["type"] == "assistant_message"]
    return "".join(part["text"] for part in answers[-1]["content"]) if answers else ""
