"""Takeover of a turn whose process died: its text so far is stored, marked, and its thread is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from chatkit.actions import Action
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    CustomTask,
    GeneratedImageItem,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadStreamEvent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import Card, DynamicWidgetRoot, Text

from attachments_s3 import MessageFiles
from chat_api.answer.drafts import INTERRUPTED, STOPPED_NOTE
from chat_api.assistant import Statement, Turn
from chat_api.attach.takeover import INTERRUPTED_NOTE, Takeover
from chat_api.context import RequestContext
from store_dynamo.errors import StoreUnavailableError
from store_dynamo.running import RunningTurn
from tests.fakes.assistants import delta, message_item
from tests.fakes.dead_turn import (
    THREAD,
    THREAD_MODEL,
    TURN,
    Past,
    half_an_answer,
    now,
    plant,
    segments,
    user_message,
)
from tests.fakes.memory_turns import MemoryRunning
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_message_files import uploaded
from tools.client.chatkit import act, add_message, add_tool_output, create_thread, get_thread

WorldOf = Callable[..., World]
ANA = request_context("ana")
LIST_THREADS = {"type": "threads.list", "params": {}}
LIST_ITEMS = {"type": "items.list", "params": {"thread_id": THREAD, "order": "asc"}}


async def dead(world: World, parts: Sequence[Sequence[ThreadStreamEvent]] = (), **options: Any) -> RunningTurn:
    """Plant a turn of Ana's that died with `parts` in its journal."""
    past = MemoryRunning(world.store.running.user_of, Past(), world.store.running.locks)
    return await plant(world.store, ANA, parts, running=past, **options)


async def everything(world: World) -> list[ThreadItem]:
    return (await world.store.load_thread_items(THREAD, None, 100, "asc", ANA)).data


def texts(item: Any) -> list[str]:
    return [part.text for part in item.content] if isinstance(item, AssistantMessageItem) else []


@pytest.mark.promise("R3")
@pytest.mark.feature("takeover")
@pytest.mark.parametrize("look", [get_thread(THREAD), LIST_ITEMS], ids=["get_by_id", "items.list"])
async def test_the_next_look_shows_the_text_so_far_marked_and_frees_the_thread(world: World, look: Any) -> None:
    await dead(world, half_an_answer())

    shown = await world.post(look)
    again = await world.post(look)

    items = shown.json().get("items", shown.json())["data"]
    assert [item["id"] for item in items] == ["msg_user_1", "wf_1", "msg_1"]
    assert [part["text"] for part in items[2]["content"]] == ["w0 w1 w2 w3 ", f"\n\n*{INTERRUPTED}*"]
    assert items[1]["workflow"]["tasks"][0]["status_indicator"] == "none"
    assert shown.headers["x-turn-interrupted"] == again.headers["x-turn-interrupted"] == TURN
    assert "x-turns-running" not in shown.headers
    assert shown.content == again.content
    assert await world.store.running.find(THREAD, ANA) is None


@pytest.mark.promise("R3")
async def test_the_model_is_told_behind_the_answer_and_the_mark_ends_with_the_next_turn(world: World) -> None:
    await dead(world, half_an_answer())
    await world.post(get_thread(THREAD))

    note = (await everything(world))[-1]
    assert (note.id, note.type) == (f"shcx_{TURN}", "sdk_hidden_context")
    assert getattr(note, "content", None) == INTERRUPTED_NOTE
    assert (await world.post(add_message(THREAD, "go on"))).status_code == 200
    assert [item.type for item in await everything(world)][-2:] == ["user_message", "assistant_message"]
    for look in (get_thread(THREAD), LIST_ITEMS):
        assert "x-turn-interrupted" not in (await world.post(look)).headers


@pytest.mark.promise("R3")
async def test_the_mark_of_a_long_thread_is_on_its_first_page(world: World) -> None:
    messages = [user_message("hi", number) for number in range(30)]
    await dead(world, half_an_answer(), items=messages)

    shown = await world.post(get_thread(THREAD))
    newest = await world.post({"type": "items.list", "params": {"thread_id": THREAD, "limit": 2, "order": "desc"}})

    assert shown.json()["items"]["has_more"]
    assert shown.headers["x-turn-interrupted"] == newest.headers["x-turn-interrupted"] == TURN


