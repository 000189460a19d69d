"""Round trips of a turn to the table before the model is called: at most four."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata, ThreadStreamEvent

from assistant_kit.history import newest_items
from chat_api.assistant import Turn
from tests.fakes.assistants import spoken
from tests.fakes.dynamo_backend import DynamoBackend
from tests.integration.turns.conftest import QUICK, service_of
from tests.integration.turns.test_table import ANA, run
from tools.bench.waves import Waves
from tools.client.chatkit import add_message, create_thread

UNHURRIED = replace(QUICK, cancel_poll=60.0, journal=60.0, beat=60.0)
"""Timing in which a slow machine adds no periodic requests."""


class Remembering:
    """Loads the history as the coach does and records the round trips before its answer."""

    def __init__(self, waves: Waves) -> None:
        self._waves = waves
        self.before = 0

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        await newest_items(turn.store, thread.id, turn.context)
        self.before = self._waves.number
        for event in spoken(thread, turn, ["done"]):
            yield event


@pytest.mark.promise("T3")
@pytest.mark.feature("round-trips")
@pytest.mark.parametrize(("items", "most"), [(None, 4), (20, 3), (300, 4)])
async def test_round_trips_before_the_first_token(backend: DynamoBackend, items: int | None, most: int) -> None:
    """Covers a new thread, a short one and a long one."""
    assistant = Remembering(waves := Waves())
    service = service_of(backend, assistant)
    if items is not None:
        await service.store.save_thread(ThreadMetadata(id="thr_1", created_at=datetime.now()), ANA)
    for number in range(items or 0):
        content = [AssistantMessageContent(text="a few words")]
        item = AssistantMessageItem(
            id=f"msg_{number:04}", thread_id="thr_1", created_at=datetime.now(), content=content
        )
        await service.store.add_thread_item("thr_1", item, ANA)
    request = create_thread("hello") if items is None else add_message("thr_1", "hello")

    backend.quick = replace(backend.quick, threads=waves)
    service = service_of(backend, assistant, UNHURRIED)
    service.server.load()  # imports take longer than a poll
    async with waves:
        await run(service, request)

    assert 1 < assistant.before <= most
