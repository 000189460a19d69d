"""Refusals, failures, limits and options follow the request's language."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from chatkit.errors import CustomStreamError
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

from chat_api.assistant import Turn
from languages import say
from tests.unit.chat_api.conftest import Echo
from tests.unit.chat_api.test_limits import WorldOf, only
from tools.client.chatkit import create_thread

pytestmark = [pytest.mark.promise("B1"), pytest.mark.feature("localisation")]
GERMAN = {"accept-language": "de-AT, en;q=0.5"}


class Failing:
    async def respond(
        self, thread: ThreadMetadata, message: UserMessageItem | None, turn: Turn
    ) -> AsyncIterator[ThreadStreamEvent]:
        raise CustomStreamError(say("The model is busy right now. Please try again in a moment."), allow_retry=True)
        yield


async def test_a_refusal_is_in_the_users_language(world_of: WorldOf) -> None:
    world = world_of(Echo())

    german = await world.post(create_thread(" "), **GERMAN)
    french = await world.post(create_thread(" "), **{"accept-language": "fr"})

    assert german.json()["message"].startswith("Die Nachricht ist leer.")
    assert french.json()["message"].startswith("the message is empty")


async def test_a_limit_is_in_the_users_language(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=only(turns_per_minute=1))

    await world.post(create_thread("hi"), **GERMAN)
    refused = await world.post(create_thread("hi"), **GERMAN)

    assert refused.json()["message"].startswith("Limit erreicht: Erlaubt sind 1 Nachrichten pro Minute.")


async def test_a_missing_conversation_is_told_without_its_id(world_of: WorldOf) -> None:
    missing = {"type": "threads.get_by_id", "params": {"thread_id": "thr_1"}}

    answer = await world_of(Echo()).post(missing, **GERMAN)

    assert (answer.status_code, "thr_1" in answer.text) == (404, False)
    assert answer.json()["message"].startswith("Diese Unterhaltung")


async def test_a_failure_inside_a_stream_is_in_the_users_language(world_of: WorldOf) -> None:
    answer = await world_of(Failing()).post(create_thread("hi"), **GERMAN)

    (error,) = [
        event
        for line in answer.text.splitlines()
        if line.startswith("data: ") and (event := json.loads(line[6:]))["type"] == "error"
    ]
    assert error["message"].startswith("Das Modell ist gerade ausgelastet.")


async def test_a_refused_file_is_named_in_the_users_language(world_of: WorldOf) -> None:
    request = {"type": "attachments.create", "params": {"name": "a.exe", "mime_type": "application/exe", "size": 5}}

    answer = await world_of(Echo()).post(request, **GERMAN)

    assert answer.status_code == 422
    assert "können nicht angefügt werden" in answer.json()["message"]
