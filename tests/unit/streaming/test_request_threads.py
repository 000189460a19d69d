"""Blocking calls in threads: how many run, and how those that outlive their request are kept apart from the next."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from lambda_streaming import StreamingMangum
from lambda_streaming.request_threads import MAX_LEFT_BEHIND, THREADS, name_of
from tools import ROOT

EVENT = json.loads((ROOT / "tests" / "events" / "function_url_get.json").read_text())

pytestmark = pytest.mark.promise("H11")


class Shop:
    """An application with blocking tools: `block` starts so many, and stops waiting for them when all threads block."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.entered = threading.Semaphore(0)
        self.calls: list[int] = []
        self.adapter = StreamingMangum(self._answer, lifespan="off")

    def look_up(self) -> None:
        self.entered.release()
        self.release.wait(15)

    def block(self, number: int) -> None:
        self.calls.append(number)
        assert self.adapter(EVENT, None)["statusCode"] == 200

    def status_of(self, call: Callable[[], Any]) -> int:
        """Return the status of a request that makes a blocking call."""
        self._call = call
        self.calls.append(0)
        return int(self.adapter(EVENT, None)["statusCode"])

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if number := self.calls.pop():
            tasks = [asyncio.create_task(asyncio.to_thread(self.look_up)) for _ in range(number)]
            for _ in range(min(number, THREADS)):
                while not self.entered.acquire(blocking=False):  # noqa: ASYNC110  # threads set it
                    await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        else:
            await asyncio.to_thread(self._call)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.release.set()
    shop.adapter.close()
    asyncio.set_event_loop(None)


@pytest.mark.parametrize("number", [6, 40, 200])
def test_the_next_request_gets_threads_while_calls_of_the_last_one_block(shop: Shop, number: int, caplog: Any) -> None:
    shop.block(number)

    assert shop.status_of(lambda: None) == 200
    left = min(number, THREADS)
    assert len(shop.adapter._threads.left_behind) == left  # they still block
    assert f"{left} calls still run in threads after their request: {__name__}.Shop.look_up ×{left}" in caplog.text


def test_calls_that_wait_for_a_thread_are_discarded_with_their_request(shop: Shop) -> None:
    shop.block(THREADS + 10)
    shop.release.set()
    while shop.adapter._threads.left_behind:
        assert shop.status_of(lambda: None) == 200

    assert not shop.entered.acquire(blocking=False)


def test_too_many_blocked_calls_refuse_further_ones_until_some_end(shop: Shop, caplog: Any) -> None:
    while len(shop.adapter._threads.left_behind) < MAX_LEFT_BEHIND:
        shop.block(THREADS)

    assert shop.status_of(lambda: None) == 500
    assert f"{MAX_LEFT_BEHIND} calls of earlier requests still block threads" in caplog.text
    assert "give each call a timeout" in caplog.text
    shop.release.set()
    while shop.adapter._threads.left_behind:
        threading.Event().wait(0.001)

    assert shop.status_of(lambda: None) == 200


def test_calls_that_end_are_not_reported(shop: Shop, caplog: Any) -> None:
    assert shop.status_of(lambda: None) == 200

    assert "still run" not in caplog.text


def test_an_adapter_with_blocked_calls_closes(shop: Shop) -> None:
    shop.block(2)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ((json.dumps,), "json.dumps"),
        ((partial(json.dumps, "secret"),), "json.dumps"),
        ((partial(partial(json.dumps, "secret"), indent=2),), "json.dumps"),
        ((Shop.look_up,), f"{__name__}.Shop.look_up"),
        ((threading.Event().wait,), "threading.Event.wait"),
        (("not callable",), "str"),
    ],
)
def test_a_call_is_named_without_its_arguments(call: tuple[Any, ...], name: str) -> None:
    assert name_of(*call) == name
