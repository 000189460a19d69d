"""An assistant with mistakes: what the user saw is stored, or the log names the rule that was broken."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartDone,
    AssistantMessageItem,
    CustomTask,
    GeneratedImage,
    GeneratedImageItem,
    GeneratedImageUpdated,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from chatkit.widgets import Card, Text
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_api.answer import rules
from chat_api.answer.events import AnswerEvents
from chat_api.assistant import AssistantSettings, Turn
from chat_api.factory import build_assistant
from tests.fakes.assistants import delta, message_item
from tests.fakes.turn import Conversation, request_context
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tools.client.chatkit import Event, create_thread

pytestmark = pytest.mark.promise("B7")
WorldOf = Callable[..., World]
PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
    )
).decode()


class Scripted(Echo):
    """Yields what a function makes of the thread."""

    def __init__(self, make: Callable[[Any], list[Any]]) -> None:
        super().__init__()
        self.make = make

    async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
        for event in self.make(thread):
            yield event


async def answer(world: World) -> tuple[list[Event], list[Any]]:
    """Return the stream of one turn and the assistant's stored items."""
    stream = events(await world.post(create_thread("a")))
    thread_id = stream[0]["thread"]["id"]
    page = await world.store.load_thread_items(thread_id, None, 50, "asc", request_context("ana"))
    return stream, [item for item in page.data if item.type != "user_message"]


def facts(thread: Any) -> dict[str, Any]:
    return {"id": "x", "thread_id": thread.id, "created_at": datetime.now()}


def words(item: Any) -> str:
    return "".join(part.text for part in item.content)


def updated(update: Any) -> ThreadItemUpdatedEvent:
    return ThreadItemUpdatedEvent(item_id="x", update=update)


def part_added(text: str) -> ThreadItemUpdatedEvent:
    return updated(AssistantMessageContentPartAdded(content_index=0, content=AssistantMessageContent(text=text)))


def part_done(text: str) -> ThreadItemUpdatedEvent:
    return updated(AssistantMessageContentPartDone(content_index=0, content=AssistantMessageContent(text=text)))


TEXTS: dict[str, tuple[str, Callable[[Any], list[Any]]]] = {
    "never done": (
        rules.ADDED_IS_DONE,
        lambda thread: [ThreadItemAddedEvent(item=message_item(thread, "x")), delta("x", "one "), delta("x", "two")],
    ),
    "never done, added with its text": (
        rules.ADDED_IS_DONE,
        lambda thread: [ThreadItemAddedEvent(item=message_item(thread, "x", "one two"))],
    ),
    "never done, by parts": (
        rules.ADDED_IS_DONE,
        lambda thread: [
            ThreadItemAddedEvent(item=message_item(thread, "x")),
            part_added(""),
            delta("x", "one"),
            part_done("one two"),
        ],
    ),
    "empty when done": (
        rules.DONE_HAS_CONTENT,
        lambda thread: [
            ThreadItemAddedEvent(item=message_item(thread, "x")),
            delta("x", "one "),
            delta("x", "two"),
            ThreadItemDoneEvent(item=message_item(thread, "x")),
        ],
    ),
    "never added": (
        rules.ADDED_FIRST,
        lambda thread: [delta("x", "one "), delta("x", "two"), ThreadItemDoneEvent(item=message_item(thread, "x"))],
    ),
    "only deltas": (rules.ADDED_IS_DONE, lambda thread: [delta("x", "one "), delta("x", "two")]),
    "changed after done": (
        rules.DONE_IS_FINAL,
        lambda thread: [
            ThreadItemAddedEvent(item=message_item(thread, "x")),
            ThreadItemDoneEvent(item=message_item(thread, "x", "one ")),
            delta("x", "two"),
        ],
    ),
}


@pytest.mark.feature("careless-assistants")
@pytest.mark.parametrize("mistake", TEXTS)
async def test_text_that_was_shown_is_stored(world_of: WorldOf, mistake: str, caplog: pytest.LogCaptureFixture) -> None:
    rule, make = TEXTS[mistake]

    stream, stored = await answer(world_of(Scripted(make)))

    assert [words(item) for item in stored] == ["one two"]
    assert "error" not in [event["type"] for event in stream]
    assert stream[-1]["item"]["id"] == stored[0].id
    assert rule in caplog.text
    assert "one two" not in caplog.text


