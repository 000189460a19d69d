"""Deferred imports are loaded once: with the first turn, or after the first response that does not need them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chat_api.turn import Timing
from chat_api.warmup import DeferredImports
from lambda_streaming.deadline import Deadline
from lambda_streaming.request_tasks import RequestTasks, task_factory
from tests.fakes.asgi_exchange import LambdaContext
from tests.unit.chat_api.conftest import Echo, World
from tests.unit.chat_api.test_app import events
from tests.unit.chat_api.test_message_files import uploaded
from tests.unit.chat_api.test_stopping import begin, cancel
from tools.client.chatkit import create_thread, get_thread

WorldOf = Callable[..., World]
LIST = {"type": "threads.list", "params": {}}


class Slow(Echo):
    """An Echo that counts the calls of `prepare`; the first `failures` calls raise."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.calls = 0
        self._failures = failures

    def prepare(self) -> None:
        self.calls += 1
        if self.calls <= self._failures:
            raise ImportError("no such package")


class Gated(Slow):
    """An Echo whose `prepare` returns when the gate opens; the first `failures` calls raise at once."""

    def __init__(self, gate: threading.Event, failures: int = 0) -> None:
        super().__init__(failures)
        self._gate = gate

    def prepare(self) -> None:
        super().prepare()
        assert self._gate.wait(60)


async def test_an_assistant_is_prepared_once_for_all_who_wait() -> None:
    slow = Slow()
    deferred = DeferredImports(slow)

    deferred.start()
    await asyncio.gather(*(deferred.wait() for _ in range(5)))

    assert (slow.calls, deferred.loaded) == (1, True)


@pytest.mark.promise("L4")
async def test_the_invocation_waits_for_what_it_began_to_load() -> None:
    """A rejected turn also starts loading; a frozen process must not continue it during another request."""
    gate, loop = threading.Event(), asyncio.get_running_loop()
    loop.set_task_factory(task_factory)
    deferred, tasks = DeferredImports(Gated(gate)), RequestTasks()

    with tasks.collecting():
        deferred.start()
    loop.call_later(0.05, gate.set)
    await tasks.finish(Deadline(loop.time() + 60))

    assert deferred.loaded


async def test_a_list_is_answered_first_and_prepares_the_turn_that_follows(world_of: WorldOf) -> None:
    slow = Slow()
    world = world_of(slow)
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            await send(message)
            seen.append(slow.calls)

        await world.app(scope, receive, noting)

    listed = await replace(world, app=app).post(LIST)

    assert listed.status_code == 200
    assert seen == [0, 0]  # neither the headers nor the body waited for it
    assert slow.calls == 1
    assert (await world.post(create_thread("hello"))).status_code == 200
    assert slow.calls == 1


async def test_the_logged_time_of_an_answer_is_without_what_is_loaded_behind_it(
    world_of: WorldOf, caplog: pytest.LogCaptureFixture
) -> None:
    class Sleepy(Echo):
        def prepare(self) -> None:
            time.sleep(0.3)

    world = world_of(Sleepy())
    with caplog.at_level("INFO", "chat_api.requests"):
        started = time.perf_counter()
        await world.post(LIST)
        whole = (time.perf_counter() - started) * 1000

    (logged,) = (record for record in caplog.records if record.message == "request")
    assert whole - logged.__dict__["milliseconds"] >= 299


async def test_what_the_composer_may_offer_is_told_first_too(world_of: WorldOf) -> None:
    slow = Slow(failures=99)
    async with world_of(slow).client() as client:
        offered = await client.get("/chatkit/composer")

    assert (offered.status_code, slow.calls) == (200, 1)


async def test_a_request_that_is_refused_for_its_token_prepares_nothing(world_of: WorldOf) -> None:
    slow = Slow()

    await world_of(slow).post(LIST, None)

    assert slow.calls == 0


@pytest.mark.promise("H3")
async def test_a_turn_whose_assistant_cannot_be_prepared_ends_in_an_error_event(world_of: WorldOf) -> None:
    world = world_of(Slow(failures=2))  # the first call is during admission, the second after it

    failed = await world.post(create_thread("hello"))
    again = await world.post(create_thread("hello"))

    assert [event["type"] for event in events(failed)] == ["error"]
    assert "no such package" not in failed.text
    thread_id = events(again)[0]["thread"]["id"]
    assert (await world.post(get_thread(thread_id))).status_code == 200


@pytest.mark.promise("H5")
@pytest.mark.parametrize("stop", [False, True], ids=["waited for", "stopped meanwhile"])
async def test_a_turn_whose_assistant_is_not_loaded_at_its_deadline_ends_in_an_error_event(
    world_of: WorldOf, stop: bool
) -> None:
    gate = threading.Event()
    assistant = Gated(gate, failures=1)  # the upload does not wait for the gate
    world = world_of(assistant, timing=Timing(cancel_poll=0.01, reserve=1000))
    message = create_thread("hello", (await uploaded(world),))
    turn = begin(world, message, context=LambdaContext(milliseconds=400))
    if stop:
        await cancel(world)

    received = await turn.rest()
    gate.set()
    again = await world.post(message)

    assert [each.pop("request_id") for each in received]
    assert received == [{"type": "error", "code": "stream.error", "allow_retry": True}]
    assert world.metrics[0].outcome == "failed"
    assert events(again)[0]["type"] == "thread.created"  # with its file, which was released


async def test_lists_do_not_fail_with_the_assistant(world_of: WorldOf) -> None:
    world = world_of(Slow(failures=99))

    assert [(await world.post(LIST)).status_code for _ in range(2)] == [200, 200]
