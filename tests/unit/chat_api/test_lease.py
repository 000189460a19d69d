"""The lease of a running turn: its journal, its lock, and the guards that stop a turn that was taken over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from chatkit.types import (
    ProgressUpdateEvent,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadStreamEvent,
)

from chat_api.attach import producer
from chat_api.attach.entries import count, load
from chat_api.attach.fold import fold
from chat_api.running import Instant
from store_dynamo.errors import StoreUnavailableError
from store_dynamo.journal import Segment
from store_dynamo.running import DEAD_AFTER, RunningTurn
from tests.fakes.asgi_exchange import Exchange
from tests.fakes.assistants import Halting, message_item
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import QUICK, HaltedTurn, World
from tests.unit.chat_api.conftest import TURN_ID as TURN
from tools.client.chatkit import create_thread

WorldOf = Callable[..., World]
ANA = request_context("ana")
FAST = replace(QUICK, journal=0.02, beat=0.02)
NEVER = replace(QUICK, journal=60, beat=60)
LIMIT_SECONDS = 20  # a busy machine


class Running(HaltedTurn):
    """Its lock, its journal, its items, and a taker."""

    @property
    def lock(self) -> RunningTurn:
        ((_, lock),) = self.world.store.running.locks.items()
        return lock

    async def segments(self) -> list[Segment]:
        return await self.world.store.journal.read(self.thread_id, TURN, ANA)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.01)

    async def stored(self) -> list[ThreadItem]:
        return (await self.world.store.load_thread_items(self.thread_id, None, 50, "asc", ANA)).data

    async def take_over(self) -> None:
        """Do what a taker does to the lock and the thread's record, after 20 s of silence."""
        locks = self.world.store.running.locks
        locks.update({key: replace(lock, taken=True) for key, lock in locks.items()})
        assert await self.world.store.fence(self.thread_id, self.lock.claim, ANA)


def types(items: list[ThreadItem]) -> list[str]:
    return [item.type for item in items]


def chunks_with_data(exchange: Exchange) -> list[bytes]:
    return [chunk for chunk in exchange.chunks if chunk.startswith(b"data: ")]


class Failing(Halting):
    async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
        for event in list[ThreadStreamEvent]():
            yield event
        raise RuntimeError("boom")


class Moderating(Halting):
    async def moderate(self, statement: Any, context: Any) -> str | None:
        return "no" if statement.source == "answer" else None


@pytest.mark.promise("R3")
@pytest.mark.feature("journal")
class TestJournal:
    async def test_has_each_event_of_the_response_under_its_number(self, world_of: WorldOf) -> None:
        turn = await Running.begin(world_of(Halting(), timing=FAST))

        await turn.until(lambda: bool(turn.world.store.journal.turns))
        before = await turn.segments()
        await turn.end()
        segments = await turn.segments()
        entries = [entry for each in segments for entry in load(each.body)]

        assert segments[: len(before)] == before
        assert len(segments) > len(before)
        assert segments[0].first == 0
        assert [each.first for each in segments[1:]] == [each.next for each in segments[:-1]]
        assert segments[-1].next == count(entries) == len(chunks_with_data(turn.exchange))
        assert [each.end for each in segments] == [None] * (len(segments) - 1) + ["answered"]
        assert fold(entries).open == []
        assert {each.claim for each in segments} == {segments[0].claim}

    @pytest.mark.parametrize(
        ("assistant", "end"), [(Failing, "failed"), (Moderating, "answered"), (Halting, "stopped"), (Halting, "failed")]
    )
    async def test_ends_with_the_outcome_of_its_turn(
        self, world_of: WorldOf, assistant: type[Halting], end: str
    ) -> None:
        timing = replace(NEVER, reserve=1e9) if assistant is Halting and end == "failed" else NEVER
        world = world_of(assistant(), timing=timing)
        turn = await Running.begin(world)
        if end == "stopped":
            async with world.client("ana") as client:
                await client.post(f"/chatkit/turns/{TURN}/cancel")
            await turn.exchange.rest()
        elif assistant is Halting:
            turn.exchange.task.cancel()  # the end of the process
            await turn.exchange.rest()
        else:
            await turn.end()

        assert (await turn.segments())[-1].end == end

    async def test_is_written_while_a_tool_blocks_the_event_loop(self, world_of: WorldOf) -> None:
        seen: list[str] = []

        class Blocking(Halting):
            async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
                await asyncio.sleep(0)
                time.sleep(0.4)  # noqa: ASYNC251
                (segments,) = world.store.journal.turns.values()
                seen.extend(segment.body for segment, _ in segments.values())
                for event in list[ThreadStreamEvent]():
                    yield event

        world = world_of(Blocking(), timing=replace(FAST, journal=0.1))
        turn = await Running.begin(world)
        await turn.end()

        assert "two" in "".join(seen)

    async def test_off_leaves_the_lock(self, world_of: WorldOf) -> None:
        turn = await Running.begin(world_of(Halting(), timing=replace(FAST, journal=0)))
        begun = turn.lock.at

        await turn.until(lambda: turn.lock.at > begun)
        await turn.end()

        assert await turn.segments() == []
        assert turn.world.store.running.locks == {}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("way", ["deltas", "added"])
