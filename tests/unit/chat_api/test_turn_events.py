"""R1, R2, R5: GET /chatkit/turns/{turn}/events, a running or ended turn for another reader."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ClientEffectEvent,
    ClientToolCallItem,
    ErrorEvent,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    NoticeEvent,
    ProgressUpdateEvent,
    StreamOptions,
    StreamOptionsEvent,
    Thread,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadUpdatedEvent,
)
from pydantic import BaseModel

from chat_api.attach import reader
from chat_api.attach.entries import Collector, dump
from chat_api.settings import LimitSettings
from store_dynamo.journal import Segment
from store_dynamo.running import DEAD_AFTER
from tests.fakes.assistants import delta
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_journal_entries import facts, sse
from tools.client.chatkit import create_thread, get_thread

WorldOf = Callable[..., World]
ANA = request_context("ana")
TURN = "turn-0000001"

pytestmark = pytest.mark.promise("R1")


@dataclass
class Answer:
    """A response of the route: its events and its comments, in order."""

    status: int
    lines: list[Any] = field(default_factory=list[Any])
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    message: str = ""

    @classmethod
    def of(cls, response: httpx.Response) -> Answer:
        if response.status_code != 200:
            return cls(response.status_code, message=response.json()["message"])
        lines = response.text.split("\n")
        marks = [json.loads(line[6:]) if line.startswith("data: ") else line for line in lines if line]
        return cls(200, marks, response.headers)

    @property
    def events(self) -> list[Any]:
        return [line for line in self.lines if not isinstance(line, str)]

    @property
    def marks(self) -> list[str]:
        return [line for line in self.lines if isinstance(line, str)]


@dataclass
class Running:
    """A turn of ana whose journal the test writes."""

    world: World
    thread_id: str
    sent: int = 0
    claim: str = "claim"

    @classmethod
    async def begin(cls, world: World, *, locked: bool = True) -> Running:
        created = await world.post(create_thread("hello"))
        thread_id = json.loads(created.text.split("data: ")[1].split("\n")[0])["thread"]["id"]
        await world.store.turns.claim(TURN, thread_id, ANA)
        if locked:
            await world.store.running.begin(thread_id, TURN, "claim", ANA)
        return cls(world, thread_id)

    async def write(self, *events: BaseModel, end: str | None = None, claim: str = "claim") -> None:
        """Write one segment of the journal; without events, an end segment."""
        collector = Collector()
        for event in events:
            collector.note(sse(event))
        entries, number = collector.take()
        segment = Segment(self.sent, number, dump(entries), claim, end)
        assert await self.world.store.journal.append(self.thread_id, TURN, segment, ANA)
        self.sent += number

    async def store(self, *items: ThreadItem) -> None:
        for item in items:
            await self.world.store.add_thread_item(self.thread_id, item, ANA)

    async def over(self) -> None:
        """Free the thread."""
        await self.world.store.running.end(self.thread_id, "claim", ANA, taken=True)

    async def die(self) -> None:
        """Let the last sign of life be 20 seconds old."""
        locks = self.world.store.running.locks
        locks.update({key: replace(lock, at=lock.at - DEAD_AFTER) for key, lock in locks.items()})


async def read(world: World, after: int | str | None = None, user: str = "ana", turn: str = TURN) -> Answer:
    async with world.client(user) as client:
        params = {} if after is None else {"after": str(after)}
        return Answer.of(await client.get(f"/chatkit/turns/{turn}/events", params=params))


def message(text: str = "", item_id: str = "m") -> AssistantMessageItem:
    content = [AssistantMessageContent(text=text)] if text else []
    return AssistantMessageItem(**facts(item_id), content=content)


OPTIONS = StreamOptionsEvent(stream_options=StreamOptions(allow_cancel=True))
ADDED = ThreadItemAddedEvent(item=message())


@pytest.mark.feature("running-answers")
@pytest.mark.parametrize("path", ["no events", "events"])
async def test_a_late_reader_gets_all_words_so_far_and_asks_again(world: World, path: str) -> None:
    turn = await Running.begin(world)
    if path == "events":
        await turn.write(OPTIONS, ADDED, delta("m", "Hel"))
        await turn.write(delta("m", "lo"))

    answer = await read(world)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["x-turn-id"], answer.headers["cache-control"]) == (TURN, "no-store")
    if path == "no events":
        assert answer.lines == [": at 0", ": more 100"]
        return
    assert [event["type"] for event in answer.events] == ["stream_options", "thread.item.added"]
    assert answer.events[1]["item"]["content"][0]["text"] == "Hello"
    assert answer.lines[2:] == [": at 4", ": more 1000"]


@pytest.mark.promise("R2")
@pytest.mark.feature("running-answers")
@pytest.mark.parametrize("after", range(6))
async def test_events_continue_one_by_one_from_any_number(world: World, after: int) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED, delta("m", "a"), delta("m", "b"))
    await turn.write(delta("m", "c"), delta("m", "d"))

    answer = await read(world, after)

    events = [OPTIONS, ADDED, *(delta("m", each) for each in "abcd")]
    assert answer.events == [json.loads(sse(event)[6:]) for event in events[after:]]
    assert answer.marks == [": at 6", ": more 1000"]


@pytest.mark.promise("R2")
async def test_a_reader_ahead_of_the_journal_keeps_its_number(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED)

    assert (await read(world, 7)).lines == [": at 7", ": more 1000"]


@pytest.mark.promise("R2")
async def test_superseded_events_are_counted_and_not_sent(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ProgressUpdateEvent(text="one"), ProgressUpdateEvent(text="two"), ADDED)

    answer = await read(world, 1)

    assert answer.lines[0] == ": at 2"
    assert [event["type"] for event in answer.events] == ["progress_update", "thread.item.added"]
    assert answer.marks == [": at 2", ": at 4", ": more 1000"]


@pytest.mark.parametrize("end", ["answered", "stopped", "failed"])
@pytest.mark.parametrize("after", [None, 0, 2, 3, 9])
async def test_an_ended_turn_ends_its_readers(world: World, end: str, after: int | None) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED, ThreadItemDoneEvent(item=message("all")))
    await turn.store(message("all"))
    await turn.write(end=end)
    await turn.over()

    answer = await read(world, after)

    assert answer.marks[-2:] == [f": at {max(3, after or 0)}", ": end"]
    done = [event["item"]["content"][0]["text"] for event in answer.events if event["type"] == "thread.item.done"]
    assert done == (["all"] if (after or 0) < 3 else [])


async def test_stored_items_come_from_the_store_as_they_are_now(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ThreadItemDoneEvent(item=message("old")))
    await turn.store(message("new"))

    for answer in [await read(world), await read(world, 1)]:
        (done,) = [event for event in answer.events if event["type"] == "thread.item.done"]
        assert done["item"]["content"][0]["text"] == "new"


@pytest.mark.promise("R2")
async def test_a_deleted_item_is_left_out_and_counted(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ThreadItemDoneEvent(item=message("gone")), ADDED)

    answer = await read(world, 1)

    assert [event["type"] for event in answer.events] == ["thread.item.added"]
    assert answer.marks == [": at 2", ": at 3", ": more 1000"]
    assert "gone" not in repr((await read(world)).events)


async def test_an_image_is_signed_on_its_way_out(world: World) -> None:
    turn = await Running.begin(world)
    url = "https://files.example/generated/ana/img_1?X-Amz-Signature=old"
    image = GeneratedImageItem(**facts("g"), image=GeneratedImage(id="i", url=url))
    await turn.write(OPTIONS, ThreadItemDoneEvent(item=image))
    await turn.store(image)

    for answer in [await read(world), await read(world, 1)]:
        shown = answer.events[-1]["item"]["image"]["url"]
        assert "generated/ana/img_1?" in shown
        assert "X-Amz-Signature=" in shown
        assert "old" not in shown


async def test_an_unfinished_image_is_shown_without_its_picture(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(ThreadItemAddedEvent(item=GeneratedImageItem(**facts("g"))))

    (added,) = (await read(world)).events

    assert (added["type"], "image" in added["item"]) == ("thread.item.added", False)


async def test_effects_are_in_no_snapshot_and_continue_once(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ClientEffectEvent(name="show_page", data={}))

    assert "show_page" not in repr((await read(world)).events)
    assert [event["name"] for event in (await read(world, 1)).events] == ["show_page"]
    assert (await read(world, 2)).events == []


async def test_a_snapshot_has_notices_the_last_progress_and_the_error_last(world: World) -> None:
    turn = await Running.begin(world)
    notices = [NoticeEvent(level="info", message=each) for each in "12"]
    error = ErrorEvent(code="custom", message="wrong", allow_retry=True)
    await turn.write(error, OPTIONS, ADDED, *notices, ProgressUpdateEvent(text="one"), ProgressUpdateEvent(text="two"))

    types = [event["type"] for event in (await read(world)).events]

    assert types == ["stream_options", "thread.item.added", "notice", "notice", "progress_update", "error"]


async def test_a_snapshot_has_the_threads_present_title(world: World) -> None:
    turn = await Running.begin(world)
    thread = await world.store.load_thread(turn.thread_id, ANA)
    await turn.write(OPTIONS, ThreadUpdatedEvent(thread=Thread(**thread.model_dump(), items={"data": []})))  # pyright: ignore
    thread.title = "New title"
    thread.metadata = {"secret": 1}
    await world.store.save_thread(thread, ANA)

    _, updated = (await read(world)).events

    assert (updated["type"], updated["thread"]["title"]) == ("thread.updated", "New title")
    assert "secret" not in repr(updated)


async def test_a_removed_item_is_in_no_snapshot(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(ADDED, delta("m", "refused"), ThreadItemRemovedEvent(item_id="m"))

    assert (await read(world)).events == []
    assert (await read(world, 2)).events == [{"type": "thread.item.removed", "item_id": "m"}]


async def test_hidden_items_are_never_sent(world: World) -> None:
    turn = await Running.begin(world)
    hidden = HiddenContextItem(**facts("h"), content="private")
    await turn.write(OPTIONS, ThreadItemDoneEvent(item=hidden))
    await turn.store(hidden)

    assert "private" not in repr([(await read(world)).events, (await read(world, 0)).events])


@pytest.mark.parametrize("after", [None, 1, 2, 5])
async def test_a_dead_turn_says_so_and_shows_what_there_is(world: World, after: int | None) -> None:
    turn = await Running.begin(world)
    await turn.write(ADDED, delta("m", "so far"))
    await turn.die()

    answer = await read(world, after)

    if after == 1:  # news first
        assert (len(answer.events), answer.marks) == (1, [": at 2", ": more 1000"])
    else:
        assert answer.marks[-1] == ": dead"
        assert [event["item"]["content"][0]["text"] for event in answer.events] == ([] if after else ["so far"])


@pytest.mark.parametrize("after", [None, 1, 2, 9])
async def test_a_taken_turn_ends_with_its_items_and_an_error_that_offers_a_retry(
    world: World, after: int | None
) -> None:
    turn = await Running.begin(world)
    await turn.write(ADDED, delta("m", "so far"))
    await turn.die()
    await turn.write(end="taken", claim="taker")
    halfway = await read(world, after)
    await turn.store(message("so far"))
    await turn.over()

    answer = await read(world, after)

    assert halfway.marks[-1] == ": dead"
    done, error = [event for event in answer.events if event["type"] in ("thread.item.done", "error")]
    assert done["item"]["content"][0]["text"] == "so far"
    assert (error["allow_retry"], "request_id" in error) == (True, True)
    assert answer.marks[-2:] == [f": at {max(2, after or 0)}", ": end"]


async def test_a_taken_turn_that_its_user_had_stopped_offers_no_retry(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(ADDED, delta("m", "so far"))
    await world.store.turns.cancel(TURN, ANA)
    await turn.write(end="taken", claim="taker")
    await turn.over()

    assert (await read(world)).lines == [": at 2", ": end"]


@pytest.mark.parametrize("after", [None, 2, 9])
async def test_a_turn_without_its_last_segment_is_completed_from_the_store(world: World, after: int | None) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED)
    later = [message("all"), message("more", "m2"), HiddenContextItem(**facts("h"), content="private")]
    await turn.store(*(item.model_copy(update={"created_at": datetime.now()}) for item in later))
    await turn.over()

    answer = await read(world, after)

    done = [event["item"]["content"][0]["text"] for event in answer.events if event["type"] == "thread.item.done"]
    assert (done, answer.marks[-1]) == (["all", "more"], ": end")
    assert "private" not in repr(answer.events)


async def test_a_turn_that_ends_between_two_reads_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED)
    find = world.store.running.find

    async def ends(thread_id: str, context: Any) -> Any:
        monkeypatch.setattr(world.store.running, "find", find)
        await turn.write(delta("m", "last"), end="answered")
        await turn.over()
        return await find(thread_id, context)

    monkeypatch.setattr(world.store.running, "find", ends)

    answer = await read(world, 2)

    assert [event["update"]["delta"] for event in answer.events] == ["last"]
    assert answer.marks == [": at 3", ": end"]


@pytest.mark.promise("R4")
@pytest.mark.parametrize("after", [None, 0, 3])
async def test_another_users_turn_does_not_exist(
    world: World, after: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "ADMISSION_SECONDS", 0.0)
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED, delta("m", "private"))

    foreign, unknown = await read(world, after, user="bob"), await read(world, after, turn="turn-unknown")

    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.message == unknown.message


@pytest.mark.promise("R5")
@pytest.mark.parametrize("after", [None, 0, 3])
async def test_a_deleted_threads_turn_does_not_exist(
    world: World, after: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "ADMISSION_SECONDS", 0.0)
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED, delta("m", "private"))
    await world.store.delete_thread(turn.thread_id, ANA)

    assert (await read(world, after)).status == 404


@pytest.mark.promise("R5")
@pytest.mark.parametrize("after", [None, 0, 3])
async def test_an_hour_later_the_turn_does_not_exist(
    world: World, after: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "ADMISSION_SECONDS", 0.0)
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED, delta("m", "old"), end="answered")
    await turn.over()
    monkeypatch.setattr(world.store.journal, "clock", lambda: datetime.now(UTC) + timedelta(hours=1, seconds=1))

    assert (await read(world, after)).status == 404


async def test_a_turn_that_is_being_admitted_is_waited_for(world: World) -> None:
    asking = asyncio.create_task(read(world, 0))
    await asyncio.sleep(0.05)
    assert not asking.done()

    await Running.begin(world)

    assert (await asking).lines == [": at 0", ": more 100"]


async def test_a_new_thread_that_is_not_created_yet_is_waited_for(world: World) -> None:
    await world.store.turns.claim(TURN, "thr_new", ANA)
    await world.store.running.begin("thr_new", TURN, "claim", ANA)

    assert (await read(world)).lines == [": at 0", ": more 100"]


async def test_a_turn_that_died_before_it_stored_its_message_does_not_exist(world: World) -> None:
    await Running.begin(world)
    await world.store.turns.mark_unsent(TURN, ANA)

    assert (await read(world)).status == 404


async def test_without_a_journal_the_turn_ends_with_its_lock(world: World) -> None:
    turn = await Running.begin(world)
    running = await read(world)
    await turn.over()

    assert (running.lines, (await read(world)).status) == ([": at 0", ": more 100"], 404)


@pytest.mark.parametrize("after", ["", "-1", "1.5", "one", "1e3", "٣", "1" * 10, " 1", "0x1", "1" * 5_000])
async def test_a_malformed_number_is_named(world: World, after: str) -> None:
    await Running.begin(world)

    answer = await read(world, after)

    assert answer.status in (400, 413)
    assert "query" in answer.message
    assert answer.status == 413 or "after" in answer.message


async def test_a_malformed_turn_id_is_refused(world: World) -> None:
    assert (await read(world, turn="a")).status == 400


async def test_a_reader_changes_nothing_and_counts_as_no_turn(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=LimitSettings(turns_per_minute=1, turns_per_day=1, turns_at_once=1))
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED)
    before = [dict(world.store.turns.threads), dict(world.store.running.locks), len(world.metrics)]

    answers = [await read(world) for _ in range(3)] + [await read(world, 1)]

    assert {answer.status for answer in answers} == {200}
    assert [dict(world.store.turns.threads), dict(world.store.running.locks), len(world.metrics)] == before


@pytest.mark.promise("H7")
async def test_only_the_first_request_of_an_attach_counts(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=LimitSettings(requests_per_minute=2))
    turn = await Running.begin(world)  # counts
    await turn.write(OPTIONS, ADDED)

    first, second = await read(world), await read(world)
    following = [await read(world, after) for after in (0, 1, 2, 2)]

    assert (first.status, second.status) == (200, 429)
    assert {answer.status for answer in following} == {200}


@pytest.mark.promise("H7")
async def test_requests_for_unknown_turns_count(world_of: WorldOf) -> None:
    world = world_of(Echo(), limits=LimitSettings(requests_per_minute=1))

    answers = [await read(world, 5) for _ in range(2)]

    assert [answer.status for answer in answers] == [404, 429]


@pytest.mark.promise("H12")
@pytest.mark.parametrize("after", [None, 0, 2])
async def test_a_reader_who_signed_out_is_refused(world: World, after: int | None) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ADDED)
    await world.store.access.sign_out(ANA, datetime.now(UTC) + timedelta(seconds=5))

    assert (await read(world, after)).status == 401


async def test_a_reader_without_a_token_is_refused(world: World) -> None:
    async with world.client(None) as client:
        assert (await client.get(f"/chatkit/turns/{TURN}/events")).status_code == 401


async def test_a_long_answer_continues_in_the_next_response(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BODY_BYTES", 200)
    turn = await Running.begin(world)
    await turn.write(ADDED, *(delta("m", each) for each in "abcdef"))

    number, seen = 0, list[Any]()
    while ": more 0" in (answer := await read(world, number)).marks:
        seen += answer.events
        number = int(answer.marks[-2].removeprefix(": at "))
    seen += answer.events

    assert [event["update"]["delta"] for event in seen[1:]] == list("abcdef")


def test_a_reader_loads_no_agents_sdk() -> None:
    code = "import sys, chat_api.app; print([m for m in ('agents', 'openai', 'mcp') if m in sys.modules])"
    environment = os.environ | {"PYTHONPATH": "functions/chat"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


async def test_a_reader_starts_no_loading(world_of: WorldOf) -> None:
    class Prepared(Echo):
        def prepare(self) -> None:
            raise AssertionError

    world = world_of(Prepared())
    await world.store.turns.claim(TURN, "thr_new", ANA)
    await world.store.running.begin("thr_new", TURN, "claim", ANA)

    assert (await read(world)).status == 200


async def test_the_request_log_has_no_text(world: World, caplog: pytest.LogCaptureFixture) -> None:
    turn = await Running.begin(world)
    await turn.write(ADDED, delta("m", "private words"))

    with caplog.at_level("DEBUG"):
        await read(world)
        await read(world, 0)

    assert "private" not in caplog.text


# Client tools: R4


def call(item_id: str = "tc") -> ClientToolCallItem:
    return ClientToolCallItem(**facts(item_id), call_id="call_1", name="open_page", arguments={"page": 1})


async def win(world: World, call_id: str = "tc", user: str | None = "ana", turn: str = TURN) -> int:
    async with world.client(user) as client:
        return (await client.post(f"/chatkit/turns/{turn}/tools/{call_id}")).status_code


@pytest.mark.feature("client-tools-once")
async def test_one_reader_wins_a_client_tool_call(world: World) -> None:
    turn = await Running.begin(world)
    await turn.store(call(), call("tc2"))

    statuses = await asyncio.gather(*(win(world) for _ in range(4)))

    assert sorted(statuses) == [200, 409, 409, 409]
    assert await win(world, "tc2") == 200


async def test_a_call_that_has_its_result_is_won_by_no_reader(world: World) -> None:
    turn = await Running.begin(world)
    await turn.store(call().model_copy(update={"status": "completed", "output": {}}))

    assert await win(world) == 409


@pytest.mark.parametrize(
    ("user", "turn_id", "call_id", "status"),
    [("bob", TURN, "tc", 404), ("ana", "turn-unknown", "tc", 404), ("ana", TURN, "m", 404), ("ana", TURN, "no", 404)],
)
async def test_only_the_turns_user_wins_only_its_calls(
    world: World, user: str, turn_id: str, call_id: str, status: int
) -> None:
    turn = await Running.begin(world)
    await turn.store(call(), message("answer"))

    assert await win(world, call_id, user, turn_id) == status
    assert await win(world, user=None) == 401
    assert await win(world) == 200


@pytest.mark.parametrize(("call_id", "status"), [("c" * 512, 404), ("c" * 513, 413), ("c" * 60_000, 413)])
async def test_a_long_call_id_is_refused(world: World, call_id: str, status: int) -> None:
    await Running.begin(world)

    assert await win(world, call_id) == status


@pytest.mark.parametrize("after", [None, 1])
@pytest.mark.parametrize("won", [True, False])
async def test_a_call_that_another_reader_runs_is_not_sent(world: World, after: int | None, won: bool) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ThreadItemDoneEvent(item=call()), end="answered")
    await turn.store(call())
    if won:
        await win(world)

    answer = await read(world, after)

    sent = [event["item"]["name"] for event in answer.events if event["type"] == "thread.item.done"]
    assert (sent, answer.marks[-2:]) == ([] if won else ["open_page"], [": at 2", ": end"])


async def test_the_result_of_a_call_that_ran_is_sent(world: World) -> None:
    turn = await Running.begin(world)
    await turn.write(OPTIONS, ThreadItemDoneEvent(item=call()))
    await turn.store(call())
    await win(world)
    await world.store.save_item(
        turn.thread_id, call().model_copy(update={"status": "completed", "output": {"opened": True}}), ANA
    )

    assert (await read(world)).events[-1]["item"]["output"] == {"opened": True}


# The snapshot of a real conversation


async def test_the_snapshot_of_an_ended_turn_matches_its_thread(world: World) -> None:
    turn = await Running.begin(world)
    page = (await world.post(get_thread(turn.thread_id))).json()["items"]["data"]
    done = [ThreadItemDoneEvent(item=await world.store.load_item(turn.thread_id, item["id"], ANA)) for item in page]
    await turn.write(OPTIONS, *done, end="answered")

    answer = await read(world)

    assert [event["item"] for event in answer.events[1:]] == page
