"""Decisions over real sockets: two processes, one conversation, and a turn that is in the way."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.e2e.test_function_url import ask
from tests.pace import Pace
from tools.client.chatkit import ChatKitClient, act, add_message, create_thread, get_thread, new_turn_id
from tools.local.chat.rendering import decisions_of
from tools.local.stack import Stack


@pytest.mark.promise("P2")
@pytest.mark.feature("approvals")
async def test_a_decision_while_an_answer_runs_gets_409_with_retry_after(
    stack: Stack, token_of: Callable[[str], str], pace: Pace
) -> None:
    token = token_of("decider")
    async with ChatKitClient(stack.url, token) as client, httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        events = [received.event for received in await ask(client, create_thread("Move $200 to savings"))]
        thread_id = events[0]["thread"]["id"]
        [card] = [each["item"] for each in events if each.get("item", {}).get("type") == "widget"]
        payload = decisions_of(card["widget"])["approval.approve"]["payload"]
        decision = act(thread_id, card["id"], "approval.approve", payload)
        before, turn_id, refused = await client.overview(), new_turn_id(), None
        between, waiting = before, [card]

        pace.hold()
        async for received in client.stream(add_message(thread_id, "simulate long 60"), turn_id):
            if received.delta and refused is None:
                refused = await http.post("/chatkit", json=decision, headers={"x-auth-token": token})
                between = await client.overview()
                waiting = [each for each in await items(client, thread_id) if each["id"] == card["id"]]
                pace.finish()
        done = [received.event["type"] for received in await ask(client, decision)]
        after = await client.overview()

    assert refused is not None
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "2")
    assert (refused.json()["thread_id"], refused.json()["turn_id"]) == (thread_id, turn_id)
    assert (between["accounts"], waiting) == (before["accounts"], [card])
    assert "thread.item.replaced" in done
    moved = [new["cents"] - old["cents"] for new, old in zip(after["accounts"], before["accounts"], strict=True)]
    assert sorted(moved) == [-20_000, 0, 20_000]


async def items(client: ChatKitClient, thread_id: str) -> list[dict[str, object]]:
    return (await client.call(get_thread(thread_id)))["items"]["data"]
