"""A blocked event loop is reported once, with the stack of the code that blocks it."""

from __future__ import annotations

import asyncio
import re
import threading
import time

import pytest

from lambda_streaming.loop_watch import NO_STACK, watched_loop

pytestmark = pytest.mark.promise("H11")


def block(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)


async def test_a_blocked_loop_is_reported_once_with_its_stack():
    reports = []

    with watched_loop(reports.append):
        block(1.8)
        await asyncio.sleep(0)

    assert len(reports) == 1
    assert re.search(rf"{__file__}:\d+ in block$", reports[0])
    assert "asyncio/events.py" not in reports[0]


async def test_each_block_is_reported():
    reports = []

    with watched_loop(reports.append):
        for _ in range(2):
            block(1.5)
            await asyncio.sleep(0.6)

    assert len(reports) == 2


async def test_a_loop_that_waits_is_not_reported():
    reports = []

    with watched_loop(reports.append):
        await asyncio.sleep(1.5)

    assert reports == []


async def test_a_call_that_holds_pythons_lock_is_reported_without_a_stack():
    reports = []

    with watched_loop(reports.append):
        await asyncio.sleep(0.3)
        slow = re.compile(r"(a+)+$")
        size = 22
        for _ in range(8):  # on a busy machine, the watch may take some of them for a frozen process
            began = time.monotonic()
            while time.monotonic() - began < 1.6:  # one match holds the lock from the beginning to the end
                began = time.monotonic()
                slow.match("a" * size + "b")
                size += 1
            size -= 1
            await asyncio.sleep(0.6)
            if reports:
                break

    assert reports
    assert {NO_STACK} >= {report for report in reports if "re/" not in report and __file__ not in report}


async def test_nothing_runs_after_the_last_watch():
    with watched_loop(lambda _: None):
        await asyncio.sleep(0)

    (thread,) = [thread for thread in threading.enumerate() if thread.name == "loop-watch"]
    assert thread.daemon