@pytest.mark.promise("R3")
async def test_a_stopped_turn_ends_as_stopped(world: World) -> None:
    await dead(world, half_an_answer())
    await world.store.turns.cancel(TURN, ANA)

    shown = await world.post(get_thread(THREAD))

    items = await everything(world)
    assert texts(items[2]) == ["w0 w1 w2 w3 "]
    assert getattr(items[-1], "content", None) == STOPPED_NOTE
    assert "x-turn-interrupted" not in shown.headers


@pytest.mark.promise("R3")
async def test_a_turn_without_a_journal_offers_a_retry_for_its_message(world: World) -> None:
    await dead(world)

    shown = await world.post(get_thread(THREAD))

    assert [item["id"] for item in shown.json()["items"]["data"]] == ["msg_user_1"]
    assert shown.headers["x-turn-interrupted"] == TURN
    retry = {"type": "threads.retry_after_item", "params": {"thread_id": THREAD, "item_id": "msg_user_1"}}
    assert (await world.post(retry)).status_code == 200
    assert [item.type for item in await everything(world)] == ["user_message", "assistant_message"]


@pytest.mark.promise("R3")
@pytest.mark.parametrize("end", ["answered", "stopped", "failed"])
async def test_a_turn_that_ended_before_it_died_is_only_unlocked(world: World, end: str) -> None:
    done = message_item(THREAD_MODEL, "msg_1", "whole").model_copy(update={"created_at": now()})
    parts: list[list[ThreadStreamEvent]] = [[ThreadItemAddedEvent(item=done)], [delta("msg_1", "w")]]
    await dead(world, parts, items=[user_message(), done], end=end)

    shown = await world.post(get_thread(THREAD))

    assert [item.id for item in await everything(world)] == ["msg_user_1", "msg_1"]
    assert "x-turn-interrupted" not in shown.headers
    assert await world.store.running.find(THREAD, ANA) is None


@pytest.mark.promise("R3")
async def test_an_end_without_its_items_is_not_believed(world: World) -> None:
    """The turn woke up when its writes were refused, and closed its journal before the taker did."""
    await dead(world, half_an_answer(), end="failed")

    shown = await world.post(get_thread(THREAD))

    assert [item["id"] for item in shown.json()["items"]["data"]] == ["msg_user_1", "wf_1", "msg_1"]
    assert shown.headers["x-turn-interrupted"] == TURN


class TestUnsent:
    """A turn that died before it stored its message."""

    @pytest.mark.promise("H10")
    @pytest.mark.promise("R3")
    @pytest.mark.feature("unsent-message")
    @pytest.mark.parametrize("looked_at", [False, True], ids=["repeat first", "look first"])
    async def test_a_repeat_is_told_to_send_again(self, world: World, looked_at: bool) -> None:
        file_id = await uploaded(world)
        await world.store.claim_attachment(file_id, TURN, ANA)
        await dead(world, has_thread=False, files=[file_id])
        request = create_thread("hi", (file_id,))

        if looked_at:
            assert (await world.post(get_thread(THREAD))).status_code == 404
        repeat = await world.post(request, **{"x-turn-id": TURN})
        again = await world.post(request, **{"x-turn-id": "turn-again-0001"})

        assert (repeat.status_code, repeat.json()["resend"]) == (409, True)
        assert again.status_code == 200
        assert "error" not in again.text
        assert await world.store.running.find(THREAD, ANA) is None

    @pytest.mark.promise("R4")
    async def test_it_cannot_create_its_thread_any_more(self, world: World) -> None:
        await dead(world, has_thread=False)
        await world.post(get_thread(THREAD))

        with pytest.raises(Exception, match="not found"):
            await world.store.save_thread(THREAD_MODEL.model_copy(), ANA)

    @pytest.mark.promise("R3")
    async def test_an_older_answer_is_not_marked(self, world: World) -> None:
        old = [user_message(), message_item(THREAD_MODEL, "msg_old", "complete")]
        for item in old:
            item.created_at = now() - timedelta(minutes=5)
        await dead(world, items=old)

        shown = await world.post(get_thread(THREAD))
        repeat = await world.post(add_message(THREAD, "two"), **{"x-turn-id": TURN})

        assert "x-turn-interrupted" not in shown.headers
        assert [item.id for item in await everything(world)] == ["msg_user_1", "msg_old"]
        assert repeat.json()["resend"] is True

    @pytest.mark.promise("H10")
    async def test_a_stored_message_is_not_sent_again(self, world: World) -> None:
        await dead(world)

        repeat = await world.post(create_thread("hi"), **{"x-turn-id": TURN})

        assert (repeat.status_code, repeat.json()["thread_id"]) == (409, THREAD)
        assert "resend" not in repeat.json()

    @pytest.mark.promise("H10")
    async def test_a_repeat_does_not_take_over_a_living_turn(self, world: World) -> None:
        await plant(world.store, ANA, has_thread=False)

        repeat = await world.post(create_thread("hi"), **{"x-turn-id": TURN})

        assert repeat.status_code == 409
        assert "resend" not in repeat.json()
        assert await world.store.running.find(THREAD, ANA) is not None