async def test_text_that_is_not_moderated_yet_is_not_in_the_journal(world_of: WorldOf, way: str) -> None:
    class Rude(Moderating):
        async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
            if way == "added":
                turn = self.turns[0]
                thread = (await turn.store.load_threads(1, None, "desc", turn.context)).data[0]
                item = message_item(thread, turn.store.generate_item_id("message", thread, turn.context), "two rude")
                yield ThreadItemAddedEvent(item=item)
                yield ThreadItemDoneEvent(item=item)

    turn = await Running.begin(world_of(Rude(), timing=FAST))
    await turn.end()
    segments = await turn.segments()

    assert "two" not in "".join(each.body for each in segments)
    assert "two" in b"".join(turn.exchange.chunks).decode()
    assert segments[-1].next == len(chunks_with_data(turn.exchange))


class SlowJournal:
    """A journal whose appends hang or fail, in the thread that makes them."""

    def __init__(self, journal: Any, *, seconds: float = 0, failures: int = 0, loses_answer: bool = False) -> None:
        self.journal = journal
        self.seconds, self.failures, self.loses_answer = seconds, failures, loses_answer
        self.tried: list[Segment] = []
        self.at_once = self.most_at_once = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    async def append(self, thread_id: str, turn_id: str, segment: Segment, context: Any) -> bool:
        self.tried.append(segment)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        if self.loses_answer or len(self.tried) > self.failures:
            done = await self.journal.append(thread_id, turn_id, segment, context)
            if len(self.tried) > self.failures:
                return done
        raise StoreUnavailableError("put_item", 3, "One two")  # text of a conversation, which must not be logged


