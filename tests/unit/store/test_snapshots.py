"""The cache of thread snapshots: which snapshot a save is based on, and when one is dropped."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest
from chatkit.types import Page, Thread

from chat_api.context import RequestContext
from store_dynamo.snapshots import MAX_CONTEXTS, SnapshotCache, ThreadSnapshot
from store_dynamo.testing import Caller
from store_dynamo.testing.models import thread

PLACE = ("USER#alice", "THREAD#thr_1")
FIRST, SECOND = (ThreadSnapshot(PLACE, {"title": each}, {}, n) for n, each in enumerate(("first", "second")))


@pytest.mark.promise("S12")
def test_an_object_has_its_own_snapshot() -> None:
    cache, caller = SnapshotCache(), Caller("alice")
    mine, other = thread(), thread()
    cache.put(mine, caller, FIRST)
    cache.put(other, caller, SECOND)

    assert cache.find(mine, caller, PLACE) == FIRST
    assert cache.find(mine, caller, ("USER#bob", "THREAD#thr_1")) is None


@pytest.mark.promise("S12")
def test_a_copy_has_the_last_snapshot_and_a_first_turns_thread_the_first() -> None:
    cache, caller = SnapshotCache(), Caller("alice")
    held = thread(), thread()
    for each, snapshot in zip(held, (FIRST, SECOND), strict=True):
        cache.put(each, caller, snapshot)

    assert cache.find(thread(), caller, PLACE) == SECOND
    assert cache.find(Thread(**thread().model_dump(), items=Page()), caller, PLACE) == FIRST
    assert cache.find(thread(), Caller("alice"), PLACE) is None, "an equal context of another request"


def test_snapshots_of_collected_objects_are_dropped() -> None:
    cache, caller = SnapshotCache(), Caller("alice")
    for _ in range(100):
        cache.put(thread(), caller, FIRST)
    gc.collect()
    for n in range(2 * MAX_CONTEXTS):
        cache.put(thread(), f"user {n}", FIRST)  # a string cannot be referenced weakly
    gc.collect()

    assert len(cache._objects) == 0
    assert len(cache._contexts) == MAX_CONTEXTS


def test_snapshots_of_finished_requests_are_dropped() -> None:
    cache, running = SnapshotCache(), request_context("running")
    cache.put(thread(), running, FIRST)
    for n in range(100):
        cache.put(thread(), request_context(f"turn {n}"), SECOND)
    gc.collect()

    assert len(cache._contexts) == 1
    assert cache.find(thread(), running, PLACE) == FIRST


def request_context(turn_id: str) -> RequestContext:
    return RequestContext("alice", "alice", frozenset(), "en", "request", turn_id, datetime.now(UTC))


@pytest.mark.promise("S12")
def test_a_long_list_does_not_evict_a_running_turn() -> None:
    cache, caller = SnapshotCache(), Caller("alice")
    cache.put(thread(), caller, FIRST)
    listed = [thread(f"thr_{n}") for n in range(2 * MAX_CONTEXTS)]
    for each in listed:
        cache.put_listed(each, SECOND)

    assert cache.find(thread(), caller, PLACE) == FIRST
    assert cache.find(listed[0], caller, PLACE) == SECOND