class Acting(Echo):
    """Also answers actions of cards."""

    async def action(self, thread: Any, action: Action[str, Any], sender: Any, turn: Turn) -> AsyncIterator[Any]:
        async for event in self.respond(thread, None, turn):
            yield event


@pytest.mark.promise("R3")
@pytest.mark.promise("R4")
@pytest.mark.parametrize("kind", ["message", "retry", "tool", "action"])
async def test_a_turn_in_the_thread_takes_over_first(world_of: WorldOf, kind: str) -> None:
    world = world_of(Acting())
    call = ClientToolCallItem(
        id="tc_1", thread_id=THREAD, created_at=now(), call_id="c", name="open", arguments={}, status="pending"
    )
    card = WidgetItem(id="card_1", thread_id=THREAD, created_at=now(), widget=Card(children=[]))
    await dead(world, half_an_answer(), items=[user_message(), call, card])
    request = {
        "message": add_message(THREAD, "two"),
        "retry": {"type": "threads.retry_after_item", "params": {"thread_id": THREAD, "item_id": "msg_user_1"}},
        "tool": add_tool_output(THREAD, "done"),
        "action": act(THREAD, "card_1", "press", {}),
    }[kind]

    assert (await world.post(request)).status_code == 200

    kinds = [item.type for item in await everything(world)]
    so_far = ["user_message", "client_tool_call", "widget", "workflow", "assistant_message", "sdk_hidden_context"]
    behind = {"message": ["user_message", "assistant_message"], "retry": []}.get(kind, ["assistant_message"])
    assert kinds == (["user_message", "assistant_message"] if kind == "retry" else so_far + behind)


@pytest.mark.promise("R4")
async def test_a_living_turn_is_left_alone(world: World) -> None:
    turn = await plant(
        world.store,
        ANA,
        half_an_answer(),
        running=MemoryRunning(world.store.running.user_of, Past(19), world.store.running.locks),
    )

    shown = await world.post(get_thread(THREAD))
    busy = await world.post(add_message(THREAD, "two"))

    assert shown.headers["x-turns-running"] == f"{THREAD}={TURN}"
    assert [item["id"] for item in shown.json()["items"]["data"]] == ["msg_user_1"]
    assert (busy.status_code, busy.json()["turn_id"], busy.json()["thread_id"]) == (409, TURN, THREAD)
    assert int(busy.headers["retry-after"]) > 0
    assert await world.store.running.find(THREAD, ANA) == turn
    assert await world.store.running.beat(THREAD, turn.claim, ANA)


@pytest.mark.promise("R4")
async def test_a_turn_that_beats_in_the_last_moment_lives(world: World) -> None:
    seen = await dead(world, half_an_answer())
    assert await world.store.running.beat(THREAD, seen.claim, ANA)

    assert await taker(world).of(seen, ANA) is None
    assert [item.id for item in await everything(world)] == ["msg_user_1"]


@pytest.mark.promise("R4")
async def test_lists_name_the_running_turns_of_their_user_only(world: World) -> None:
    await world.store.running.begin("thr_a", "turn-aaaaaaa", "a", ANA)
    await world.store.running.begin("thr_b", "turn-bbbbbbb", "b", ANA)
    await world.store.running.begin("thr, x\r\ny=z", "turn-ccccccc", "c", ANA)
    await world.store.running.begin("thr_d", "turn-ddddddd", "d", request_context("bob"))

    shown = await world.post(LIST_THREADS)

    assert shown.headers["x-turns-running"] == "thr_a=turn-aaaaaaa, thr_b=turn-bbbbbbb"
    assert "x-turns-running" not in (await world.post(LIST_THREADS, "cleo")).headers


