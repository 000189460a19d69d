"""Readers of a running turn through the whole stack: real processes, a real table, real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.pace import Pace
from tools.client.chatkit import ChatKitClient, Event, RefusedError, create_thread, get_thread, new_turn_id
from tools.local.stack import Stack

LONG = "simulate long 60"


def text_of(events: list[Event]) -> str:
    """Return the text of the answer that these events show."""
    text = ""
    for event in events:
        item, update = event.get("item", {}), event.get("update", {})
        if item.get("type") == "assistant_message":
            text = "".join(part["text"] for part in item["content"])
        elif update.get("type") == "assistant_message.content_part.text_delta":
            text += update["delta"]
    return text


@pytest.mark.promise("R1")
@pytest.mark.feature("running-answers")
async def test_another_device_sees_the_answer_so_far_and_the_rest_and_other_users_nothing(
    stack: Stack, ana: ChatKitClient, token_of: Callable[[str], str], pace: Pace
) -> None:
    turn, sent, follower, spoken = new_turn_id(), list[Event](), list[Event](), asyncio.Event()

    async def ask() -> None:
        async for received in ana.stream(create_thread(LONG), turn):
            sent.append(received.event)
            if text_of(sent):
                spoken.set()

    pace.hold()
    asking = asyncio.create_task(ask())
    await asyncio.wait_for(spoken.wait(), 60)
    async for received in ana.follow(turn):  # other requests, and other processes
        follower.append(received.event)
        if text_of(follower):
            pace.finish()
    async with ChatKitClient(stack.url, token_of("bob")) as bob:
        with pytest.raises(RefusedError) as foreign:
            await bob.turn_events(turn)
    await asking

    thread = await ana.call(get_thread(sent[0]["thread"]["id"]))
    stored = "".join(part["text"] for part in thread["items"]["data"][-1]["content"])
    assert text_of(sent) == text_of(follower) == stored
    assert len([event for event in follower if event["type"] == "thread.item.updated"]) > 1
    assert foreign.value.status == 404


@pytest.mark.promise("R2")
async def test_the_events_of_an_ended_turn_continue_from_any_number(ana: ChatKitClient) -> None:
    turn = new_turn_id()
    sent = [received.event async for received in ana.stream(create_thread("hello"), turn)]

    for after in (0, 1, len(sent) // 2, len(sent)):
        part = await ana.turn_events(turn, after)
        seen = [received.event["type"] for received in part.events]
        assert seen == [event["type"] for event in sent[after:] if event["type"] != "progress_update"]
        assert (part.next, part.state) == (len(sent), "end")


@pytest.mark.promise("R5")
async def test_the_turn_of_a_deleted_thread_is_gone(ana: ChatKitClient) -> None:
    turn = new_turn_id()
    sent = [received.event async for received in ana.stream(create_thread("hello"), turn)]
    await ana.call({"type": "threads.delete", "params": {"thread_id": sent[0]["thread"]["id"]}})

    for after in (None, 1):
        with pytest.raises(RefusedError) as gone:
            await ana.turn_events(turn, after)
        assert gone.value.status == 404
