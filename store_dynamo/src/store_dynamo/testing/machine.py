"""Random operations of two users on a store, compared with a plain model: lists in insertion order, sorted by time.

    class MyMachine(StoreMachine):
        def make(self):
            return MyStore()

    check(MyMachine, examples=60, steps=40)

For stores that isolate users, refuse duplicates and keep deleted threads deleted. Each example gets a store of its own.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chatkit.store import NotFoundError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from store_dynamo.errors import DuplicateItemError
from store_dynamo.testing.models import NOON, note, thread
from store_dynamo.testing.setting import Caller

users = st.sampled_from([Caller("alice"), Caller("bob")])
thread_ids = st.sampled_from(["t1", "t2", "t#1"])
item_ids = st.sampled_from([f"i{n}" for n in range(8)])
moments = st.integers(0, 3).map(lambda n: NOON + timedelta(seconds=n))
orders = st.sampled_from(["asc", "desc"])


class ModelThread:
    def __init__(self, at: Any) -> None:
        self.at = at
        self.title: str | None = None
        self.deleted = False
        self.items: list[tuple[Any, str, int]] = []  # (time, id, content) in the order of insertion

    def ordered(self) -> list[tuple[str, int]]:
        return [(item_id, content) for _, item_id, content in sorted(self.items, key=lambda each: each[0])]


@dataclass
class Reading:
    """Pages read so far, and the items that existed from their first page on."""

    user: Caller
    thread_id: str
    size: int
    order: str
    seen: list[str]
    here: set[str]


class StoreMachine(RuleBasedStateMachine):
    """The store's answers equal the model's after every operation. A subclass overrides `make`."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.threads: dict[tuple[str, str], ModelThread] = {}
        self.readings: list[Reading] = []
        self.contents = 0
        self.store: Any = self.make()

    def make(self) -> Any:
        """Return an empty store."""
        raise NotImplementedError("override make")

    def teardown(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def do(self, call: Any) -> Any:
        try:
            return self.loop.run_until_complete(call)
        except (NotFoundError, DuplicateItemError) as error:
            return type(error)

    def alive(self, user: Caller, thread_id: str) -> ModelThread | None:
        found = self.threads.get((user.user_id, thread_id))
        return None if found is None or found.deleted else found

    @initialize()
    def begin(self) -> None:
        for user in ("alice", "bob"):
            self.save_thread(Caller(user), "t1", NOON, "first")

    @rule(user=users, thread_id=thread_ids, at=moments, title=st.sampled_from([None, "a", "b"]))
    def save_thread(self, user: Caller, thread_id: str, at: Any, title: str | None) -> None:
        key = user.user_id, thread_id
        known = self.threads.get(key)
        answer = self.do(self.store.save_thread(thread(thread_id, known.at if known else at, title=title), user))
        if known and known.deleted:
            assert answer is NotFoundError
            return
        assert answer is None
        self.threads.setdefault(key, ModelThread(at)).title = title

    @rule(user=users, thread_id=thread_ids)
    def delete_thread(self, user: Caller, thread_id: str) -> None:
        assert self.do(self.store.delete_thread(thread_id, user)) is None
        if found := self.threads.get((user.user_id, thread_id)):
            found.deleted = True

    @rule(user=users, thread_id=thread_ids, item_id=item_ids, at=moments, again=st.booleans())
    def add(self, user: Caller, thread_id: str, item_id: str, at: Any, again: bool) -> None:
        self.contents += 1
        found = self.alive(user, thread_id)
        answer = self.do(self.store.add_thread_item(thread_id, note(item_id, self.contents, at), user))
        if found is None:
            assert answer is NotFoundError
        elif item_id in [each[1] for each in found.items]:
            assert answer is DuplicateItemError
        else:
            found.items.append((at, item_id, self.contents))
            if again:
                assert self.do(self.store.add_thread_item(thread_id, note(item_id, self.contents, at), user)) is None

    @rule(user=users, thread_id=thread_ids, item_id=item_ids, at=moments)
    def save(self, user: Caller, thread_id: str, item_id: str, at: Any) -> None:
        self.contents += 1
        found = self.alive(user, thread_id)
        answer = self.do(self.store.save_item(thread_id, note(item_id, self.contents, at), user))
        if found is None:
            assert answer is NotFoundError
            return
        for n, (place, each, _) in enumerate(found.items):
            if each == item_id:
                found.items[n] = (place, each, self.contents)
                return
        found.items.append((at, item_id, self.contents))

    @rule(user=users, thread_id=thread_ids, item_id=item_ids)
    def delete_item(self, user: Caller, thread_id: str, item_id: str) -> None:
        assert self.do(self.store.delete_thread_item(thread_id, item_id, user)) is None
        if found := self.alive(user, thread_id):
            found.items = [each for each in found.items if each[1] != item_id]
        for reading in self.readings:
            if (reading.user, reading.thread_id) == (user, thread_id):
                reading.here.discard(item_id)

    @rule(user=users, thread_id=thread_ids, size=st.sampled_from([1, 2, 3]), order=orders)
    def begin_reading(self, user: Caller, thread_id: str, size: int, order: str) -> None:
        """Read a first page; other operations may write before the next one."""
        page = self.do(self.store.load_thread_items(thread_id, None, size, order, user))
        found = self.alive(user, thread_id)
        here: set[str] = {each[1] for each in found.items} if found else set()
        assert page.has_more == (len(here) > size)
        if page.has_more:
            self.readings.append(Reading(user, thread_id, size, order, [item.id for item in page.data], here))

    @precondition(lambda self: self.readings)
    @rule()
    def finish_reading(self) -> None:
        """Check that every item that existed all the time comes exactly once, in order."""
        reading = self.readings.pop()
        while True:
            found, after = self.alive(reading.user, reading.thread_id), reading.seen[-1]
            page = self.do(
                self.store.load_thread_items(reading.thread_id, after, reading.size, reading.order, reading.user)
            )
            if found is None:
                assert page.data == []
                return
            if after not in [each[1] for each in found.items]:
                assert page is NotFoundError
                return
            reading.seen += [item.id for item in page.data]
            if not page.has_more:
                break
        ordered = [each for each, _ in found.ordered()]
        kept = [each for each in (ordered if reading.order == "asc" else ordered[::-1]) if each in reading.here]
        assert [each for each in reading.seen if each in reading.here] == kept

    @invariant()
    def everything_agrees(self) -> None:
        for user in ("alice", "bob"):
            caller = Caller(user)
            threads = {thread_id: found for (owner, thread_id), found in self.threads.items() if owner == user}
            alive = sorted((found.at, thread_id) for thread_id, found in threads.items() if not found.deleted)
            page = self.do(self.store.load_threads(9, None, "asc", caller))
            assert [(each.id, each.title) for each in page.data] == [
                (thread_id, threads[thread_id].title) for _, thread_id in alive
            ]
            for thread_id in ("t1", "t2", "t#1"):
                found = self.alive(caller, thread_id)
                items = self.do(self.store.load_thread_items(thread_id, None, 99, "desc", caller)).data
                assert [(item.id, item.content) for item in items] == (found.ordered()[::-1] if found else [])


def check(machine: type[StoreMachine], examples: int, steps: int) -> None:
    """Run a machine with the same random operations every time."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
