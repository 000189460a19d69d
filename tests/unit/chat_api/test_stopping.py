"""Stopping a turn: in every state, the model is stopped and the answer so far is stored."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from chatkit.types import (
    CustomTask,
    ProgressUpdateEvent,
    SDKHiddenContextItem,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    WidgetItem,
    WidgetStreamingTextValueDelta,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
)
from chatkit.widgets import Card, Text

from chat_api.assistant import Turn
from chat_api.background_stream import CAPACITY, END
from chat_api.server import OUT_OF_TIME
from chat_api.turn import Timing
from store_dynamo.table import run_to_completion
from tests.fakes.asgi_exchange import Exchange, LambdaContext
from tests.fakes.assistants import Halting, delta, message_item, spoken
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import World
from tools.client.chatkit import Event, add_message, create_thread, get_thread

TURN = "turn-0000001"
WorldOf = Callable[..., World]


def begin(world: World, request: Event | None = None, **options: Any) -> Exchange:
    headers = {"x-auth-token": world.pool.token("ana"), "x-turn-id": TURN}
    return Exchange(world.app, request or create_thread("count"), headers, **options)


async def cancel(world: World, user: str = "ana", turn: str = TURN) -> int:
    async with world.client(user) as client:
        return (await client.post(f"/chatkit/turns/{turn}/cancel")).status_code


async def items(world: World, thread_id: str) -> list[ThreadItem]:
    return (await world.store.load_thread_items(thread_id, None, 50, "asc", request_context("ana"))).data


async def until(condition: Callable[[], bool]) -> None:
    """Run other tasks until `condition` holds."""
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


def words(stored: list[ThreadItem]) -> list[str]:
    return ["".join(part.text for part in item.content) for item in stored if item.type == "assistant_message"]


def notes(stored: list[ThreadItem]) -> list[ThreadItem]:
    return [item for item in stored if isinstance(item, SDKHiddenContextItem)]


@pytest.fixture
async def quiet() -> AsyncIterator[None]:
    """Check that no task is left running."""
    yield
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


@pytest.mark.usefixtures("quiet")
@pytest.mark.promise("H6")
@pytest.mark.feature("stop")
class TestWhereverTheTurnIs:
    async def test_silent_model(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()

        assert await cancel(world) == 202
        events = await turn.rest()

        thread_id = events[0]["thread"]["id"]
        stored = await items(world, thread_id)
        assert assistant.stopped.is_set()
        assert assistant.closed.is_set()
        assert "error" not in [event["type"] for event in events]
        assert [item.type for item in stored] == ["user_message", "assistant_message", "sdk_hidden_context"]
        assert words(stored) == ["One two "]
        assert world.metrics[0].outcome == "user"
        assert turn.task.exception() is None

    @pytest.mark.promise("B7")
    async def test_steps_and_cards_so_far_are_stored_as_well(self, world_of: WorldOf) -> None:
        class Working(Halting):
            async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
                facts: dict[str, Any] = {"thread_id": self.turns[0].context.turn_id, "created_at": datetime.now()}
                steps = WorkflowItem(id="w", **facts, workflow=Workflow(type="custom", tasks=[]))
                card = Card(children=[Text(id="t", value="one", streaming=True)])
                yield ThreadItemAddedEvent(item=steps)
                yield ThreadItemUpdatedEvent(
                    item_id="w", update=WorkflowTaskAdded(task=CustomTask(title="step 1"), task_index=0)
                )
                yield ThreadItemAddedEvent(item=WidgetItem(id="c", **facts, widget=card))
                more = WidgetStreamingTextValueDelta(component_id="t", delta=" two", done=False)
                yield ThreadItemUpdatedEvent(item_id="c", update=more)
                working.set()
                await self.go_on.wait()

        working = asyncio.Event()
        world = world_of(Working())
        turn = begin(world)
        await working.wait()

        await cancel(world)
        events = await turn.rest()

        stored = await items(world, events[0]["thread"]["id"])
        assert [item.type for item in stored[1:4]] == ["assistant_message", "workflow", "widget"]
        assert "step 1" in stored[2].model_dump_json()
        assert "one two" in stored[3].model_dump_json()

    async def test_tool_that_cannot_be_interrupted(self, world_of: WorldOf) -> None:
        ended = threading.Event()

        class Blocked(Halting):
            async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
                await asyncio.to_thread(ended.wait, 10)
                yield ProgressUpdateEvent(text="done after all")

        assistant = Blocked()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()

        await cancel(world)
        events = await turn.rest()
        still_blocked = not ended.is_set()
        ended.set()

        assert still_blocked
        assert words(await items(world, events[0]["thread"]["id"])) == ["One two "]

    @pytest.mark.parametrize("clean_up", ["goes on", "ends", "fails"])
    async def test_assistant_that_does_not_let_itself_be_cancelled(self, world_of: WorldOf, clean_up: str) -> None:
        class Stubborn(Halting):
            async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
                try:
                    await self.go_on.wait()
                except asyncio.CancelledError:
                    if clean_up == "fails":
                        raise RuntimeError("the connection was closed") from None
                    if clean_up == "goes on":
                        yield ProgressUpdateEvent(text="never mind")

        assistant = Stubborn()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()

        await cancel(world)
        events = await turn.rest()

        stored = await items(world, events[0]["thread"]["id"])
        assert (words(stored), len(notes(stored))) == (["One two "], 1)
        assert {"error", "progress_update"}.isdisjoint(event["type"] for event in events)

    @pytest.mark.promise("L2")
    async def test_blocked_reader_without_a_journal(self, world_of: WorldOf) -> None:
        yielded: list[str] = []

        class Endless(Halting):
            async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
                turn.on_stop(self.stopped.set)
                item_id = turn.store.generate_item_id("message", thread, turn.context)
                yield ThreadItemAddedEvent(item=message_item(thread, item_id))
                while True:
                    yielded.append("x")
                    yield delta(item_id, "x")

        world = world_of(Endless(), timing=Timing(cancel_poll=0.01, journal=0))
        turn = begin(world)
        created = await turn.event("thread.created")
        assert created is not None
        turn.hold()
        await turn.waiting.wait()
        for _ in range(100):
            await asyncio.sleep(0)  # a task that could continue would
        before = len(yielded)

        await cancel(world)
        await until(lambda: len(world.metrics) == 1)
        stored = await items(world, created["thread"]["id"])
        turn.take()
        await turn.rest()

        # The stored text is the model's, not only the part that the reader has taken.
        assert before <= 2 * CAPACITY
        assert words(stored) == ["x" * before]
        assert len(yielded) == before

    async def test_before_the_first_token(self, world_of: WorldOf) -> None:
        class Thinking(Halting):
            async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
                turn.on_stop(self.stopped.set)
                self.reached.set()
                await self.go_on.wait()
                yield ProgressUpdateEvent(text="never")

        assistant = Thinking()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()

        await cancel(world)
        events = await turn.rest()

        stored = await items(world, events[0]["thread"]["id"])
        assert assistant.stopped.is_set()
        assert [item.type for item in stored] == ["user_message", "sdk_hidden_context"]

    async def test_before_the_thread_is_created(self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch) -> None:
        assistant = Halting()
        world = world_of(assistant)
        saving, may_save = asyncio.Event(), asyncio.Event()
        save_thread = world.store.save_thread

        async def slow(thread: ThreadMetadata, context: Any) -> None:
            saving.set()
            await may_save.wait()
            await save_thread(thread, context)

        monkeypatch.setattr(world.store, "save_thread", slow)
        turn = begin(world)
        await saving.wait()

        assert await cancel(world) == 202
        looks = world.store.turns.looks
        await until(lambda: world.store.turns.looks > looks)
        may_save.set()
        events = await turn.rest()

        stored = await items(world, events[0]["thread"]["id"])
        assert [event["type"] for event in events[:2]] == ["thread.created", "thread.item.done"]
        assert [item.type for item in stored] == ["user_message", "sdk_hidden_context"]
        assert not assistant.turns  # the model was never called

    async def test_during_a_write(self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch) -> None:
        class Complete(Halting):
            async def respond(self, thread: Any, message: Any, turn: Turn) -> AsyncIterator[ThreadStreamEvent]:
                for event in spoken(thread, turn, ["All ", "of it."]):
                    yield event

        world = world_of(Complete())
        writing, may_write = asyncio.Event(), asyncio.Event()
        add_thread_item = world.store.add_thread_item

        async def slow(thread_id: str, item: ThreadItem, context: Any) -> None:
            async def write() -> None:
                if item.type == "assistant_message":
                    writing.set()
                    await may_write.wait()
                await add_thread_item(thread_id, item, context)

            await run_to_completion(write())  # as DynamoStore does

        monkeypatch.setattr(world.store, "add_thread_item", slow)
        turn = begin(world)
        await writing.wait()

        looks = world.store.turns.looks
        await cancel(world)
        await until(lambda: world.store.turns.looks > looks)
        may_write.set()
        events = await turn.rest()

        assert words(await items(world, events[0]["thread"]["id"])) == ["All of it."]
        assert turn.task.exception() is None


@pytest.mark.usefixtures("quiet")
class TestOtherOrders:
    @pytest.mark.promise("H5")
    @pytest.mark.feature("deadline")
    async def test_deadline_stores_the_answer_and_offers_a_retry(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant, timing=Timing(cancel_poll=0.01, reserve=1000))
        world.server.load()  # which would take all of the remaining time
        turn = begin(world, context=LambdaContext(milliseconds=200))

        events = await turn.rest()
        thread_id = events[0]["thread"]["id"]
        stored = await items(world, thread_id)
        again = await world.post(get_thread(thread_id))

        assert assistant.stopped.is_set()
        assert events[-1] | {"request_id": ""} == {
            **{"type": "error", "code": "custom", "message": OUT_OF_TIME, "allow_retry": True},
            "request_id": "",
        }
        assert [item.type for item in stored] == ["user_message", "assistant_message"]
        assert words(stored) == ["One two "]
        assert again.status_code == 200
        assert world.metrics[0].outcome == "deadline"

    @pytest.mark.promise("H5")
    async def test_deadline_keeps_a_reserve(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant, timing=Timing(cancel_poll=0.01, reserve=0.5))
        world.server.load()
        left = 600
        started = asyncio.get_running_loop().time()
        turn = begin(world, context=LambdaContext(milliseconds=left))
        await assistant.stopped.wait()
        waited = asyncio.get_running_loop().time() - started
        await turn.rest()

        assert waited < left / 1000

    @pytest.mark.promise("H6")
    async def test_runtime_that_ends_the_request_loses_nothing(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant)
        turn = begin(world)
        created = await turn.event("thread.created")
        assert created is not None
        await assistant.reached.wait()

        turn.task.cancel()
        await asyncio.wait({turn.task})
        await until(lambda: len(world.metrics) == 1)

        stored = await items(world, created["thread"]["id"])
        assert assistant.stopped.is_set()
        assert words(stored) == ["One two "]
        assert notes(stored) == []


@pytest.mark.usefixtures("quiet")
@pytest.mark.promise("L2")
@pytest.mark.promise("R6")
class TestReaders:
    async def begin(self, world: World) -> tuple[Exchange, str]:
        turn = begin(world)
        created = await turn.event("thread.created")
        assert created is not None
        await world.assistant.reached.wait()
        return turn, created["thread"]["id"]

    async def test_one_that_has_left_stops_nothing(self, world_of: WorldOf) -> None:
        world = world_of(Halting())
        turn, thread_id = await self.begin(world)

        turn.refuse()
        world.assistant.go_on.set()
        await turn.rest()

        assert turn.task.exception() is None
        assert words(await items(world, thread_id)) == ["One two three."]
        assert [each.outcome for each in world.metrics] == ["answered"]

    @pytest.mark.parametrize("journal", [1.0, 0.0], ids=["journal", "no journal"])
    async def test_one_that_leaves_before_the_response_stops_nothing(self, world_of: WorldOf, journal: float) -> None:
        assistant = Halting()
        assistant.go_on.set()
        world = world_of(assistant, timing=Timing(cancel_poll=0.01, journal=journal))
        world.server.load()

        turn = begin(world)
        turn.refuse()
        await turn.rest()

        assert turn.task.exception() is None
        assert [each.outcome for each in world.metrics] == ["answered"]

    async def test_the_request_ends_only_after_the_turn_of_one_that_has_left(self, world_of: WorldOf) -> None:
        class Talking(Halting):
            async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
                yield ProgressUpdateEvent(text="the reader's end is noticed here")
                await self.go_on.wait()

        world = world_of(Talking())
        turn, _ = await self.begin(world)
        turn.refuse()
        await asyncio.sleep(0.05)
        running = not turn.task.done()  # Lambda would freeze the process
        world.assistant.go_on.set()
        await turn.rest()

        assert running
        assert len(world.metrics) == 1

    async def test_one_that_has_left_does_not_keep_the_user_from_stopping(self, world_of: WorldOf) -> None:
        world = world_of(Halting())
        turn, thread_id = await self.begin(world)

        turn.refuse()
        await cancel(world)
        await turn.rest()

        assert words(await items(world, thread_id)) == ["One two "]
        assert [each.outcome for each in world.metrics] == ["user"]

    async def test_a_complete_answer_ends_with_a_comment(self, world_of: WorldOf) -> None:
        world = world_of(Halting())
        turn, _ = await self.begin(world)
        world.assistant.go_on.set()
        await turn.rest()

        assert turn.chunks[-1] == END


@pytest.mark.usefixtures("quiet")
@pytest.mark.promise("H6")
class TestCancelRequests:
    async def test_after_the_end_nothing_happens(self, world_of: WorldOf) -> None:
        assistant = Halting()
        assistant.go_on.set()
        world = world_of(assistant)
        events = await begin(world).rest()

        assert await cancel(world) == 202

        thread_id = events[0]["thread"]["id"]
        assert words(await items(world, thread_id)) == ["One two three."]
        follow_up = await world.post(add_message(thread_id, "and on?"))
        assert follow_up.status_code == 200
        assert world.metrics[-1].outcome == "answered"

    async def test_of_anothers_turn_has_no_effect(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()

        assert await cancel(world, "bob") == 202
        assistant.go_on.set()
        events = await turn.rest()

        assert words(await items(world, events[0]["thread"]["id"])) == ["One two three."]

    async def test_twice_is_once(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()

        assert [await cancel(world), await cancel(world)] == [202, 202]
        events = await turn.rest()

        assert len(notes(await items(world, events[0]["thread"]["id"]))) == 1

    async def test_unknown_and_malformed(self, world_of: WorldOf) -> None:
        world = world_of(Halting())

        assert await cancel(world) == 202
        assert await cancel(world, turn="x") == 400

    async def test_that_overtakes_its_turn_stops_it(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant, timing=Timing(cancel_poll=0.01))

        assert await cancel(world) == 202  # at once: it does not occupy a process until the turn arrives
        turn = begin(world)
        events = await turn.rest()

        assert "One two three." not in words(await items(world, events[0]["thread"]["id"]))

    async def test_next_turn_of_the_thread_works(self, world_of: WorldOf) -> None:
        assistant = Halting()
        world = world_of(assistant)
        turn = begin(world)
        await assistant.reached.wait()
        await cancel(world)
        events = await turn.rest()
        assistant.go_on.set()

        follow_up = await world.post(add_message(events[0]["thread"]["id"], "go on"), **{"x-turn-id": "turn-0000002"})

        assert follow_up.status_code == 200
        assert words(await items(world, events[0]["thread"]["id"])) == ["One two ", "One two three."]


@pytest.mark.promise("H6")
def test_a_stop_takes_effect_within_a_second() -> None:
    assert Timing().cancel_poll <= 0.5


class Titled(Halting):
    """Halts in its answer, and has a title or is still thinking about it."""

    def __init__(self, given: str | None) -> None:
        super().__init__()
        self.given = given

    async def title(self, message: UserMessageItem) -> str | None:
        if self.given is None:
            await asyncio.sleep(60)
        return self.given


@pytest.mark.usefixtures("quiet")
@pytest.mark.feature("titles")
@pytest.mark.parametrize(
    ("given", "said", "title"),
    [
        ("Counting", "count to twenty", "Counting"),
        (None, "count to twenty", "count to twenty"),
        (None, f"{'count to ' * 5}twenty one", f"{'count to ' * 5}".strip() + "…"),
        (None, "x" * 90, "x" * 49 + "…"),
    ],
)
async def test_a_first_turn_that_is_stopped_leaves_a_title(
    world_of: WorldOf, given: str | None, said: str, title: str
) -> None:
    assistant = Titled(given)
    world = world_of(assistant)
    turn = begin(world, create_thread(said))
    await assistant.reached.wait()
    await asyncio.sleep(0)

    await cancel(world)
    thread_id = (await turn.rest())[0]["thread"]["id"]

    assert (await world.store.load_thread(thread_id, request_context("ana"))).title == title
