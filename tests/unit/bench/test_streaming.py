"""The measurements of `tools.bench.streaming`: reading messages, memory, medians and goals."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.bench.streaming.exchange import Arrival, read_message
from tools.bench.streaming.footprint import activity, memory_mb, peak_mb
from tools.bench.streaming.runs import Figures, medians
from tools.bench.streaming.section import ADAPTER, OURS, ROWS, goals, rows

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
MEASURED = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello0\r\n\r\n!!"


@pytest.mark.parametrize("message", [CHUNKED, MEASURED], ids=["chunks", "a length"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_message_is_read_to_its_end_in_whatever_pieces(message: bytes, size: int) -> None:
    reader, writer = socket.socketpair(socket.AF_UNIX)
    with reader, writer:
        pieces = [message[at : at + size] for at in range(0, len(message), size)]
        sender = threading.Thread(target=lambda: [writer.sendall(piece) for piece in pieces])
        sender.start()
        found = read_message(reader, acknowledge=False)
        sender.join()
        assert b"".join(data for _, data in found) == message


def test_latency_is_from_the_time_in_a_chunk_to_its_arrival() -> None:
    pieces = [(2_000_000_000, b"head"), (3_000_000_000, b"1000000000....2500000000..")]
    arrival = Arrival(sent_ns=1_000_000_000, pieces=pieces)
    assert arrival.first_byte_ms() == 2000
    assert arrival.latencies_ms() == [2000, 500]
    assert arrival.last_byte_ms() == 2000


@pytest.fixture
def twins() -> Iterator[list[int]]:
    """Two identical processes with 20 MB of private memory each."""
    program = "held = b'x' * 20_000_000; print('ready', flush=True); input()"
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for each in started:
        assert each.stdout
        each.stdout.readline()
        while ") S " not in Path(f"/proc/{each.pid}/stat").read_text():  # until it waits for its input
            time.sleep(0.001)
    yield [each.pid for each in started]
    for each in started:
        each.communicate(b"\n")


def test_memory_counts_what_is_held_twice_and_files_once(twins: list[int]) -> None:
    one, both = memory_mb(twins[:1]), memory_mb(twins)
    assert one > 20
    assert one + 20 < both < 2 * one - 1  # the interpreter's pages are shared
    assert peak_mb(twins) > both


def test_a_process_that_waits_does_nothing(twins: list[int]) -> None:
    before = activity(twins)
    assert before.cpu_ms > 0
    assert activity(twins).since(before).cpu_ms == 0
    own = activity([os.getpid()])
    sum(range(5_000_000))  # long enough for the kernel's accounting
    assert activity([os.getpid()]).since(own).cpu_ms > 0


def test_medians_are_taken_of_each_figure_and_each_body() -> None:
    rounds = [Figures(n, n, n, n, n, {"1 KB": n}, {"1 KB": 2 * n}) for n in (1.0, 9.0, 2.0)]
    assert medians(rounds) == Figures(2, 2, 1, 2, 2, {"1 KB": 2}, {"1 KB": 4})  # the percentile is the minimum


def subject(value: float) -> dict[str, Any]:
    sizes = dict.fromkeys(("1 KB", "64 KB", "5 MB"), value)
    names = ("first_byte_ms", "chunk_latency_ms", "chunk_latency_p99_ms", "cpu_us_per_chunk")
    return {
        "medians": dict.fromkeys(names, value)
        | {"chunks_per_second": 1000 / value, "body_first_byte_ms": sizes, "body_last_byte_ms": sizes},
        "footprint": {
            "memory_mb": value,
            "added_mb": value,
            "peak_mb": value,
            "idle_cpu_ms_per_minute": 0.0 if value < 2 else value,
        },
    }


def test_goals_compare_with_the_adapter() -> None:
    assert [goal.met for goal in goals({OURS: subject(1), ADAPTER: subject(2)})] == [True] * 4
    assert [goal.met for goal in goals({OURS: subject(2), ADAPTER: subject(2.5)})] == [False, False, False, True]
    assert [goal.met for goal in goals({OURS: subject(3), ADAPTER: subject(2)})] == [False] * 4
    assert goals({OURS: subject(1)}) == []


def test_one_figure_that_is_behind_is_behind() -> None:
    ours = subject(1)
    ours["medians"]["chunk_latency_p99_ms"] = 2.5
    behind = goals({OURS: ours, ADAPTER: subject(2)})[-1]
    assert (behind.met, behind.found) == (False, "closest: 0.80 × (… 99th percentile, quietest round, ms)")


def test_every_row_says_how_much_better_ours_is() -> None:
    found = rows({OURS: subject(1), ADAPTER: subject(2)})
    assert len(found) == len(ROWS)
    assert {row[-1] for row in found} == {"2.00 ×", "∞"}  # no processor time when idle
