"""Answers get ids of our own, whatever ids the model's server sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from chatkit.types import (
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadStreamEvent,
    Workflow,
    WorkflowItem,
)

from chat_api.assistant import Turn
from store_dynamo.testing.models import every_item
from tests.fakes.assistants import delta, message_item, spoken
from tests.fakes.turn import request_context
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
    """ChatKit reads the last item of the thread, continues it, and yields it as done again."""

    class Working(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            self.turns.append(turn)
            tasks = [{"type": "custom", "title": str(number)} for number in range(len(self.turns))]
            page = await turn.store.load_thread_items(thread.id, None, 5, "desc", turn.context)
            before = next((item for item in page.data if item.type == "workflow"), None)
            yield ThreadItemDoneEvent(item=workflow(thread, before.id if before else "wf_1", tasks))

    world = world_of(Working())
    thread_id = events(await world.post(create_thread("a")))[0]["thread"]["id"]
    stream = events(await world.post(add_message(thread_id, "b")))

    items = (await world.post(get_thread(thread_id))).json()["items"]["data"]
    assert "error" not in [event["type"] for event in stream]
    assert [len(item["workflow"]["tasks"]) for item in items if item["type"] == "workflow"] == [2]


def workflow(thread: Any, item_id: str, tasks: list[Any]) -> WorkflowItem:
    shown = Workflow.model_validate({"type": "custom", "tasks": tasks})
    return WorkflowItem(id=item_id, thread_id=thread.id, created_at=datetime.now(), workflow=shown)


class Yielding(Echo):
    """Yields the events of a function of the thread in each turn."""

    def __init__(self, events_of: Callable[[Any], list[Any]]) -> None:
        super().__init__()
        self.events_of = events_of

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        for event in self.events_of(thread):
            yield event


def foreign(kind: str, thread: Any) -> Any:
    """Return an item of a type, with the id that the Agents SDK gives to all items of a chat-completions model."""
    (item,) = [item for item in every_item() if item.type == kind][:1]
    return item.model_copy(update={"id": "__fake_id__", "thread_id": thread.id, "created_at": datetime.now()})


KINDS = sorted({item.type for item in every_item()} - {"user_message"})


async def turns(world: World, count: int = 2) -> tuple[list[Event], list[Any]]:
    """Run some turns of a thread; return the events of the last one and all stored items of the assistant."""
    stream = events(await world.post(create_thread("0")))
    thread_id = stream[0]["thread"]["id"]
    for number in range(1, count):
        stream = events(await world.post(add_message(thread_id, str(number))))
    page = await world.store.load_thread_items(thread_id, None, 100, "asc", request_context("ana"))
    return stream, [item for item in page.data if item.type != "user_message"]


@pytest.mark.promise("B7")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_added", [True, False])
async def test_items_of_each_type_get_ids_of_their_own_in_each_turn(
    world_of: WorldOf, kind: str, with_added: bool
) -> None:
    def both(thread: Any) -> list[Any]:
        item = foreign(kind, thread)
        return [*([ThreadItemAddedEvent(item=item)] if with_added else []), ThreadItemDoneEvent(item=item)]

    stream, stored = await turns(world_of(Yielding(both)))

    assert "error" not in [event["type"] for event in stream]
    assert [item.type for item in stored] == [kind, kind]
    assert len({item.id for item in stored} | {"__fake_id__"}) == 3


@pytest.mark.promise("B7")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_removal_after_done_takes_all_items_of_the_foreign_id(world_of: WorldOf, kind: str) -> None:
    def taken_back(thread: Any) -> list[Any]:
        first, second = foreign("assistant_message", thread), foreign(kind, thread)
        return [
            ThreadItemAddedEvent(item=first),
            ThreadItemDoneEvent(item=first),
            ThreadItemAddedEvent(item=second),
            ThreadItemDoneEvent(item=second),
            ThreadItemRemovedEvent(item_id="__fake_id__"),
        ]

    stream, stored = await turns(world_of(Yielding(taken_back)), 1)

    assert stored == []
    assert ids(stream, "thread.item.removed") == ids(stream, "thread.item.added")


@pytest.mark.promise("B7")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_replacement_after_done_replaces_the_item(world_of: WorldOf, kind: str) -> None:
    def replaced(thread: Any) -> list[Any]:
        item = foreign(kind, thread)
        return [ThreadItemDoneEvent(item=item), ThreadItemReplacedEvent(item=item)]

    stream, stored = await turns(world_of(Yielding(replaced)), 1)

    assert [item.type for item in stored] == [kind]
    assert ids(stream, "thread.item.replaced") == [stored[0].id]


async def test_a_message_and_a_call_with_the_same_foreign_id_stay_apart(world_of: WorldOf) -> None:
    """Chat Completions: the text of an answer is still open when the client tool call of the same answer is done."""

    def mixed(thread: Any) -> list[Any]:
        message, call = message_item(thread, "__fake_id__"), foreign("client_tool_call", thread)
        return [
            ThreadItemAddedEvent(item=message),
            delta("__fake_id__", "I open "),
            ThreadItemDoneEvent(item=call),
            delta("__fake_id__", "it."),
            ThreadItemDoneEvent(item=message_item(thread, "__fake_id__", "I open it.")),
        ]

    stream, stored = await turns(world_of(Yielding(mixed)), 1)

    assert {item.type for item in stored} == {"client_tool_call", "assistant_message"}
    (message,) = [item for item in stored if item.type == "assistant_message"]
    assert message.content[0].text == "I open it."
    assert set(ids(stream, "thread.item.updated")) == {message.id}


async def test_a_stored_card_is_replaced_under_its_id(world_of: WorldOf) -> None:
    class Replacing(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            page = await turn.store.load_thread_items(thread.id, None, 5, "desc", turn.context)
            before = [item for item in page.data if item.type == "widget"]
            card = foreign("widget", thread)
            yield ThreadItemReplacedEvent(item=before[0]) if before else ThreadItemDoneEvent(item=card)

    stream, stored = await turns(world_of(Replacing()))

    assert ids(stream, "thread.item.replaced") == [stored[0].id]
    assert len(stored) == 1