@pytest.mark.promise("R3")
async def test_a_list_takes_nothing_over(world: World) -> None:
    turn = await dead(world, half_an_answer())

    shown = await world.post(LIST_THREADS)

    assert "x-turns-running" not in shown.headers
    assert await world.store.running.find(THREAD, ANA) == turn


class Moderated(Echo):
    def __init__(self, verdict: Callable[[], str | None]) -> None:
        super().__init__()
        self.verdict = verdict

    async def moderate(self, statement: Statement, context: RequestContext) -> str | None:
        return self.verdict() if statement.source == "answer" else None


def _fails() -> str | None:
    raise RuntimeError("down")


@pytest.mark.promise("H3")
@pytest.mark.parametrize(
    ("verdict", "kept"), [(lambda: None, True), (lambda: "No.", False), (_fails, False)], ids=["yes", "no", "down"]
)
async def test_text_that_was_not_checked_is_not_stored(
    world_of: WorldOf, verdict: Callable[[], str | None], kept: bool
) -> None:
    world = world_of(Moderated(verdict))
    await dead(world, half_an_answer())

    shown = await world.post(get_thread(THREAD))

    assert ("w0" in shown.text) is kept
    assert shown.headers["x-turn-interrupted"] == TURN
    assert await world.store.running.find(THREAD, ANA) is None


