"""Turns of real processes that are killed or paused, on DynamoDB Local, and what the next request finds.

The process that looks has a clock that is 21 s early, so that a turn is dead for it at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chat_api.answer.drafts import INTERRUPTED, STOPPED_NOTE
from chat_api.errors import BusyThreadError, RepeatedTurnError
from chat_api.server import AssistantServer
from chat_api.store_answers import NonStreamingResult
from store_dynamo.expressions import utc_now
from store_dynamo.running import DEAD_AFTER
from tests.fakes.dead_turn import TURN
from tests.fakes.dynamo_backend import create_table
from tests.fakes.turn import request_context
from tests.integration.turns.dying_process import INTERVAL, WORDS, Talking, server_of
from tools import ROOT
from tools.client.chatkit import add_message, create_thread, get_thread
from tools.local.dynamodb_local import KEY, DynamoDBLocal
from tools.stack.clients import local_client

ANA = replace(request_context("ana"), turn_id="turn-look-0001")
SKEW = DEAD_AFTER + timedelta(seconds=1)
LIMIT_SECONDS = 60
HELLO = create_thread("hello")


@pytest.fixture
def endpoint(dynamodb_local_server: DynamoDBLocal) -> str:
    return dynamodb_local_server.endpoint


class Process:
    """A process that runs one turn, its table, and what its reader has seen."""

    def __init__(self, endpoint: str, prepares_seconds: float) -> None:
        self.endpoint, self.table = endpoint, f"t{uuid.uuid4().hex}"
        _, self.store = server_of(endpoint, self.table, Talking(0))
        client = local_client("dynamodb", endpoint, KEY)
        create_table(client, self.table, stream=False)
        client.close()
        command = [sys.executable, "-m", "tests.integration.turns.dying_process", endpoint, self.table]
        self.process = subprocess.Popen(
            [*command, json.dumps(HELLO), str(prepares_seconds)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        self.seen: list[tuple[float, dict[str, Any]]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout:
            for line in self.process.stdout:
                at, event = json.loads(line)
                self.seen.append((at, event))

    async def until(self, condition: Callable[[], object]) -> None:
        limit = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert time.monotonic() < limit, "it took too long"
            await asyncio.sleep(0.02)

    def words(self, before: float | None = None) -> str:
        """Return the words that the reader has seen, or those that it had seen at a time."""
        updates = [each["update"] for at, each in self.seen if "update" in each and (before is None or at <= before)]
        return "".join(update["delta"] for update in updates)

    def types(self) -> list[str]:
        return [event["type"] for _, event in self.seen]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    async def wake(self) -> None:
        """Let a paused process go on, and wait for its end."""
        os.kill(self.process.pid, signal.SIGCONT)
        await asyncio.to_thread(self.process.wait, LIMIT_SECONDS)

    async def thread_id(self) -> str:
        turn = await self.store.turns.find(TURN, ANA)
        assert turn is not None
        return turn.thread_id

    def looker(self, skew: timedelta = SKEW) -> AssistantServer:
        return server_of(self.endpoint, self.table, Talking(0), clock=lambda: utc_now() + skew)[0]

    async def look(self, skew: timedelta = SKEW) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Return the items that a user sees, and the headers."""
        result = await self.looker(skew).process(json.dumps(get_thread(await self.thread_id())), ANA)
        assert isinstance(result, NonStreamingResult)
        return json.loads(result.json)["items"]["data"], dict(result.headers)

    async def everything(self) -> list[str]:
        page = await self.store.load_thread_items(await self.thread_id(), None, 100, "asc", ANA)
        return [item.model_dump_json() for item in page.data]


@asynccontextmanager
async def turn_in(endpoint: str, prepares_seconds: float = 0.0) -> AsyncIterator[Process]:
    process = Process(endpoint, prepares_seconds)
    try:
        yield process
    finally:
        process.kill()


async def half_way(turn: Process) -> None:
    await turn.until(lambda: len(turn.words().split()) >= 60)


def answer_of(items: list[dict[str, Any]]) -> list[str]:
    return [part["text"] for part in items[3]["content"]]


