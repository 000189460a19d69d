"""Answers get ids of our own, whatever ids the model's server sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chatkit.types import (
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadStreamEvent,
    Workflow,
    WorkflowItem,
)

from chat_api.assistant import Turn
from tests.fakes.assistants import message_item, spoken
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import Event, add_message, create_thread, get_thread

WorldOf = Callable[..., World]


class Numbering(Echo):
    """Yields two messages per turn, with the same ids in every turn."""

    def __init__(self, *ids: str) -> None:
        super().__init__()
        self.ids = ids

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        for number, item_id in enumerate(self.ids):
            for event in spoken(thread, turn, [f"{number}", " text"], item_id):
                yield event


def ids(stream: list[Event], kind: str) -> list[str]:
    return [event.get("item_id") or event["item"]["id"] for event in stream if event["type"] == kind]


@pytest.mark.promise("S11")
@pytest.mark.parametrize("names", [("__fake_id__", "__fake_id__"), ("msg_1", "msg_2"), ("msg_1", "msg_1")])
@pytest.mark.feature("openai-compatible")
async def test_ids_that_repeat_are_replaced(world_of: WorldOf, names: tuple[str, str]) -> None:
    world = world_of(Numbering(*names))

    first = events(await world.post(create_thread("a")))
    thread_id = first[0]["thread"]["id"]
    second = events(await world.post(add_message(thread_id, "b")))

    stored = (await world.post(get_thread(thread_id))).json()["items"]["data"]
    texts = [item["content"][0]["text"] for item in stored]
    assert texts == ["a", "0 text", "1 text", "b", "0 text", "1 text"]
    assert len({item["id"] for item in stored}) == 6
    for stream in (first, second):
        added = ids(stream, "thread.item.added")
        assert "error" not in [event["type"] for event in stream]
        assert ids(stream, "thread.item.updated") == [added[0]] * 2 + [added[1]] * 2
        assert ids(stream, "thread.item.done")[1:] == added
        assert not set(added) & set(names)


async def test_ids_of_our_own_stay(world: World) -> None:
    stream = events(await world.post(create_thread("a")))

    assert stream[-1]["item"]["id"].startswith("msg_")
    assert len(ids(stream, "thread.item.done")[1]) > 30


async def test_message_that_is_replaced_or_removed_keeps_its_new_id(world_of: WorldOf) -> None:
    class Correcting(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            added, *_ = spoken(thread, turn, ["draft"], "__fake_id__")
            yield added
            yield ThreadItemReplacedEvent(item=message_item(thread, "__fake_id__", "final"))
            yield added
            yield ThreadItemRemovedEvent(item_id="__fake_id__")

    world = world_of(Correcting())
    stream = events(await world.post(create_thread("a")))

    first, second = ids(stream, "thread.item.added")
    assert ids(stream, "thread.item.replaced") == [first]
    assert ids(stream, "thread.item.removed") == [second]
    thread = (await world.post(get_thread(stream[0]["thread"]["id"]))).json()
    assert [item["content"][0]["text"] for item in thread["items"]["data"]] == ["a", "final"]


@pytest.mark.promise("S4")
async def test_workflow_that_is_done_again_in_the_next_turn_is_replaced(world_of: WorldOf) -> None:
    class Working(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            tasks = [{"type": "custom", "title": str(number)} for number in range(len(self.turns) + 1)]
            self.turns.append(turn)
            yield ThreadItemDoneEvent(
                item=WorkflowItem(
                    id="wf_1",
                    thread_id=thread.id,
                    created_at=thread.created_at,
                    workflow=Workflow.model_validate({"type": "custom", "tasks": tasks}),
                )
            )

    world = world_of(Working())
    thread_id = events(await world.post(create_thread("a")))[0]["thread"]["id"]
    stream = events(await world.post(add_message(thread_id, "b")))

    items = (await world.post(get_thread(thread_id))).json()["items"]["data"]
    assert "error" not in [event["type"] for event in stream]
    assert [len(item["workflow"]["tasks"]) for item in items if item["type"] == "workflow"] == [2]
