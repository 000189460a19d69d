"""One turn per thread: the lock, its renewal, its end, and the wait for a turn that was stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from chatkit.types import ThreadStreamEvent

from chat_api.context import RequestContext
from store_dynamo.running import DEAD_AFTER
from tests.fakes.assistants import Halting
from tests.fakes.turn import request_context
from tests.unit.chat_api.conftest import QUICK, HaltedTurn, World
from tools.client.chatkit import add_message, create_thread, get_thread

WorldOf = Callable[..., World]
ANA = request_context("ana")


@pytest.mark.promise("R4")
@pytest.mark.feature("one-turn-per-thread")
@pytest.mark.parametrize("kind", ["message", "retry"])
async def test_a_second_turn_in_the_thread_is_refused_and_may_be_sent_afterwards(world_of: WorldOf, kind: str) -> None:
    world = world_of(Halting())
    turn = await HaltedTurn.begin(world)
    page = (await world.post(get_thread(turn.thread_id))).json()["items"]["data"]
    params = {"thread_id": turn.thread_id, "item_id": page[0]["id"]}
    retry = {"type": "threads.retry_after_item", "params": params}
    request = retry if kind == "retry" else add_message(turn.thread_id, "two")

    second = await world.post(request, **{"x-turn-id": "turn-0000002"})
    elsewhere = asyncio.create_task(world.post(create_thread("another conversation")))
    events = await turn.end()
    again = await world.post(request, **{"x-turn-id": "turn-0000002"})

    assert second.status_code == 409
    assert (second.json()["thread_id"], second.json()["turn_id"]) == (turn.thread_id, "turn-0000001")
    assert [event["type"] for event in events][-1] == "thread.item.done"
    assert (again.status_code, (await elsewhere).status_code) == (200, 200)
    stored = (await world.post(get_thread(turn.thread_id))).json()["items"]["data"]
    assert len([item for item in stored if item["type"] == "assistant_message"]) == (1 if kind == "retry" else 2)


@pytest.mark.promise("R1")
@pytest.mark.parametrize("kind", ["threads.get_by_id", "items.list"])
async def test_a_conversation_whose_turn_ends_meanwhile_has_its_answer(
    world_of: WorldOf, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = await HaltedTurn.begin(world := world_of(Halting()))
    find_all = world.store.running.find_all

    async def after_the_turn(context: RequestContext) -> object:
        await asyncio.sleep(0.3)  # items that are read beside the locks are read now
        await turn.end()
        return await find_all(context)

    monkeypatch.setattr(world.store.running, "find_all", after_the_turn)
    loaded = await world.post({"type": kind, "params": {"thread_id": turn.thread_id}})

    page = loaded.json() if kind == "items.list" else loaded.json()["items"]
    assert "x-turns-running" not in loaded.headers
    assert "assistant_message" in {item["type"] for item in page["data"]}


@pytest.mark.promise("R4")
async def test_a_refused_turn_leaves_no_lock(world: World) -> None:
    missing = await world.post(add_message("thr_missing", "hello"))
    repeated = [await world.post(create_thread("hi"), **{"x-turn-id": "turn-0000009"}) for _ in range(2)]

    assert [missing.status_code, *(each.status_code for each in repeated)] == [404, 200, 409]
    assert await world.store.running.list(ANA) == []


@pytest.mark.promise("R4")
async def test_a_repeat_of_the_running_turn_does_not_unlock_its_thread(world_of: WorldOf) -> None:
    turn = await HaltedTurn.begin(world := world_of(Halting()))
    repeat = await world.post(add_message(turn.thread_id, "one"), **{"x-turn-id": "turn-0000001"})

    assert repeat.status_code == 409
    assert [each.turn_id for each in await world.store.running.list(ANA)] == ["turn-0000001"]
    await turn.end()
    assert await world.store.running.list(ANA) == []


@pytest.mark.promise("R4")
async def test_a_message_after_a_stop_waits_for_the_stopped_turn(world_of: WorldOf) -> None:
    turn = await HaltedTurn.begin(world := world_of(Halting(), timing=replace(QUICK, cancel_poll=0.3)))
    await asyncio.sleep(0)
    async with world.client("ana") as client:
        await client.post("/chatkit/turns/turn-0000001/cancel")
    world.assistant.go_on.set()

    assert (await world.post(add_message(turn.thread_id, "two"))).status_code == 200


@pytest.mark.promise("R4")
async def test_a_blocked_event_loop_keeps_its_lock(world_of: WorldOf) -> None:
    class Blocking(Halting):
        async def wait(self) -> AsyncIterator[ThreadStreamEvent]:
            time.sleep(0.3)  # noqa: ASYNC251
            async for event in super().wait():
                yield event

    world = world_of(Blocking(), timing=replace(QUICK, beat=0.02))
    turn = await HaltedTurn.begin(world)
    (lock,) = await world.store.running.list(ANA)
    await asyncio.sleep(0)

    assert lock.at > turn.world.assistant.turns[0].context.deadline - timedelta(hours=2)
    begun = (await world.store.load_thread(turn.thread_id, ANA)).created_at.timestamp()
    assert lock.at.timestamp() > begun + 0.2
    await turn.end()


@pytest.mark.promise("R4")
async def test_a_turn_that_lost_its_lock_stops(world_of: WorldOf) -> None:
    world = world_of(Halting(), timing=replace(QUICK, beat=0.02))
    turn = await HaltedTurn.begin(world)
    locks = world.store.running.locks
    locks.update({key: replace(lock, claim="another") for key, lock in locks.items()})

    await turn.exchange.rest()

    assert [each.outcome for each in world.metrics] == ["superseded"]
    assert [lock.claim for lock in locks.values()] == ["another"]
    assert timedelta(seconds=20) == DEAD_AFTER
