"""Assistants that use the Agents SDK as ChatKit's guide shows, with a model of the Chat Completions API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from agents import (
    GuardrailFunctionOutput,
    RunContextWrapper,
    StopAtTools,
    function_tool,
    input_guardrail,
    output_guardrail,
)
from chatkit.agents import ClientToolCall
from chatkit.types import ThreadItemDoneEvent, ThreadItemReplacedEvent

from lambda_streaming.deadline import Deadline
from lambda_streaming.request_tasks import RequestTasks
from tests.fakes.scripted_model import FromTheGuide, ScriptedModel, call, failure, text
from tests.unit.chat_api.conftest import World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import Event, add_message, create_thread, get_thread

WorldOf = Callable[..., World]
TURN = "turn-00000042"


@function_tool
async def open_page(run: RunContextWrapper[Any], page: str) -> str:
    run.context.client_tool_call = ClientToolCall(name="open_page", arguments={"page": page})
    return "asked"


@function_tool
async def leave() -> str:
    raise SystemExit(3)


async def stored(world: World, stream: list[Event]) -> list[Any]:
    return (await world.post(get_thread(stream[0]["thread"]["id"]))).json()["items"]["data"]


def texts(items: list[Any]) -> list[str]:
    return [item["content"][0]["text"] for item in items if "content" in item]


@pytest.mark.promise("B7")
@pytest.mark.parametrize("kind", ["output", "input"])
async def test_a_guardrail_takes_back_what_was_shown(world_of: WorldOf, kind: str) -> None:
    @output_guardrail
    async def no_secrets(context: Any, agent: Any, output: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered="SECRET" in str(output))

    @input_guardrail
    async def too_late(context: Any, agent: Any, given: Any) -> GuardrailFunctionOutput:
        await asyncio.sleep(0.2)
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=True)

    guards: dict[str, Any] = (
        {"output_guardrails": [no_secrets]} if kind == "output" else {"input_guardrails": [too_late]}
    )
    world = world_of(FromTheGuide(ScriptedModel(text("the ", "SECRET ", "is 42")), **guards))

    stream = events(await world.post(create_thread("tell me")))

    shown = {event["item"]["id"] for event in stream if event["type"] == "thread.item.added"}
    assert shown
    assert {event["item_id"] for event in stream if event["type"] == "thread.item.removed"} == shown
    assert texts(await stored(world, stream)) == ["tell me"]


@pytest.mark.promise("B7")
async def test_the_same_client_tool_is_called_in_two_turns(world_of: WorldOf) -> None:
    model = ScriptedModel(
        call("open_page", '{"page":"x"}', "call_1"),
        text("opened x"),
        call("open_page", '{"page":"y"}', "call_1"),
        text("opened y"),
    )
    stop = StopAtTools(stop_at_tool_names=["open_page"])
    world = world_of(FromTheGuide(model, tools=[open_page], tool_use_behavior=stop))
    first = events(await world.post(create_thread("open x")))
    thread_id = first[0]["thread"]["id"]
    output = {"type": "threads.add_client_tool_output", "params": {"thread_id": thread_id, "result": {"ok": 1}}}

    streams = [events(await world.post(request)) for request in (output, add_message(thread_id, "open y"), output)]

    assert [event for stream in streams for event in stream if event["type"] == "error"] == []
    items = await stored(world, first)
    assert texts(items) == ["open x", "opened x", "open y", "opened y"]
    assert [item["status"] for item in items if item["type"] == "client_tool_call"] == ["completed"] * 2


@pytest.mark.promise("B7")
async def test_an_answer_is_corrected_after_it_was_done(world_of: WorldOf) -> None:
    class Correcting(FromTheGuide):
        async def respond(self, thread: Any, message: Any, turn: Any) -> AsyncIterator[Any]:
            async for event in super().respond(thread, message, turn):
                yield event
                if isinstance(event, ThreadItemDoneEvent) and event.item.type == "assistant_message":
                    item = event.item.model_copy(deep=True)
                    item.content[0].text += " [checked]"
                    yield ThreadItemReplacedEvent(item=item)

    world = world_of(Correcting(ScriptedModel(text("draft"))))

    stream = events(await world.post(create_thread("a")))

    assert texts(await stored(world, stream)) == ["a", "draft [checked]"]


@pytest.mark.promise("B7")
async def test_a_tool_that_exits_ends_the_turn_and_not_the_process(world_of: WorldOf) -> None:
    world = world_of(FromTheGuide(ScriptedModel(call("leave", "{}", "call_1"), text("fine")), tools=[leave]))

    stream = events(await world.post(create_thread("a")))

    assert stream[-1]["type"] in ("error", "thread.item.done")
    assert texts(await stored(world, stream))[0] == "a"


@pytest.mark.promise("L4")
@pytest.mark.feature("invocation-ends")
@pytest.mark.parametrize("responses", [True, False])
async def test_the_invocation_of_a_failed_turn_ends_within_a_second(world_of: WorldOf, responses: bool) -> None:
    """`stream_agent_response` abandons a task that waits for ever when the model fails."""
    world = world_of(FromTheGuide(ScriptedModel(failure(500)), responses=responses))
    loop, tasks = asyncio.get_running_loop(), RequestTasks()

    with tasks.collecting():
        stream = events(await world.post(create_thread("a")))
    answered = loop.time()
    await tasks.finish(Deadline(answered + 30))

    assert stream[-1]["type"] == "error"
    assert loop.time() - answered < 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.promise("L4")
@pytest.mark.parametrize("after", ["stop", "closed connection"])
async def test_the_invocation_of_a_stopped_turn_ends_within_a_second(world_of: WorldOf, after: str) -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            import json

            for each in text("one ", "two ", *["three "] * 50):
                yield f"data: {json.dumps(each)}\n\n".encode()
                await asyncio.sleep(0.2)

    slow = httpx.Response(200, stream=Slow(), headers={"content-type": "text/event-stream"})
    world = world_of(FromTheGuide(ScriptedModel(slow)))
    loop, tasks = asyncio.get_running_loop(), RequestTasks()

    with tasks.collecting():
        turn = asyncio.create_task(world.post(create_thread("a"), **{"x-turn-id": TURN}))
        await asyncio.sleep(0.7)
        if after == "stop":
            async with world.client("ana") as client:
                await client.post(f"/chatkit/turns/{TURN}/cancel")
        else:
            turn.cancel()
        await asyncio.wait({turn})
    answered = loop.time()
    await tasks.finish(Deadline(answered + 30))

    assert loop.time() - answered < 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