class TestItems:
    """What of an unfinished answer is stored."""

    @pytest.mark.promise("R3")
    async def test_what_the_turn_has_stored_stays(self, world: World) -> None:
        whole = message_item(THREAD_MODEL, "msg_1", "w0 w1 w2 w3 and the end")
        steps = Workflow(type="custom", tasks=[CustomTask(title="Look", status_indicator="complete")])
        workflow = WorkflowItem(id="wf_1", thread_id=THREAD, created_at=now(), workflow=steps)
        stored = [user_message(), workflow, whole.model_copy(update={"created_at": now()})]
        await dead(world, half_an_answer(), items=stored)

        await world.post(get_thread(THREAD))

        assert (await everything(world))[:3] == stored

    @pytest.mark.promise("R3")
    async def test_a_finished_item_is_not_added_again(self, world: World) -> None:
        *_, last = half_an_answer()
        item = message_item(THREAD_MODEL, "msg_1", "removed meanwhile")
        done: list[ThreadStreamEvent] = [ThreadItemDoneEvent(item=item)]
        await dead(world, [*half_an_answer()[:1], [*last, *done]])

        await world.post(get_thread(THREAD))

        assert [item.id for item in await everything(world)][:2] == ["msg_user_1", "wf_1"]

    @pytest.mark.promise("R3")
    async def test_widgets_come_to_rest_and_pictures_without_an_image_are_left_out(self, world: World) -> None:
        card = Card(children=[Text(id="t", value="so far", streaming=True)])
        template = DynamicWidgetRoot.model_validate({"type": "Card", "children": [], "own": {"a": 1}})
        items: list[ThreadItem] = [
            WidgetItem(id="w_1", thread_id=THREAD, created_at=now(), widget=card),
            WidgetItem(id="w_2", thread_id=THREAD, created_at=now(), widget=template),
            GeneratedImageItem(id="img_1", thread_id=THREAD, created_at=now()),
        ]
        await dead(world, [[ThreadItemAddedEvent(item=item) for item in items]])

        shown = (await world.post(get_thread(THREAD))).json()["items"]["data"]

        assert [item["id"] for item in shown] == ["msg_user_1", "w_1", "w_2"]
        assert (shown[1]["widget"]["children"][0]["value"], shown[1]["widget"]["children"][0]["streaming"]) == (
            "so far",
            False,
        )
        assert shown[2]["widget"]["own"] == {"a": 1}

    @pytest.mark.promise("R3")
    async def test_a_journal_that_cannot_be_read_still_frees_the_thread(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        turn = await dead(world)
        (segment,) = segments([[delta("msg_1", "secret words")]], turn.claim)
        await world.store.journal.append(THREAD, TURN, replace(segment, body='[["?", "secret words"]'), ANA)

        with caplog.at_level(logging.DEBUG):
            shown = await world.post(get_thread(THREAD))

        assert shown.headers["x-turn-interrupted"] == TURN
        assert await world.store.running.find(THREAD, ANA) is None

    @pytest.mark.promise("R3")
    async def test_an_expired_journal_frees_the_thread_without_its_text(self, world: World) -> None:
        turn = await dead(world, half_an_answer())
        world.store.journal.clock = lambda: Past(-7200)()

        shown = await world.post(get_thread(THREAD))

        assert "w0" not in shown.text
        assert await world.store.running.find(THREAD, ANA) is None
        assert turn.claim

    @pytest.mark.promise("R3")
    async def test_the_words_behind_the_journal_are_sealed_out(self, world: World) -> None:
        turn = await dead(world, half_an_answer())
        await world.post(get_thread(THREAD))

        late = segments([*half_an_answer(), [delta("msg_1", "late")]], turn.claim)[-1]
        assert not await world.store.journal.append(THREAD, TURN, late, ANA)


def taker(world: World) -> Takeover:
    return Takeover(world.store, MessageFiles(world.store, world.files))  # pyright: ignore[reportArgumentType]


@pytest.mark.promise("R3")
@pytest.mark.promise("R4")
async def test_three_takers_at_once_end_in_one_store(world: World) -> None:
    turn = await dead(world, half_an_answer())

    await asyncio.gather(*(taker(world).of(turn, ANA) for _ in range(3)))

    assert [item.id for item in await everything(world)] == ["msg_user_1", "wf_1", "msg_1", f"shcx_{TURN}"]


class Paused:
    """A store's object whose method waits, once, until the test lets it go on."""

    def __init__(self, real: Any, name: str) -> None:
        self._real, self._name = real, name
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        found: Callable[..., Awaitable[Any]] = getattr(self._real, name)
        if name != self._name:
            return found

        async def later(*arguments: Any, **named: Any) -> Any:
            result = await found(*arguments, **named)
            self.reached.set()
            await self.go_on.wait()
            return result

        return later


@pytest.mark.promise("R4")
async def test_a_slow_taker_does_not_undo_the_next_turn(world: World) -> None:
    """It has read the journal, sleeps, and wakes up when the user has retried the answer."""
    turn = await dead(world, half_an_answer())
    slow = taker(world)
    journal = Paused(world.store.journal, "append")
    slow_store = world.store.fenced("nothing")
    slow_store.journal = journal  # pyright: ignore[reportAttributeAccessIssue]
    slow._store = slow_store  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    sleeping = asyncio.create_task(slow.of(turn, ANA))
    await journal.reached.wait()
    await world.post(get_thread(THREAD))
    retry = {"type": "threads.retry_after_item", "params": {"thread_id": THREAD, "item_id": "msg_user_1"}}
    assert (await world.post(retry)).status_code == 200
    before = await everything(world)

    journal.go_on.set()
    await sleeping

    assert [item.type for item in before] == ["user_message", "assistant_message"]
    assert await everything(world) == before


@pytest.mark.promise("R3")
async def test_a_look_is_answered_although_the_takeover_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await dead(world, half_an_answer())

    async def down(*_: object, **__: object) -> Any:
        raise StoreUnavailableError("PutItem", 8, "ThrottlingException")

    with monkeypatch.context() as trouble:
        trouble.setattr(world.store.journal, "append", down)
        during = await world.post(get_thread(THREAD))
    after = await world.post(get_thread(THREAD))

    assert (during.status_code, len(during.json()["items"]["data"])) == (200, 1)
    assert after.headers["x-turn-interrupted"] == TURN


@pytest.mark.promise("R4")
async def test_lists_are_answered_without_the_locks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object) -> Any:
        raise StoreUnavailableError("Query", 8, "ThrottlingException")

    with monkeypatch.context() as trouble:
        trouble.setattr(world.store.running, "find_all", down)
        assert (await world.post(LIST_THREADS)).status_code == 200


@pytest.mark.promise("R4")
async def test_the_dead_turns_writes_are_refused(world: World) -> None:
    turn = await dead(world, half_an_answer())
    await world.post(get_thread(THREAD))
    zombie = world.store.fenced(turn.claim)
    before = await everything(world)

    late = AssistantMessageItem(
        id="msg_2", thread_id=THREAD, created_at=now(), content=[AssistantMessageContent(text="late")]
    )
    for write in (
        lambda: zombie.add_thread_item(THREAD, late, ANA),
        lambda: zombie.save_item(THREAD, late, ANA),
        lambda: zombie.delete_thread_item(THREAD, "wf_1", ANA),
    ):
        with pytest.raises(Exception, match="taken over"):
            await write()
    assert not await world.store.running.beat(THREAD, turn.claim, ANA)
    assert await everything(world) == before