@pytest.mark.promise("R6")
class TestSlowTable:
    async def test_delays_neither_the_answer_nor_the_lock(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(producer, "LAST_SECONDS", 0.2)
        world = world_of(Halting(), timing=FAST)
        world.store.journal = slow = SlowJournal(world.store.journal, seconds=3)  # pyright: ignore
        clock = asyncio.get_running_loop().time
        begun = clock()
        turn = await Running.begin(world)
        await turn.until(lambda: bool(slow.tried))
        first = turn.lock.at
        await turn.until(lambda: turn.lock.at > first)
        await turn.end()

        assert clock() - begun < 2
        assert slow.most_at_once == 1
        assert types(await turn.stored()) == ["user_message", "assistant_message"]
        assert "the table is too slow" in caplog.text

    @pytest.mark.parametrize("loses_answer", [False, True])
    async def test_that_recovers_gets_everything_once(
        self, world_of: WorldOf, caplog: pytest.LogCaptureFixture, loses_answer: bool
    ) -> None:
        world = world_of(Halting(), timing=FAST)
        failing = SlowJournal(world.store.journal, failures=3, loses_answer=loses_answer)
        world.store.journal = failing  # pyright: ignore
        turn = await Running.begin(world)
        await turn.until(lambda: len(failing.tried) > 3)
        await turn.end()
        segments = await turn.segments()

        assert failing.tried[:4] == [failing.tried[0]] * 4  # it may have been written, so it is not changed
        assert segments[-1].next == len(chunks_with_data(turn.exchange))
        assert segments[-1].end == "answered"
        assert caplog.text.count("the journal was not written: StoreUnavailableError") == 3
        assert "One two" not in caplog.text

    async def test_an_event_that_cannot_be_noted_costs_the_journal_only(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(_: object, event: bytes) -> None:
            raise KeyError(event.decode())

        monkeypatch.setattr("chat_api.attach.entries.Collector.note", broken)
        turn = await Running.begin(world_of(Halting(), timing=FAST))
        events = await turn.end()

        assert events[-1]["type"] == "thread.item.done"
        assert "One" not in caplog.text


class Writing(Halting):
    """Waits, and then writes in every way that an assistant can."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.written = False

    async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
        await self.go_on.wait()
        (turn,) = self.turns
        thread_id = (await turn.store.load_threads(1, None, "desc", turn.context)).data[0].id
        thread = await turn.store.load_thread(thread_id, turn.context)
        item = message_item(thread, turn.store.generate_item_id("message", thread, turn.context), "late")
        match self.way:
            case "done":
                yield ThreadItemDoneEvent(item=item)
            case "removed":
                yield ThreadItemRemovedEvent(item_id=self.question)
            case "tool adds":
                await asyncio.create_task(turn.store.add_thread_item(thread_id, item, turn.context))
            case "saves":
                await turn.store.save_item(thread_id, item, turn.context)
            case "deletes":
                await turn.store.delete_thread_item(thread_id, self.question, turn.context)
            case "confirms":
                await turn.confirm()
            case _:
                thread.metadata["late"] = True
                await turn.store.save_thread(thread, turn.context)
        self.written = True
        yield ProgressUpdateEvent(text="late")

    question = ""


@pytest.mark.promise("R4")
@pytest.mark.feature("fenced-turns")
class TestTakenOver:
    """The lock is marked as taken, the claim is fenced: the turn's process was paused."""

    async def check_superseded(self, turn: Running) -> None:
        """Check that the turn ends by itself and has stored nothing since it was taken over."""
        before = await turn.stored()
        async with asyncio.timeout(LIMIT_SECONDS):
            events = await turn.exchange.rest()
        (metrics,) = turn.world.metrics
        assert metrics.outcome == "superseded"
        assert await turn.stored() == before
        assert all(each.end is None for each in await turn.segments())
        assert turn.lock.taken  # freed by the taker only
        assert not turn.exchange.chunks[-1].startswith(b": end")
        assert "error" not in [event["type"] for event in events]

    async def test_is_noticed_by_the_next_beat(self, world_of: WorldOf) -> None:
        turn = await Running.begin(world_of(Halting(), timing=replace(NEVER, beat=0.02)))
        await turn.take_over()

        await self.check_superseded(turn)

    async def test_is_noticed_by_the_next_segment(self, world_of: WorldOf) -> None:
        turn = await Running.begin(world_of(Halting(), timing=replace(NEVER, journal=0.5)))
        before = await turn.stored()
        assert await turn.world.store.journal.append(turn.thread_id, TURN, Segment(0, 0, "[]", "taker", "taken"), ANA)
        async with asyncio.timeout(LIMIT_SECONDS):
            await turn.exchange.rest()

        assert [each.outcome for each in turn.world.metrics] == ["superseded"]
        assert await turn.stored() == before
        assert [each.claim for each in await turn.segments()] == ["taker"]

    @pytest.mark.parametrize("way", ["done", "removed", "tool adds", "saves", "deletes"])
    async def test_refuses_each_write_by_the_fence_alone(self, world_of: WorldOf, way: str) -> None:
        world = world_of(Writing(way), timing=NEVER)
        turn = await Running.begin(world)
        world.assistant.question = (await turn.stored())[0].id
        await turn.take_over()
        world.assistant.go_on.set()

        await self.check_superseded(turn)

    @pytest.mark.parametrize("way", ["done", "thread", "confirms"])
    async def test_refuses_each_write_by_a_beat_alone(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        world = world_of(Writing(way), timing=NEVER)
        turn = await Running.begin(world)
        await turn.take_over()
        world.store._threads["ana", turn.thread_id].fenced.clear()  # pyright: ignore[reportPrivateUsage]
        paused(monkeypatch, 4)
        world.assistant.go_on.set()

        await self.check_superseded(turn)

    async def test_stores_no_partial_answer_and_no_title_when_the_turn_is_stopped_as_well(
        self, world_of: WorldOf
    ) -> None:
        class Titled(Halting):
            async def title(self, message: Any) -> str:
                await asyncio.sleep(60)
                return "late"

        world = world_of(Titled(), timing=replace(NEVER, beat=0.02))
        turn = await Running.begin(world)
        await turn.take_over()
        async with world.client("ana") as client:
            await client.post(f"/chatkit/turns/{TURN}/cancel")
        async with asyncio.timeout(LIMIT_SECONDS):
            await turn.exchange.rest()

        assert types(await turn.stored()) == ["user_message"]
        assert (await world.store.load_thread(turn.thread_id, ANA)).title is None


def paused(monkeypatch: pytest.MonkeyPatch, seconds: float, clock: str = "both") -> None:
    """Let clocks jump, as after a pause of the process; "wall" and "monotonic" alone as after one of the machine."""
    now = Instant.now

    def later() -> Instant:
        found = now()
        wall, monotonic = (seconds if clock in ("both", name) else 0 for name in ("wall", "monotonic"))
        return Instant(found.wall + wall, found.monotonic + monotonic)

    monkeypatch.setattr(Instant, "now", later)


def telling(call: Callable[..., Awaitable[bool]], event: threading.Event) -> Callable[..., Awaitable[bool]]:
    """Return `call`, which then also sets `event` when it has ended."""

    async def told(*given: Any, **named: Any) -> bool:
        try:
            return await call(*given, **named)
        finally:
            event.set()

    return told


@pytest.mark.promise("R4")
class TestConfirmation:
    @pytest.mark.parametrize(("clock", "seconds"), [("wall", 4), ("wall", -4), ("monotonic", 4)])
    async def test_beats_before_a_write_if_one_clock_has_jumped(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch, clock: str, seconds: float
    ) -> None:
        turn = await Running.begin(world_of(Halting(), timing=NEVER))
        begun = turn.lock.at
        paused(monkeypatch, seconds, clock)
        seen: list[datetime] = []
        add = turn.world.store.add_thread_item

        async def adding(thread_id: str, item: ThreadItem, context: Any) -> None:
            seen.append(turn.lock.at)
            await add(thread_id, item, context)

        monkeypatch.setattr(type(turn.world.store), "add_thread_item", lambda _, *args: adding(*args))
        await turn.end()

        assert [at > begun for at in seen] == [True]

    @pytest.mark.promise("R5")
    async def test_leaves_nothing_in_a_journal_that_was_swept_meanwhile(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        awake = threading.Event()

        class Progressing(Halting):
            async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
                yield ProgressUpdateEvent(text="awake")
                await asyncio.to_thread(awake.wait, LIMIT_SECONDS)

        turn = await Running.begin(world_of(Progressing(), timing=replace(NEVER, journal=0.02)))
        store = turn.world.store
        await turn.until(lambda: bool(store.journal.turns))
        paused(monkeypatch, 600)
        store.running.locks.clear()  # taken over, and ended; then the user deletes the thread
        store.journal.turns.clear()
        for what, name in ((store.running, "beat"), (store.journal, "append")):
            monkeypatch.setattr(what, name, telling(getattr(what, name), awake))
        await turn.end()

        assert not store.journal.turns

    async def test_costs_an_ordinary_turn_nothing(self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch) -> None:
        beats: list[str] = []
        world = world_of(Halting(), timing=NEVER)
        beat = world.store.running.beat

        async def counted(thread_id: str, claim: str, context: Any) -> bool:
            beats.append(claim)
            return await beat(thread_id, claim, context)

        monkeypatch.setattr(world.store.running, "beat", counted)
        turn = await Running.begin(world)
        await turn.end()

        assert beats == []

    async def test_a_claim_that_grew_old_before_the_first_write_confirms_it(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process was paused between its admission and its thread: nothing of the turn may appear."""
        world = world_of(Halting(), timing=NEVER)
        begin = world.store.running.begin

        async def taken(*args: Any, **more: Any) -> None:
            await begin(*args, **more)
            locks = world.store.running.locks
            locks.update({key: replace(lock, taken=True) for key, lock in locks.items()})
            paused(monkeypatch, DEAD_AFTER / timedelta(seconds=1))

        monkeypatch.setattr(world.store.running, "begin", taken)
        headers = {"x-auth-token": world.pool.token("ana"), "x-turn-id": TURN}
        events = await Exchange(world.app, create_thread("one"), headers).rest()

        assert events == []
        assert (await world.store.load_threads(10, None, "desc", ANA)).data == []
        assert [each.outcome for each in world.metrics] == ["superseded"]

    async def test_several_tools_at_once_need_one_beat(
        self, world_of: WorldOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = world_of(Halting(), timing=NEVER)
        turn = await Running.begin(world)
        beats: list[str] = []
        beat = world.store.running.beat

        async def counted(thread_id: str, claim: str, context: Any) -> bool:
            beats.append(claim)
            await asyncio.sleep(0.01)
            return await beat(thread_id, claim, context)

        monkeypatch.setattr(world.store.running, "beat", counted)
        paused(monkeypatch, 4)
        await asyncio.gather(*(world.assistant.turns[0].confirm() for _ in range(5)))
        await turn.end()

        assert len(beats) == 1
