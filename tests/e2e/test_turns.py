"""Guards of a turn through the whole stack: real processes, a real table, and a model server that sees disconnects."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import httpx
import pytest

from chat_api.background_stream import KEEP_ALIVE
from tests.e2e.conftest import variant
from tests.e2e.test_function_url import ask
from tests.pace import Pace
from tools.client.chatkit import (
    ChatKitClient,
    Event,
    RefusedError,
    add_message,
    create_thread,
    get_thread,
    new_turn_id,
)
from tools.local.stack import Stack

LONG = "simulate long 60"
TokenOf = Callable[[str], str]


async def items(client: ChatKitClient, thread_id: str) -> list[Event]:
    return (await client.call(get_thread(thread_id)))["items"]["data"]


@pytest.mark.promise("H6")
@pytest.mark.feature("stop")
async def test_stop_ends_the_model_and_keeps_the_answer_so_far(stack: Stack, ana: ChatKitClient, pace: Pace) -> None:
    assert stack.model is not None
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:  # two processes, both warm
        await asyncio.gather(http.get("/chatkit"), http.get("/chatkit"))
    turn_id, heard, stopped_at, thread_id = new_turn_id(), "", 0.0, ""
    pace.hold()

    async for received in ana.stream(create_thread(LONG), turn_id):
        thread_id = thread_id or received.event["thread"]["id"]
        heard += received.delta
        if received.delta and not stopped_at:
            await ana.cancel(turn_id)
            stopped_at = time.time()
    pace.finish()
    # The last one, because other tests on this stack also asked.
    *_, model_request = [each for each in list(stack.model.requests) if LONG in str(each.body) and each.delta_times]
    await stack.new_process()
    stored = await items(ana, thread_id)
    follow_up = await ask(ana, add_message(thread_id, "What did I just ask you?"))

    assert model_request.closed_early_at
    assert model_request.closed_early_at - stopped_at < 10  # one second is promised, but the machine may be busy
    assert len(heard.split()) < 50  # of sixty
    assert [item["type"] for item in stored] == ["user_message", "assistant_message"]
    assert stored[1]["content"][0]["text"] == heard
    assert "error" not in [received.event["type"] for received in follow_up]


@pytest.mark.promise("H6")
async def test_only_the_owner_stops_a_turn(stack: Stack, ana: ChatKitClient, token_of: TokenOf) -> None:
    turn_id, kinds = new_turn_id(), list[str]()
    async with ChatKitClient(stack.url, token_of("bob")) as bob:
        async for received in ana.stream(create_thread("simulate slow 0.02"), turn_id):
            kinds.append(received.event["type"])
            if kinds == ["thread.created"]:
                await bob.cancel(turn_id)  # a turn of the same id, which Bob does not have
        await ana.cancel(turn_id)  # no effect: the turn has ended

    assert kinds.count("thread.item.done") == 2


@pytest.mark.slow
@pytest.mark.promise("H5")
@pytest.mark.feature("deadline")
async def test_deadline_keeps_the_answer_so_far_and_offers_a_retry(stack: Stack, token_of: TokenOf) -> None:
    at_once = {"AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}  # loads before the six seconds begin
    async with variant(stack, timeout_seconds=6, **at_once) as url, ChatKitClient(url, token_of("late")) as client:
        received = await ask(client, create_thread("simulate slow 0.5"))
        thread_id = received[0].event["thread"]["id"]
        stored = await items(client, thread_id)
        question = stored[0]["id"]
        retry = {"type": "threads.retry_after_item", "params": {"thread_id": thread_id, "item_id": question}}
        again = await ask(client, retry)

    heard = "".join(each.delta for each in received)
    assert received[-1].event["type"] == "error"
    assert received[-1].event["allow_retry"] is True
    assert [item["type"] for item in stored] == ["user_message", "assistant_message"]
    assert stored[1]["content"][0]["text"] == heard
    assert len([each for each in again if each.delta]) > 0


@pytest.mark.promise("H7")
@pytest.mark.feature("rate-limits")
async def test_limit_is_refused_with_a_message(stack: Stack, token_of: TokenOf) -> None:
    limits = json.dumps({"turns_per_minute": 2})
    async with variant(stack, LIMITS=limits) as url, ChatKitClient(url, token_of("eager")) as client:
        refusals = [refusal for _ in range(4) if (refusal := await refusal_of(client, create_thread("hello")))]

    assert [refusal.status for refusal in refusals] in ([429, 429], [429])  # a new minute may begin in between
    assert "Try again in" in refusals[0].message


async def refusal_of(client: ChatKitClient, request: Event) -> RefusedError | None:
    try:
        await ask(client, request)
    except RefusedError as error:
        return error
    return None


@pytest.mark.promise("H10")
@pytest.mark.feature("one-turn-once")
async def test_same_turn_twice_runs_once(stack: Stack, token_of: TokenOf) -> None:
    headers = {"x-auth-token": token_of("twice"), "x-turn-id": new_turn_id()}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as http:
        answers = await asyncio.gather(*(http.post("/chatkit", json=create_thread("hello")) for _ in range(3)))
        threads = (await http.post("/chatkit", json={"type": "threads.list", "params": {}})).json()["data"]

    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert [answer["thread_id"] for answer in refused] == [threads[0]["id"]] * 2
    assert len(threads) == 1


@pytest.mark.promise("R4")
async def test_of_two_turns_of_one_thread_at_once_one_is_refused(ana: ChatKitClient) -> None:
    thread_id = (await ask(ana, create_thread("hello")))[0].event["thread"]["id"]

    outcomes = await asyncio.gather(
        *(ask(ana, add_message(thread_id, f"hello {number}")) for number in range(2)), return_exceptions=True
    )

    (refusal,) = [each for each in outcomes if isinstance(each, RefusedError)]
    stored = await items(ana, thread_id)
    assert (refusal.status, refusal.thread_id) == (409, thread_id)
    assert sorted(item["type"] for item in stored) == ["assistant_message"] * 2 + ["user_message"] * 2


@pytest.mark.promise("S12")
@pytest.mark.feature("titles")
async def test_title_appears_with_the_first_answer_and_a_rename_stays(ana: ChatKitClient) -> None:
    received = await ask(ana, create_thread("How much did I spend on groceries?"))
    thread_id = received[0].event["thread"]["id"]
    titles = [each.event["thread"].get("title") for each in received if each.event["type"] == "thread.updated"]

    await ana.call({"type": "threads.update", "params": {"thread_id": thread_id, "title": "Mine"}})
    await ask(ana, add_message(thread_id, "And what did I just ask you?"))

    assert titles
    assert titles[-1]
    assert (await ana.call(get_thread(thread_id)))["title"] == "Mine"


@pytest.mark.promise("H8")
@pytest.mark.feature("items.feedback")
async def test_feedback_and_retry(ana: ChatKitClient, stack: Stack, token_of: TokenOf) -> None:
    thread_id = (await ask(ana, create_thread("hello")))[0].event["thread"]["id"]
    question, answer = await items(ana, thread_id)
    params = {"thread_id": thread_id, "item_ids": [answer["id"]], "kind": "negative"}
    feedback = {"type": "items.feedback", "params": params}
    retry = {"type": "threads.retry_after_item", "params": {"thread_id": thread_id, "item_id": question["id"]}}

    assert await ana.call(feedback) == {}
    async with ChatKitClient(stack.url, token_of("carol")) as carol:
        with pytest.raises(RefusedError, match="404"):
            await carol.call(feedback)
    await ask(ana, retry)

    stored = await items(ana, thread_id)
    assert [item["type"] for item in stored] == ["user_message", "assistant_message"]
    assert stored[1]["id"] != answer["id"]


@pytest.mark.slow
@pytest.mark.promise("H4")
@pytest.mark.feature("keep-alive")
async def test_silence_is_filled(stack: Stack, token_of: TokenOf) -> None:
    turn_id, body = new_turn_id(), b""
    headers = {"x-auth-token": token_of("patient"), "x-turn-id": turn_id}
    async with (
        httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as http,
        http.stream("POST", "/chatkit", json=create_thread("simulate silence")) as response,
    ):
        async for chunk in response.aiter_raw():
            body += chunk
            if KEEP_ALIVE in body:
                await http.post(f"/chatkit/turns/{turn_id}/cancel")
                break

    before, _ = body.split(KEEP_ALIVE, 1)
    assert before.endswith(b"\n\n")
