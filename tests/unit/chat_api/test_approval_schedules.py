"""Random schedules around approvals: clicks, tabs, retries, kills at any await, woken processes, changed tools, expiry.

Each request runs in a process of its own: a server whose store can die or stand still at any of its awaits. After every
step the ledger has exactly what the user approved, and nothing twice.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from chatkit.store import NotFoundError

from attachments_s3 import S3AttachmentStore
from chat_api.errors import RefusedError
from chat_api.server import AssistantServer, StreamingResult
from chat_api.settings import LimitSettings
from chat_api.turn import Timing
from store_dynamo import DynamoStore
from store_dynamo.testing import Clock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.teller import Killed, Ledger, Teller
from tests.fakes.turn import request_context
from tests.unit.chat_api.test_approvals import buttons, request_of
from tools.client.chatkit import add_message, create_thread, get_thread

BATCHES, SCHEDULES = int(os.environ.get("SCHEDULE_BATCHES", "4")), 50
"""200 schedules; `SCHEDULE_BATCHES=20` runs 1,000."""
STEPS = 7
LIFE = timedelta(days=1)
TIMING = Timing(cancel_poll=60, title_wait=0, journal=0)
LIMITS = LimitSettings(turns_at_once=None, turns_per_minute=None, requests_per_minute=None)
"""A process that dies keeps its seat for minutes, by a clock that these schedules do not move that far."""
RECORDS = {"approvals", "running", "turns", "journal", "rates", "access", "feedback", "audit"}
ANA = request_context("ana")


class Fate:
    """Decides at which of its awaits a process dies, or stands still until it is woken."""

    def __init__(self, kill_at: int = 0, pause_at: int = 0) -> None:
        self.left, self.pause_at, self.dead = kill_at, pause_at, False
        self.awake, self.paused = asyncio.Event(), asyncio.Event()

    async def step(self) -> None:
        if self.dead:
            raise Killed
        if self.left:
            self.left -= 1
            if self.left == 0:
                self.dead = True
                raise Killed
        if self.pause_at:
            self.pause_at -= 1
            if self.pause_at == 0:
                self.paused.set()
                await self.awake.wait()


class Mortal:
    """A store, or a part of it, in one process."""

    def __init__(self, target: Any, fate: Fate) -> None:
        self._target, self._fate = target, fate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name in RECORDS:
            return Mortal(value, self._fate)
        if name == "fenced":
            return lambda claim: Mortal(value(claim), self._fate)
        if not inspect.iscoroutinefunction(value):
            return value

        async def call(*args: Any, **options: Any) -> Any:
            await self._fate.step()
            result = await value(*args, **options)
            await self._fate.step()
            return result

        return call


class Schedule:
    """One conversation of one user with many short-lived processes."""

    def __init__(self, seed: int, files: Any) -> None:
        self.random, self.files, self.clock = random.Random(seed), files, Clock()
        self.store = MemoryStore[Any](clock=self.clock)
        self.moves: list[tuple[int, str]] = []
        self.moved_by: dict[str, str] = {}
        self.version, self.turns, self.thread_id = "1", 0, ""
        self.approved: set[str] = set()
        self.asked_by: dict[str, str] = {}
        self.sleeping: list[tuple[Fate, asyncio.Task[Any]]] = []

    def process(self, fate: Fate) -> AssistantServer:
        ledger, version = Ledger(self.moves, before=fate.step), self.version

        async def after() -> None:
            self.moved_by[self.moves[-1][1]] = version
            await fate.step()

        ledger.after = after
        store = cast("DynamoStore[Any]", Mortal(self.store, fate))
        return AssistantServer(store, self.files, Teller(ledger, version, LIFE), timing=TIMING, limits=LIMITS)

    async def send(self, request: Any, fate: Fate | None = None) -> tuple[int, list[Any]]:
        """Return the status, 0 for a process that died, and the events of a request."""
        self.turns += 1
        context = replace(ANA, turn_id=f"turn-{self.turns:09}", request_id=f"request-{self.turns}")
        fate = fate or Fate()
        events: list[Any] = []
        try:
            result = await self.process(fate).process(json.dumps(request), context)
            if not isinstance(result, StreamingResult):
                return 200, [json.loads(result.json)]
            async for line in result.json_events:
                if line.startswith(b"data: "):
                    events.append(json.loads(line[6:]))
        except (RefusedError, NotFoundError):
            return 400, events
        except BaseException as error:
            if not fate.dead or isinstance(error, asyncio.CancelledError):
                raise
        return 0 if fate.dead else 200, events

    async def begin(self) -> None:
        _, events = await self.send(create_thread(self._order()))
        self.thread_id = events[0]["thread"]["id"]

    def _order(self) -> str:
        return "move " + " ".join(str(self.random.randint(1, 99)) for _ in range(self.random.choice((1, 1, 2, 3))))

    async def items(self) -> list[Any]:
        _, [thread] = await self.send(get_thread(self.thread_id))
        return thread["items"]["data"]

    async def step(self) -> None:
        """Do one random thing."""
        actions: list[Callable[[], Any]] = [self.decide] * 8
        actions += [self.talk, self.retry, self.items, self.wait, self.change, self.wake]
        await self.random.choice(actions)()
        await self.check()

    async def decide(self) -> None:
        """Press a button of any card, once or more, maybe in processes that die or stand still."""
        cards = [
            item for item in await self.items() if item["type"] == "widget" and "Approve" in buttons(item["widget"])
        ]
        if not cards:
            return await self.talk(self._order())
        card = self.random.choice(cards)
        label = self.random.choice(("Approve", "Approve", "Approve", "Deny"))
        request = request_of(self.thread_id, card, label)
        if label == "Approve":
            self.approved.add(request["params"]["action"]["payload"]["id"])
        kind = self.random.random()
        if kind < 0.35:
            await self.send(request, Fate(kill_at=self.random.randint(1, 60)))
        elif kind < 0.5:
            await self.fall_asleep(request)
        elif kind < 0.7:
            await asyncio.gather(*(self.send(request) for _ in range(self.random.randint(2, 3))))
        else:
            before = await self.status_of(request)
            status, _ = await self.send(request)
            if status == 200 and before == "pending" and self.asked_by[self.id_of(request)] == self.version:
                assert await self.status_of(request) in ("done" if label == "Approve" else "denied", "expired")
        for _ in range(self.random.randint(0, 1)):
            await self.send(request)
        return None

    async def fall_asleep(self, request: Any) -> None:
        fate = Fate(pause_at=self.random.randint(1, 50))
        task = asyncio.create_task(self.send(request, fate))
        paused = asyncio.create_task(fate.paused.wait())
        await asyncio.wait({task, paused}, return_when=asyncio.FIRST_COMPLETED)
        paused.cancel()
        self.sleeping.append((fate, task))

    async def wake(self) -> None:
        """Wake a process that stood still, after another one has taken over its turn."""
        if self.sleeping:
            fate, task = self.sleeping.pop(self.random.randrange(len(self.sleeping)))
            fate.awake.set()
            await task

    async def talk(self, text: str = "hello") -> None:
        fate = Fate(kill_at=self.random.randint(1, 40)) if self.random.random() < 0.2 else None
        await self.send(add_message(self.thread_id, text), fate)

    async def retry(self) -> None:
        messages = [item["id"] for item in await self.items() if item["type"] == "user_message"]
        if messages and self.random.random() < 0.5:
            params = {"thread_id": self.thread_id, "item_id": self.random.choice(messages)}
            await self.send({"type": "threads.retry_after_item", "params": params})

    async def wait(self) -> None:
        """Let a dead turn's lock become free, or the time to decide end."""
        self.clock.advance(self.random.choice((timedelta(seconds=21), timedelta(seconds=21), LIFE)))

    async def change(self) -> None:
        """Deploy another version of the tool, or roll back."""
        self.version = "2" if self.version == "1" else "1"

    def id_of(self, request: Any) -> str:
        return request["params"]["action"]["payload"]["id"]

    async def status_of(self, request: Any) -> str:
        return (await self.store.approvals.load(self.thread_id, self.id_of(request), ANA)).status

    async def check(self) -> None:
        """The ledger has what was approved, as it was asked, and nothing twice."""
        records = {each.asked.approval_id: each for each in await self.store.approvals.list(self.thread_id, ANA)}
        for key in records:
            self.asked_by.setdefault(key, self.version)
        keys = [key for _, key in self.moves]
        assert len(keys) == len(set(keys)), "moved twice"
        for dollars, key in self.moves:
            record = records[key]
            assert key in self.approved, "moved without an approval"
            assert json.loads(record.asked.arguments) == {"dollars": dollars}, "moved something else"
            assert record.status in ("begun", "done", "failed", "unknown"), "moved in the wrong state"
            assert self.moved_by.get(key, self.asked_by[key]) == self.asked_by[key], "moved by a changed tool"
        for key, record in records.items():
            assert (record.status != "done") or key in keys, "done without a move"

    async def end(self) -> None:
        while self.sleeping:
            await self.wake()
            await self.check()
        self.clock.advance(timedelta(seconds=21))
        await self.send(add_message(self.thread_id, "hello"))
        await self.check()
        begun = [each for each in await self.store.approvals.list(self.thread_id, ANA) if each.status == "begun"]
        assert not begun, "a dead turn's outcome is not settled"


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
@pytest.mark.promise("P3")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of killed processes' generators
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("batch", range(BATCHES))
async def test_the_ledger_changes_exactly_as_approved(s3: Any, batch: int) -> None:
    files = S3AttachmentStore[Any](bucket="none", client=s3, user_of=lambda context: context.user_id)
    for seed in range(batch * SCHEDULES, (batch + 1) * SCHEDULES):
        schedule = Schedule(seed, files)
        await schedule.begin()
        await schedule.check()
        for _ in range(STEPS):
            await schedule.step()
        await schedule.end()
        del schedule
    for _ in range(3):  # what killed processes leave behind is collected here, where its warnings are ignored
        gc.collect()
        await asyncio.sleep(0)
