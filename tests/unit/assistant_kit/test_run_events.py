"""Events of a run: a refusal is shown even if the SDK drops its events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents.exceptions import ModelRefusalError
from chatkit.agents import AgentContext

from assistant_kit.items import ImageConverter
from assistant_kit.run_events import run_events
from tests.fakes.turn import Conversation


class RefusedRun:
    """A run that raises before any of its events was read."""

    async def stream_events(self) -> AsyncIterator[Any]:
        raise ModelRefusalError("I cannot help with that.")
        yield

    def cancel(self) -> None:
        pass


async def test_a_refusal_without_its_events_is_an_answer() -> None:
    talk = Conversation()
    context = AgentContext(thread=talk.thread, store=talk.store, request_context=talk.context)
    refused: Any = RefusedRun()
    events: list[Any] = []

    with pytest.raises(ModelRefusalError):  # noqa: PT012
        async for event in run_events(context, refused, ImageConverter(talk.turn().save_image)):
            events.append(event)

    assert [event.item.content[0].text for event in events] == ["I cannot help with that."]
