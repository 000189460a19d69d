"""Client tools: a result reaches its call even if other items follow, and no call is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from chatkit.types import (
    ClientToolCallItem,
    HiddenContextItem,
    SDKHiddenContextItem,
    ThreadItemDoneEvent,
    ThreadStreamEvent,
)

from chat_api.answer.rules import ONE_CALL
from chat_api.assistant import Turn
from tests.fakes.assistants import message_item
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import Event, add_message, create_thread

pytestmark = pytest.mark.promise("B8")
WorldOf = Callable[..., World]


class Calling(Echo):
    """Answers a message with what `make` returns, and a result with "resumed"."""

    def __init__(self, *make: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__()
        self.make = make

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        def facts() -> dict[str, Any]:
            item_id = turn.store.generate_item_id("message", thread, turn.context)
            return {"id": item_id, "thread_id": thread.id, "created_at": datetime.now()}

        if message is not None and message.content[0].text == "open":
            for make in self.make:
                yield ThreadItemDoneEvent(item=make(facts()))
        else:
            yield ThreadItemDoneEvent(item=message_item(thread, facts()["id"], "resumed" if message is None else "ok"))


def call(facts: dict[str, Any], page: str = "budgets") -> ClientToolCallItem:
    return ClientToolCallItem(**facts, call_id=f"call_{page}", name="open_page", arguments={"page": page})


def goals(facts: dict[str, Any]) -> ClientToolCallItem:
    return call(facts, "goals")


def note(facts: dict[str, Any]) -> HiddenContextItem:
    return HiddenContextItem(**facts, content="a note")


def sdk_note(facts: dict[str, Any]) -> SDKHiddenContextItem:
    return SDKHiddenContextItem(**facts, content="a note")


async def opened(world: World) -> str:
    stream = events(await world.post(create_thread("open")))
    return stream[0]["thread"]["id"]


def result(thread_id: str, value: Any = "done") -> Event:
    return {"type": "threads.add_client_tool_output", "params": {"thread_id": thread_id, "result": value}}


async def calls(world: World, thread_id: str) -> list[tuple[str, Any]]:
    page = await world.store.load_thread_items(thread_id, None, 100, "asc", request_context("ana"))
    return [(item.status, item.output) for item in page.data if isinstance(item, ClientToolCallItem)]


@pytest.mark.feature("late-tool-results")
@pytest.mark.parametrize("notes", [(), (note,), (sdk_note,), (note, sdk_note) * 9])
async def test_hidden_notes_after_a_call_do_not_keep_its_result_out(world_of: WorldOf, notes: Any) -> None:
    world = world_of(Calling(call, *notes))
    thread_id = await opened(world)

    stream = events(await world.post(result(thread_id)))

    assert stream[-1]["item"]["content"][0]["text"] == "resumed"
    assert await calls(world, thread_id) == [("completed", "done")]


async def test_a_late_result_is_stored_and_the_assistant_continues(world_of: WorldOf) -> None:
    """The user wrote while the page's tool was still working."""
    world = world_of(Calling(call))
    thread_id = await opened(world)
    await world.post(add_message(thread_id, "hello?"))

    stream = events(await world.post(result(thread_id)))

    assert stream[-1]["item"]["content"][0]["text"] == "resumed"
    assert await calls(world, thread_id) == [("completed", "done")]


async def test_the_newest_call_is_answered_and_an_older_one_keeps_waiting(world_of: WorldOf) -> None:
    world = world_of(Calling(call))
    thread_id = await opened(world)
    await world.post(add_message(thread_id, "open"))

    await world.post(result(thread_id, "second"))
    assert await calls(world, thread_id) == [("pending", None), ("completed", "second")]

    await world.post(result(thread_id, "first"))
    assert await calls(world, thread_id) == [("completed", "first"), ("completed", "second")]


async def test_a_call_far_back_is_not_answered(world_of: WorldOf) -> None:
    world = world_of(Calling(call))
    thread_id = await opened(world)
    for number in range(10):
        await world.post(add_message(thread_id, str(number)))

    response = await world.post(result(thread_id))

    assert response.status_code == 409
    assert await calls(world, thread_id) == [("pending", None)]


async def test_of_parallel_calls_the_first_runs_and_the_model_learns_about_the_others(
    world_of: WorldOf, caplog: pytest.LogCaptureFixture
) -> None:
    world = world_of(Calling(call, goals))

    thread_id = await opened(world)
    (first, second) = await calls(world, thread_id)
    await world.post(result(thread_id))

    assert first == ("pending", None)
    assert second[0] == "completed"
    assert "Call it again" in str(second[1])
    assert ONE_CALL in caplog.text
    assert await calls(world, thread_id) == [("completed", "done"), second]
