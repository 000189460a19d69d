"""The function behind its URL, started by the layer's bootstrap: refusals, streaming, and storage after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from tests.e2e.conftest import PASSWORD
from tests.pace import Pace
from tools.client.chatkit import ChatKitClient, Event, Received, RefusedError, add_message, create_thread, get_thread
from tools.client.sign_in import create_user, sign_in
from tools.local.function.process import LocalFunction
from tools.local.function.url import FunctionUrl
from tools.local.sign_in.user_pool import UserPool
from tools.local.stack import Stack
from tools.workspace import source

QUESTION = "How much did I spend on groceries?"
LIST: Event = {"type": "threads.list", "params": {}}


async def ask(client: ChatKitClient, request: Event) -> list[Received]:
    return [received async for received in client.stream(request)]


@pytest.mark.promise("L1")
@pytest.mark.feature("endpoint")
async def test_every_delta_arrives_when_the_model_sends_it(stack: Stack, ana: ChatKitClient, pace: Pace) -> None:
    """The model sends a delta only when the client has the one before: nothing buffers them."""
    assert stack.model is not None
    before, arrived = len(stack.model.requests), list[float]()

    pace.hold(1)
    async for received in ana.stream(create_thread(QUESTION)):
        if received.delta:
            arrived.append(received.at)
            pace.hold(1 + len(arrived))

    sent = [at for request in list(stack.model.requests)[before:] for at in request.delta_times]
    assert len(arrived) == len(sent) > 5


BAD_BODIES = [
    (b"", 400, "no body"),
    (b"{}", 400, "type"),
    (b'{"type": "threads.create"', 400, "JSON"),
    (b'{"type": "threads.explode", "params": {}}', 400, "must be one of"),
    (b" " * (4 * 1024 * 1024 + 1), 413, "larger than"),
]


@pytest.mark.promise("H3")
@pytest.mark.parametrize(("body", "status", "why"), BAD_BODIES, ids=[why for *_, why in BAD_BODIES])
async def test_bad_body_is_refused_and_nothing_stored(
    stack: Stack, token_of: Callable[[str], str], body: bytes, status: int, why: str
) -> None:
    headers = {"x-auth-token": token_of("bad-bodies")}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as http:
        refused = await http.post("/chatkit", content=body)
        threads = await http.post("/chatkit", json=LIST)

    assert refused.status_code == status
    assert why in refused.json()["message"]
    assert "Traceback" not in refused.text
    assert threads.json()["data"] == []


async def test_body_over_lambdas_limit_never_reaches_the_function(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        refused = await http.post("/chatkit", content=b"x" * (6 * 1024 * 1024 + 1))

    assert refused.status_code == 413


@pytest.mark.promise("H1")
@pytest.mark.feature("user-identification")
async def test_only_this_pools_access_tokens_are_taken(stack: Stack) -> None:
    create_user(stack.aws, "tokens@example.com", PASSWORD)
    tokens = sign_in(stack.aws, "tokens@example.com", PASSWORD)
    header, payload, signature = tokens.access_token.split(".")
    with UserPool() as other:
        foreign = other.token("ana", iss=stack.aws.issuer, client_id=stack.aws.client_id)
    refused = {
        "no token": {},
        "an ID token": {"x-auth-token": tokens.id_token},
        "a forged signature": {"x-auth-token": f"{header}.{payload}.{signature[::-1]}"},
        "another pool's key": {"x-auth-token": foreign},
        "two tokens": {"x-auth-token": tokens.access_token, "authorization": f"Bearer {foreign}"},
    }
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        for name, headers in refused.items():
            answer = await http.post("/chatkit", json=LIST, headers=headers)
            assert answer.status_code == 401, name
            assert answer.json()["message"], name
        good = await http.post("/chatkit", json=LIST, headers={"authorization": f"Bearer {tokens.access_token}"})

    assert good.status_code == 200


async def test_process_killed_in_mid_stream_is_a_cut_and_the_thread_goes_on(stack: Stack, ana: ChatKitClient) -> None:
    received: list[Received] = []
    await stack.new_process()

    async def killed_at_the_first_delta() -> None:
        async for event in ana.stream(create_thread(QUESTION)):
            received.append(event)
            if event.delta:
                os.kill(stack.function.cold_starts[-1].pid, signal.SIGKILL)

    with pytest.raises(httpx.RemoteProtocolError):
        await killed_at_the_first_delta()

    log = await asyncio.to_thread(stack.log.read_text)
    assert received, f"cut before the kill: {log[-4000:]}"
    thread_id = received[0].event["thread"]["id"]
    thread = await ana.call(get_thread(thread_id))
    with pytest.raises(RefusedError, match="409"):  # until the dead process's lock ends, 20 s after its last sign
        await ask(ana, add_message(thread_id, "What did I just ask you?"))
    follow_up = await _as_soon_as_possible(ana, add_message(thread_id, "What did I just ask you?"))

    assert thread["items"]["data"][0]["type"] == "user_message"
    assert "error" not in [event.event["type"] for event in follow_up]


async def _as_soon_as_possible(client: ChatKitClient, request: Event) -> list[Received]:
    async with asyncio.timeout(40):
        while True:
            try:
                return await ask(client, request)
            except RefusedError as error:
                if error.status != 409:
                    raise
            await asyncio.sleep(1)


async def test_ordinary_runtime_answers_the_same_handler_buffered(stack: Stack, token_of: Callable[[str], str]) -> None:
    code = [*stack.function.code, source("lambda_streaming")]
    function: LocalFunction = replace(stack.function, layer=None, code=code, cold_starts=[])
    async with (
        FunctionUrl(function) as front,
        httpx.AsyncClient(base_url=front.url, headers={"x-auth-token": token_of("buffered")}, timeout=60) as http,
    ):
        answer = await http.post("/chatkit", json=create_thread(QUESTION))

    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]  # also comments
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (events[0]["type"], events[-1]["type"]) == ("thread.created", "thread.item.done")
