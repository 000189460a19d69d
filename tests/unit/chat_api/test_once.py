"""A turn runs once: repeated requests, and a retry after a rejection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from store_dynamo.errors import StoreUnavailableError
from tests.fakes.asgi_exchange import Exchange
from tests.unit.chat_api.conftest import World
from tools.client.chatkit import Event, add_message, create_thread, get_thread
from tools.local.files import PNG

TURN = {"x-turn-id": "turn-0000001"}


async def all_items(world: World) -> list[list[Event]]:
    threads = (await world.post({"type": "threads.list", "params": {}})).json()["data"]
    return [(await world.post(get_thread(thread["id"]))).json()["items"]["data"] for thread in threads]


@pytest.mark.promise("H10")
async def test_second_arrival_is_told_the_thread(world: World) -> None:
    first = await world.post(create_thread("hello"), **TURN)
    second = await world.post(create_thread("hello"), **TURN)

    stored = await all_items(world)
    assert first.status_code == 200
    assert second.status_code == 409
    assert second.json()["thread_id"] == stored[0][0]["thread_id"]
    assert "only if it is missing" in second.json()["message"]  # the first may have ended before it stored anything
    assert [len(items) for items in stored] == [2]


@pytest.mark.promise("H10")
@pytest.mark.feature("one-turn-once")
async def test_of_many_arrivals_at_once_one_runs(world: World) -> None:
    answers = await asyncio.gather(*(world.post(create_thread("hello"), **TURN) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert [len(items) for items in await all_items(world)] == [2]


@pytest.mark.promise("H10")
async def test_another_users_turn_may_have_the_same_id(world: World) -> None:
    assert (await world.post(create_thread("hello"), "ana", **TURN)).status_code == 200
    assert (await world.post(create_thread("hello"), "bob", **TURN)).status_code == 200


@pytest.mark.promise("H10")
async def test_refused_turn_may_be_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    thread_id = (await all_items_after(world, create_thread("hello")))[0][0]["thread_id"]

    async def broken(*_: object) -> Any:
        raise StoreUnavailableError("GetItem", 8, "ThrottlingException")

    with monkeypatch.context() as trouble:
        trouble.setattr(world.store, "load_thread", broken)
        first = await world.post(add_message(thread_id, "and?"), **TURN)
    again = await world.post(add_message(thread_id, "and?"), **TURN)

    assert (first.status_code, again.status_code) == (503, 200)


async def all_items_after(world: World, request: Event) -> list[list[Event]]:
    await world.post(request)
    return await all_items(world)


@pytest.mark.promise("H10")
@pytest.mark.promise("A3")
async def test_second_arrival_leaves_the_firsts_files_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.client() as client:
        form = {"file": ("a.png", PNG, "image/png")}
        file_id = (await client.post("/chatkit/attachments", files=form)).json()["id"]
    request = create_thread("look", (file_id,))
    admitted, may_go_on = asyncio.Event(), asyncio.Event()
    save_thread = world.store.save_thread

    async def slow(*args: Any) -> None:
        admitted.set()
        await may_go_on.wait()
        await save_thread(*args)

    monkeypatch.setattr(world.store, "save_thread", slow)
    first = Exchange(world.app, request, {"x-auth-token": world.pool.token("ana"), **TURN})
    await admitted.wait()  # it has taken the file, and its message is not stored yet

    second = await world.post(request, **TURN)
    stolen = await world.post(create_thread("mine", (file_id,)))
    may_go_on.set()
    events = await first.rest()

    assert (second.status_code, stolen.status_code) == (409, 409)
    assert "error" not in [event["type"] for event in events]
