"""Cost of a turn and its records in the table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from chatkit.types import ThreadStreamEvent

from chat_api.assistant import Turn
from chat_api.errors import RepeatedTurnError
from chat_api.server import StreamingResult
from tests.fakes.assistants import Halting, spoken
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.request_log import Request
from tests.fakes.turn import request_context
from tests.integration.turns.conftest import Service, service_of
from tools.client.chatkit import Event, add_message, create_thread

ANA = request_context("ana")


class Counting:
    """Records the number of requests before its call."""

    def __init__(self, backend: DynamoBackend) -> None:
        self._backend = backend
        self.before: list[Request] = []

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        self.before = list(self._backend.log.requests)
        for event in spoken(thread, turn, ["done"]):
            yield event


async def run(service: Service, request: Event) -> list[Event]:
    result = await service.server.process(json.dumps(request), ANA)
    assert isinstance(result, StreamingResult)
    return [json.loads(chunk[6:]) async for chunk in result.json_events if chunk.startswith(b"data: ")]


def guarding(requests: list[Request]) -> list[str]:
    """Return the kind of each written record other than threads and items; each is under 1 KB, so one unit."""
    written = [request.parameters for request in requests if request.operation in ("PutItem", "UpdateItem")]
    kinds = [(params.get("Key") or params["Item"])["sk"]["S"].partition("#")[0] for params in written]
    return sorted(kind for kind in kinds if kind in ("ACCESS", "RATE", "TURN"))


@pytest.mark.promise("H7")
@pytest.mark.promise("H10")
async def test_guards_cost_five_small_writes_and_two_half_reads(backend: DynamoBackend) -> None:
    """Three writes and two reads in one round trip; the shared budget and the seat's end do not delay the answer."""
    assistant = Counting(backend)

    await run(service_of(backend, assistant), create_thread("hello"))
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)

    own = [each for each in assistant.before if each.user and "SHARED" not in str(each.parameters)]
    checks = [each for each in assistant.before if each.operation == "GetItem" and "RATE#" in str(each.parameters)]
    assert guarding(own) == ["ACCESS", "RATE", "TURN"]
    assert [each.parameters["ConsistentRead"] for each in checks] == [False, False]
    assert guarding(backend.log.requests) == ["ACCESS"] * 2 + ["RATE"] * 2 + ["TURN"]


@pytest.mark.promise("H6")
async def test_turn_is_stopped_through_its_record(backend: DynamoBackend) -> None:
    assistant = Halting()
    service = service_of(backend, assistant)
    running = asyncio.create_task(run(service, create_thread("count")))
    await assistant.reached.wait()

    await service.server.cancel(ANA.turn_id, ANA)
    events = await running

    page = await service.store.load_thread_items(events[0]["thread"]["id"], None, 20, "asc", ANA)
    looks = [request for request in backend.log.requests if request.operation == "GetItem" and is_turn(request)]
    assert assistant.stopped.is_set()
    assert [item.type for item in page.data] == ["user_message", "assistant_message", "sdk_hidden_context"]
    assert looks
    assert all(look.parameters["ConsistentRead"] for look in looks)  # of under 4 KB: one unit each


def is_turn(request: Request) -> bool:
    return request.parameters["Key"]["sk"]["S"].startswith("TURN#")


@pytest.mark.promise("H10")
async def test_claim_names_the_new_thread_and_a_refusal_gives_it_back(backend: DynamoBackend) -> None:
    assistant = Halting()
    assistant.go_on.set()
    service = service_of(backend, assistant)

    with pytest.raises(Exception, match="not found"):
        await service.server.process(json.dumps(add_message("thr_missing", "hello")), ANA)
    events = await run(service, create_thread("hello"))
    with pytest.raises(RepeatedTurnError) as repeated:
        await service.server.process(json.dumps(create_thread("hello")), ANA)

    assert repeated.value.thread_id == events[0]["thread"]["id"]
