"""H11: tools that block in threads hold up neither the stop, nor the deadline, nor the store."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agents import Agent, Model, Runner, function_tool
from agents.run import RunConfig
from chatkit.types import ThreadStreamEvent
from openai.types.responses import Response, ResponseCompletedEvent, ResponseFunctionToolCall

from chat_api.server import OUT_OF_TIME, StreamingResult
from chat_api.turn import Timing
from tests.fakes.assistants import Halting
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.turn import request_context
from tests.integration.turns.conftest import Service, service_of
from tools.client.chatkit import Event, create_thread

ANA = request_context("ana")
LIMIT_SECONDS = 30  # a busy machine; a tool blocks for longer

pytestmark = [pytest.mark.promise("H11"), pytest.mark.parametrize("number", [6, 40, 200])]


class Blocking(Halting):
    """Calls `number` tools that block in threads of asyncio's default executor, as an agent's synchronous tools do."""

    def __init__(self, number: int, release: threading.Event) -> None:
        super().__init__()
        self.number = number
        self.release = release

    async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
        await asyncio.gather(*(asyncio.to_thread(self.release.wait, 120) for _ in range(self.number)))
        for event in list[ThreadStreamEvent]():
            yield event


class Calling(Model):
    """A model that calls a tool `number` times at once."""

    def __init__(self, number: int) -> None:
        self._calls = [
            ResponseFunctionToolCall(type="function_call", call_id=f"call-{each}", name="look_up", arguments="{}")
            for each in range(number)
        ]

    async def get_response(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    async def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        response = Response.model_construct(id="response-1", output=self._calls, usage=None)
        yield ResponseCompletedEvent(type="response.completed", response=response, sequence_number=0)


class BlockingAgent(Blocking):
    """The same with synchronous tools of the Agents SDK."""

    async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
        @function_tool
        def look_up() -> str:
            self.release.wait(120)
            return "found"

        agent = Agent(name="shop", model=Calling(self.number), tools=[look_up])
        run = Runner.run_streamed(agent, "count", run_config=RunConfig(tracing_disabled=True))
        async for _ in run.stream_events():
            pass
        for event in list[ThreadStreamEvent]():
            yield event


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """The event for which all tools wait; the last test to end sets it."""
    event = threading.Event()
    yield event
    event.set()


async def begin(service: Service, **changes: Any) -> asyncio.Task[list[Event]]:
    async def run() -> list[Event]:
        result = await service.server.process(json.dumps(create_thread("count")), replace(ANA, **changes))
        assert isinstance(result, StreamingResult)
        return [json.loads(chunk[6:]) async for chunk in result.json_events if chunk.startswith(b"data: ")]

    return asyncio.create_task(run())


async def stored(service: Service, events: list[Event]) -> list[str]:
    page = await service.store.load_thread_items(events[0]["thread"]["id"], None, 20, "asc", ANA)
    return [item.type for item in page.data]


@pytest.mark.parametrize("kind", [Blocking, BlockingAgent])
async def test_stop_takes_effect_and_history_answers(
    backend: DynamoBackend, kind: type[Blocking], number: int, release: threading.Event
) -> None:
    assistant = kind(number, release)
    service = service_of(backend, assistant)
    service.server.load()
    running = await begin(service)
    await assistant.reached.wait()

    async with asyncio.timeout(LIMIT_SECONDS):
        await service.server.cancel(ANA.turn_id, ANA)
        events = await running
        items = await stored(service, events)

    assert items == ["user_message", "assistant_message", "sdk_hidden_context"]
    assert not release.is_set()


async def test_deadline_stores_the_partial_answer(
    backend: DynamoBackend, number: int, release: threading.Event
) -> None:
    assistant = Blocking(number, release)
    service = service_of(backend, assistant, Timing(cancel_poll=0.01, reserve=1000))
    service.server.load()
    running = await begin(service, deadline=datetime.now(UTC) + timedelta(seconds=2))

    async with asyncio.timeout(LIMIT_SECONDS):
        events = await running
        items = await stored(service, events)

    assert events[-1]["message"] == OUT_OF_TIME
    assert items == ["user_message", "assistant_message"]
    assert not release.is_set()