async def test_an_item_of_our_own_id_that_is_done_twice_is_replaced(
    world_of: WorldOf, caplog: pytest.LogCaptureFixture
) -> None:
    class Twice(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            item_id = turn.store.generate_item_id("message", thread, turn.context)
            yield ThreadItemDoneEvent(item=message_item(thread, item_id, "one"))
            yield ThreadItemDoneEvent(item=message_item(thread, item_id, "two"))

    stream, stored = await answer(world_of(Twice()))

    assert [words(item) for item in stored] == ["two"]
    assert stream[-1]["type"] == "thread.item.replaced"
    assert rules.DONE_ONCE in caplog.text


async def test_an_empty_item_that_is_never_done_disappears(world_of: WorldOf) -> None:
    make: Any = lambda thread: [ThreadItemAddedEvent(item=message_item(thread, "x"))]  # noqa: E731

    stream, stored = await answer(world_of(Scripted(make)))

    assert stored == []
    assert [event["type"] for event in stream[-2:]] == ["thread.item.added", "thread.item.removed"]


async def test_a_workflow_that_is_never_done_is_stored_with_its_steps(world_of: WorldOf) -> None:
    def make(thread: Any) -> list[Any]:
        item = WorkflowItem(**facts(thread), workflow=Workflow(type="custom", tasks=[]))
        task = CustomTask(title="step")
        return [
            ThreadItemAddedEvent(item=item),
            updated(WorkflowTaskAdded(task=task, task_index=0)),
            updated(WorkflowTaskUpdated(task=CustomTask(title="step 1"), task_index=0)),
            updated(WorkflowTaskUpdated(task=CustomTask(title="step 2"), task_index=7)),
        ]

    _, stored = await answer(world_of(Scripted(make)))

    assert [[task.title for task in item.workflow.tasks] for item in stored] == [["step 1", "step 2"]]


async def test_a_card_that_is_never_done_is_stored_with_its_texts(world_of: WorldOf) -> None:
    def make(thread: Any) -> list[Any]:
        card = Card(children=[Text(id="t", value="", streaming=True)])
        return [
            ThreadItemAddedEvent(item=WidgetItem(**facts(thread), widget=card)),
            updated(WidgetRootUpdated(widget=Card(children=[Text(id="t", value="one ", streaming=True)]))),
            updated(WidgetStreamingTextValueDelta(component_id="t", delta="t\ud83d", done=False)),
            updated(WidgetStreamingTextValueDelta(component_id="t", delta="\ude00", done=True)),
        ]

    _, stored = await answer(world_of(Scripted(make)))

    assert [item.widget.model_dump()["children"][0]["value"] for item in stored] == ["one t😀"]


@pytest.mark.promise("A9")
@pytest.mark.parametrize("done", [True, False])
async def test_an_image_in_the_event_is_stored_as_a_file(world_of: WorldOf, done: bool) -> None:
    """ChatKit's own converter makes a data URL of a generated image, which a thread item cannot hold."""

    def make(thread: Any) -> list[Any]:
        image = GeneratedImage(id="ig_1", url=f"data:image/png;base64,{PIXEL}")
        whole = GeneratedImageItem(**facts(thread), image=image)
        return [
            ThreadItemAddedEvent(item=GeneratedImageItem(**facts(thread))),
            updated(GeneratedImageUpdated(image=image, progress=0.5)),
            *([ThreadItemDoneEvent(item=whole)] if done else []),
        ]

    stream, stored = await answer(world_of(Scripted(make)))

    assert "error" not in [event["type"] for event in stream]
    assert len(stored) == 1
    assert "data:" not in str(stream)
    assert "data:" not in stored[0].image.url


@pytest.mark.parametrize("cut", range(4))
async def test_characters_split_between_deltas_are_whole(world_of: WorldOf, cut: int) -> None:
    text = "a\ud83d\ude00b"

    def make(thread: Any) -> list[Any]:
        return [ThreadItemAddedEvent(item=message_item(thread, "x")), delta("x", text[:cut]), delta("x", text[cut:])]

    stream, stored = await answer(world_of(Scripted(make)))

    shown = "".join(event["update"]["delta"] for event in stream if event["type"] == "thread.item.updated")
    assert shown == words(stored[0]) == "a😀b"


@pytest.mark.parametrize("wrong", ["a text", {"type": "thread.item.done"}, None, 3, AssistantMessageContent(text="x")])
async def test_a_wrong_type_in_the_stream_is_refused_by_the_name_of_the_rule(
    world_of: WorldOf, wrong: object, caplog: pytest.LogCaptureFixture
) -> None:
    stream, _ = await answer(world_of(Scripted(lambda thread: [wrong])))

    assert stream[-1]["type"] == "error"
    assert rules.YIELDS_EVENTS in caplog.text
    assert type(wrong).__name__ in caplog.text


@pytest.mark.parametrize("returned", [[], None, iter(()), "text"])
async def test_a_respond_that_returns_something_else_is_refused_by_the_name_of_the_rule(
    world_of: WorldOf, returned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong:
        def respond(self, thread: Any, message: Any, turn: Turn) -> Any:
            return returned

    stream, _ = await answer(world_of(Wrong()))

    assert stream[-1]["type"] == "error"
    assert rules.IS_GENERATOR in caplog.text


class NoRespond:
    pass


class Async:
    async def respond(self, thread: Any, message: Any, turn: Any) -> Any:
        return []


class Sync:
    def respond(self, thread: Any, message: Any, turn: Any) -> Any:
        yield 1


class SyncTitle(Echo):
    def title(self, message: Any) -> str:
        return "x"


async def async_factory(settings: Any) -> Any:
    return Echo()


def exiting_factory(settings: Any) -> Any:
    raise SystemExit(2)


FACTORIES = {
    "none": (lambda settings: None, "returned NoneType, which has no method respond"),
    "no respond": (lambda settings: NoRespond(), "returned NoRespond, which has no method respond"),
    "async without yield": (lambda settings: Async(), "Async.respond must yield events"),
    "not async": (lambda settings: Sync(), "Sync.respond must be async"),
    "title is not async": (lambda settings: SyncTitle(), "SyncTitle.title must be a coroutine"),
    "async factory": (async_factory, "the factory is async"),
}
SETTINGS = AssistantSettings("m", None, request_context)  # pyright: ignore[reportArgumentType]


@pytest.mark.promise("B2")
@pytest.mark.parametrize("name", FACTORIES)
def test_a_factory_of_something_else_is_refused_at_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    factory, message = FACTORIES[name]
    monkeypatch.setitem(globals(), "factory_under_test", factory)

    with pytest.raises(ValueError, match=f"^ASSISTANT={__name__}:factory_under_test: .*{message}"):
        build_assistant(f"{__name__}:factory_under_test", SETTINGS)


def test_a_factory_that_exits_is_a_failure() -> None:
    with pytest.raises(Exception, match="the assistant raised SystemExit"):
        build_assistant(f"{__name__}:exiting_factory", SETTINGS)


class TestSystemExit:
    """`sys.exit()` ends the request and not the process, wherever it is called."""

    class Exiting(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            yield ThreadItemAddedEvent(item=message_item(thread, "x", "so far"))
            await asyncio.create_task(self.leave())

        async def leave(self) -> None:
            raise SystemExit(1)

        async def entities(self, query: str, turn: Turn) -> Any:
            raise SystemExit(1)

        async def overview(self, turn: Turn) -> Any:
            raise SystemExit(1)

        def prepare(self) -> None:
            pass

    async def test_in_a_task_of_the_turn(self, world_of: WorldOf) -> None:
        stream, _ = await answer(world_of(self.Exiting()))

        assert stream[-1]["type"] == "error"

    @pytest.mark.parametrize("path", ["entities?q=a", "overview"])
    async def test_in_other_requests(self, world_of: WorldOf, path: str) -> None:
        async with world_of(self.Exiting()).client() as client:
            assert (await client.get(f"/chatkit/{path}")).status_code == 500

    async def test_in_prepare(self, world_of: WorldOf) -> None:
        class Unprepared(Echo):
            def prepare(self) -> None:
                raise SystemExit(1)

        stream = events(await world_of(Unprepared()).post(create_thread("a")))

        assert stream[-1]["type"] == "error"


async def test_a_blocked_loop_is_logged_with_its_stack(world_of: WorldOf, caplog: pytest.LogCaptureFixture) -> None:
    class Blocking(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            self.look_up()
            yield ThreadItemDoneEvent(item=message_item(thread, "x", "done"))

        def look_up(self) -> None:
            time.sleep(1.6)

    with caplog.at_level(logging.WARNING):
        _, stored = await answer(world_of(Blocking()))

    assert [words(item) for item in stored] == ["done"]
    assert rules.NEVER_BLOCKED in caplog.text
    assert caplog.text.count(rules.NEVER_BLOCKED) == 1
    assert f"{__file__}" in caplog.text
    assert "in look_up" in caplog.text


async def test_a_slow_tool_that_waits_is_not_a_blocked_loop(
    world_of: WorldOf, caplog: pytest.LogCaptureFixture
) -> None:
    class Waiting(Echo):
        async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
            await asyncio.to_thread(time.sleep, 0.7)
            await asyncio.sleep(0.7)
            yield ThreadItemDoneEvent(item=message_item(thread, "x", "done"))

    await answer(world_of(Waiting()))

    assert rules.NEVER_BLOCKED not in caplog.text


STEPS = st.sampled_from(["added", "delta", "done", "empty done", "removed", "replaced"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(STEPS, st.sampled_from(["x", "own"])), max_size=8))
def test_whatever_is_shown_at_the_end_is_stored(steps: list[tuple[str, str]]) -> None:
    """A client and a store that follow the repaired events agree on the texts."""
    talk = Conversation()
    own = [talk.store.generate_item_id("message", talk.thread, talk.context)]
    made: list[str] = []

    def new_id(kind: Any) -> str:
        made.append(f"new-{len(made)}")
        return made[-1]

    answered = AnswerEvents(talk.thread, new_id, lambda item_id: item_id in own + made, lambda _: False)
    shown, stored = dict[str, str](), dict[str, str]()
    for repaired in [*_repaired(answered, steps, own[0], talk.thread), *answered.finish()]:
        _apply(repaired, shown, stored)

    assert {key: text for key, text in shown.items() if text.strip()} == {
        key: text for key, text in stored.items() if text.strip()
    }


def _repaired(answered: AnswerEvents, steps: list[tuple[str, str]], own: str, thread: Any) -> list[Any]:
    from chatkit.types import ThreadItemRemovedEvent, ThreadItemReplacedEvent

    repaired: list[Any] = []
    for number, (step, name) in enumerate(steps):
        item_id = own if name == "own" else name
        item: AssistantMessageItem = message_item(thread, item_id, f"{number} ")
        event: Any = {
            "added": lambda item_id=item_id: ThreadItemAddedEvent(item=message_item(thread, item_id)),
            "delta": lambda item_id=item_id, number=number: delta(item_id, f"{number} "),
            "done": lambda item=item: ThreadItemDoneEvent(item=item),
            "empty done": lambda item_id=item_id: ThreadItemDoneEvent(item=message_item(thread, item_id)),
            "removed": lambda item_id=item_id: ThreadItemRemovedEvent(item_id=item_id),
            "replaced": lambda item=item: ThreadItemReplacedEvent(item=item),
        }[step]()
        repaired += [each.model_copy(deep=True) for each in answered.repair(event)]
    return repaired


def _apply(event: Any, shown: dict[str, str], stored: dict[str, str]) -> None:
    match event.type:
        case "thread.item.added":
            shown[event.item.id] = words(event.item)
        case "thread.item.updated":
            shown[event.item_id] = shown.get(event.item_id, "") + event.update.delta
        case "thread.item.done" | "thread.item.replaced":
            assert (
                event.type == "thread.item.replaced"
                or event.item.id not in stored
                or shown[event.item.id] == words(event.item)
            )
            shown[event.item.id] = stored[event.item.id] = words(event.item)
        case _:
            shown.pop(event.item_id, None)
            stored.pop(event.item_id, None)
