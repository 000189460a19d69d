"""What the store remembers of its callers, and what it forgets."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest
from chatkit.types import Page, Thread

from chat_api.context import RequestContext
from store_dynamo.known import MAX_CONTEXTS, Knowledge, KnownThreads
from tests.contracts.store import Caller
from tests.fakes.chatkit_models import thread

PLACE = ("USER#alice", "THREAD#thr_1")
FIRST, SECOND = (Knowledge(PLACE, {"title": each}, {}, n) for n, each in enumerate(("first", "second")))


@pytest.mark.promise("S12")
def test_an_object_knows_what_it_held() -> None:
    known, caller = KnownThreads(), Caller("alice")
    mine, other = thread(), thread()
    known.remember(mine, caller, FIRST)
    known.remember(other, caller, SECOND)

    assert known.recall(mine, caller, PLACE) == FIRST
    assert known.recall(mine, caller, ("USER#bob", "THREAD#thr_1")) is None


@pytest.mark.promise("S12")
def test_a_copy_knows_the_last_and_a_first_turns_thread_the_first() -> None:
    known, caller = KnownThreads(), Caller("alice")
    held = thread(), thread()
    for each, knowledge in zip(held, (FIRST, SECOND), strict=True):
        known.remember(each, caller, knowledge)

    assert known.recall(thread(), caller, PLACE) == SECOND
    assert known.recall(Thread(**thread().model_dump(), items=Page()), caller, PLACE) == FIRST
    assert known.recall(thread(), Caller("alice"), PLACE) is None, "another request, though it is equal"


def test_what_is_gone_is_forgotten() -> None:
    known, caller = KnownThreads(), Caller("alice")
    for _ in range(100):
        known.remember(thread(), caller, FIRST)
    gc.collect()
    for n in range(2 * MAX_CONTEXTS):
        known.remember(thread(), f"user {n}", FIRST)  # a string cannot be referenced weakly
    gc.collect()

    assert len(known._objects) == 0
    assert len(known._contexts) == MAX_CONTEXTS


def test_a_request_that_is_over_is_forgotten() -> None:
    known, running = KnownThreads(), request_context("running")
    known.remember(thread(), running, FIRST)
    for n in range(100):
        known.remember(thread(), request_context(f"turn {n}"), SECOND)
    gc.collect()

    assert len(known._contexts) == 1
    assert known.recall(thread(), running, PLACE) == FIRST


def request_context(turn_id: str) -> RequestContext:
    return RequestContext("alice", "alice", frozenset(), "en", "request", turn_id, datetime.now(UTC))


@pytest.mark.promise("S12")
def test_a_long_list_does_not_push_out_a_running_turn() -> None:
    known, caller = KnownThreads(), Caller("alice")
    known.remember(thread(), caller, FIRST)
    listed = [thread(f"thr_{n}") for n in range(2 * MAX_CONTEXTS)]
    for each in listed:
        known.remember_listed(each, SECOND)

    assert known.recall(thread(), caller, PLACE) == FIRST
    assert known.recall(listed[0], caller, PLACE) == SECOND
