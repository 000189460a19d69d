"""Limits: counted requests, rejected requests, and the message for the client."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chatkit.types import AudioInput, ThreadStreamEvent, TranscriptionResult

from chat_api.assistant import Turn
from chat_api.settings import LimitSettings
from store_dynamo.testing import Clock
from tests.unit.chat_api.conftest import Echo, World
from tools.client.chatkit import Event, create_thread
from tools.local.files import PNG

WorldOf = Callable[..., World]
AUDIO = base64.b64encode(b"OggS...").decode()
DICTATION: Event = {"type": "input.transcribe", "params": {"audio_base64": AUDIO, "mime_type": "audio/ogg"}}
REGISTER: Event = {
    "type": "attachments.create",
    "params": {"name": "a.png", "mime_type": "image/png", "size": len(PNG)},
}


class Hearing(Echo):
    async def transcribe(self, audio: AudioInput, turn: Turn) -> TranscriptionResult:
        return TranscriptionResult(text="heard")


class Spending(Echo):
    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        turn.usage(input_tokens=700, output_tokens=50)
        turn.usage(input_tokens=200, output_tokens=50)
        async for event in super().respond(thread, message, turn):
            yield event


def only(**limits: int) -> LimitSettings:
    """Return settings with only the given limits."""
    return LimitSettings(**{**dict.fromkeys(LimitSettings.model_fields), **limits})


async def upload(world: World) -> httpx.Response:
    async with world.client() as client:
        return await client.post("/chatkit/attachments", files={"file": ("a.png", PNG, "image/png")})


@pytest.mark.promise("H7")
@pytest.mark.parametrize(
    ("limit", "request_"),
    [
        ("turns_per_minute", create_thread("hi")),
        ("turns_per_day", create_thread("hi")),
        ("uploads_per_minute", REGISTER),
        ("uploads_per_day", REGISTER),
        ("transcriptions_per_minute", DICTATION),
        ("transcriptions_per_day", DICTATION),
    ],
)
@pytest.mark.feature("rate-limits")
async def test_user_over_a_limit_is_told_when_to_come_back(world_of: WorldOf, limit: str, request_: Event) -> None:
    world = world_of(Hearing(), limits=only(**{limit: 2}))

    allowed = [(await world.post(request_)).status_code for _ in range(2)]
    refused = await world.post(request_)
    other = await world.post(request_, "bob")

    assert allowed == [200, 200]
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= (60 if "minute" in limit else 86_400)
    assert "2" in refused.json()["message"]
    assert "Try again in" in refused.json()["message"]
    assert other.status_code == 200


@pytest.mark.promise("H7")
async def test_refused_turn_stores_nothing_and_may_come_again(world_of: WorldOf) -> None:
    clock = Clock()
    world = world_of(Echo(), limits=only(turns_per_minute=1))
    world.store.rates.clock = clock
    turn = {"x-turn-id": "turn-0000001"}

    await world.post(create_thread("hi"))
    refused = await world.post(create_thread("again"), **turn)
    threads = (await world.post({"type": "threads.list", "params": {}})).json()["data"]
    clock.advance(timedelta(minutes=1))
    again = await world.post(create_thread("again"), **turn)

    assert (refused.status_code, len(threads), again.status_code) == (429, 1, 200)


@pytest.mark.promise("H7")
async def test_direct_uploads_count_too(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=only(uploads_per_minute=1))

    assert [(await upload(world)).status_code, (await upload(world)).status_code] == [200, 429]


@pytest.mark.promise("H7")
@pytest.mark.feature("rate-limits")
async def test_days_budget_is_everybodys(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=only(all_turns_per_day=2))

    answers = [await world.post(create_thread("hi"), user) for user in ("ana", "bob", "cy")]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "tomorrow" in answers[-1].json()["message"]


@pytest.mark.promise("H7")
@pytest.mark.promise("H9")
async def test_reported_tokens_are_taken_from_the_budget_and_measured(world_of: WorldOf) -> None:
    world = world_of(Spending(), limits=only(all_tokens_per_day=1500))

    answers = [(await world.post(create_thread("hi"), user)).status_code for user in ("ana", "bob", "cy")]

    assert answers == [200, 200, 429]  # two turns of a thousand tokens each; the second started within the budget
    assert [(meter.input_tokens, meter.output_tokens) for meter in world.metrics] == [(900, 100)] * 2


async def test_reading_is_not_limited(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=LimitSettings(**dict.fromkeys(LimitSettings.model_fields, 1)))

    answers = [(await world.post({"type": "threads.list", "params": {}})).status_code for _ in range(5)]

    assert answers == [200] * 5