@pytest.mark.promise("R3")
@pytest.mark.promise("R4")
@pytest.mark.parametrize("takers", [1, 3])
async def test_the_text_of_a_killed_process_is_stored_once(endpoint: str, takers: int) -> None:
    async with turn_in(endpoint) as turn:
        await half_way(turn)
        killed_at = time.time()
        turn.kill()

        looks = await asyncio.gather(*(turn.look() for _ in range(takers)))

        items, headers = await turn.look()
        text, note = answer_of(items)
        assert [item["type"] for item in items] == ["user_message", "workflow", *["assistant_message"] * 2]
        assert text.startswith(turn.words(before=killed_at - 2 * INTERVAL))
        assert len(text) > 100
        assert "".join(f"w{number} " for number in range(WORDS)).startswith(text)
        assert note == f"\n\n*{INTERRUPTED}*"
        assert headers == {"x-turn-interrupted": TURN}
        assert all(each == (items, headers) for each in looks)


@pytest.mark.promise("R4")
@pytest.mark.feature("fenced-turns")
async def test_a_paused_process_that_wakes_up_leaves_the_store_as_the_taker_made_it(endpoint: str) -> None:
    async with turn_in(endpoint) as turn:
        await half_way(turn)
        turn.pause()
        await asyncio.sleep(0.5)  # what was on its way has arrived
        await turn.look()
        taken = await turn.everything()

        await turn.wake()

        assert await turn.everything() == taken
        assert "thread.item.done" not in turn.types()[turn.types().index("thread.item.updated") :]
        assert await turn.store.running.list(ANA) == []


@pytest.mark.promise("R4")
async def test_a_false_alarm_costs_words_but_never_order(endpoint: str) -> None:
    """A looker whose clock is early takes a healthy turn over, or the turn's beat is faster."""
    async with turn_in(endpoint) as turn:
        await half_way(turn)
        items, headers = await turn.look()
        await asyncio.to_thread(turn.process.wait, LIMIT_SECONDS)
        found, _ = await turn.look(timedelta(0))

        whole = "".join(f"w{number} " for number in range(WORDS))
        taken = "x-turn-interrupted" in headers
        assert answer_of(found)[0] == (answer_of(items)[0] if taken else whole)
        assert whole.startswith(answer_of(found)[0])
        assert [item["type"] for item in found] == ["user_message", "workflow", *["assistant_message"] * 2]


@pytest.mark.promise("R4")
@pytest.mark.parametrize("skew", [timedelta(seconds=10), timedelta(seconds=-3600)], ids=["early", "late"])
async def test_a_healthy_turn_is_not_taken_over_by_a_skewed_clock(endpoint: str, skew: timedelta) -> None:
    async with turn_in(endpoint) as turn:
        await half_way(turn)
        thread_id = await turn.thread_id()

        items, headers = await turn.look(skew)
        with pytest.raises(BusyThreadError) as busy:
            await turn.looker(skew).process(json.dumps(add_message(thread_id, "two")), ANA)

        assert headers == {"x-turns-running": f"{thread_id}={TURN}"}
        assert len(items) == 2
        assert (busy.value.thread_id, busy.value.turn_id) == (thread_id, TURN)


@pytest.mark.promise("R3")
@pytest.mark.promise("H10")
async def test_a_process_killed_before_it_created_the_thread(endpoint: str) -> None:
    """Its claim and its lock are in the table; a paused one cannot create the thread either."""
    async with turn_in(endpoint, prepares_seconds=3) as turn:
        await turn.until(turn.types)
        turn.pause()
        repeated = replace(ANA, turn_id=TURN)
        for skew, resend in ((timedelta(0), False), (SKEW, True), (timedelta(0), True)):
            with pytest.raises(RepeatedTurnError) as caught:
                await turn.looker(skew).process(json.dumps(HELLO), repeated)
            assert caught.value.resend is resend

        await turn.wake()

        assert await turn.everything() == []
        assert (await turn.store.load_threads(10, None, "asc", ANA)).data == []
        assert "thread.item.done" not in turn.types()


@pytest.mark.promise("R3")
async def test_a_process_killed_before_its_first_segment(endpoint: str) -> None:
    async with turn_in(endpoint) as turn:
        await turn.until(lambda: "thread.item.done" in turn.types())
        turn.kill()

        items, headers = await turn.look()

        assert items[0]["type"] == "user_message"
        assert headers == {"x-turn-interrupted": TURN}
        assert await turn.store.running.list(ANA) == []


@pytest.mark.promise("R3")
async def test_a_stopped_turn_whose_process_is_killed_ends_as_stopped(endpoint: str) -> None:
    async with turn_in(endpoint) as turn:
        await half_way(turn)
        turn.pause()
        await turn.store.turns.cancel(TURN, ANA)
        turn.kill()

        items, headers = await turn.look()

        assert len(answer_of(items)) == 1
        assert headers == {}
        assert STOPPED_NOTE in (await turn.everything())[-1]
