"""Measurements in rounds in which the subjects alternate, so that other load on the machine affects all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from tools.bench.streaming.exchange import Request, Subject
from tools.bench.streaming.footprint import Activity, activity, memory_mb, peak_mb

ROUNDS = 7
FIRST_BYTE_REQUESTS = 100
LATENCY_CHUNKS = 500
BURSTS = 10
THROUGHPUT_CHUNKS = 20_000
BODIES = {"1 KB": (1_000, 60), "64 KB": (64_000, 40), "5 MB": (5_000_000, 3)}  # bytes, requests per round
IDLE_SECONDS = 10


@dataclass(frozen=True)
class Figures:
    """One subject's results of one round, or the medians of all."""

    first_byte_ms: float
    chunk_latency_ms: float
    chunk_latency_p99_ms: float
    chunks_per_second: float
    cpu_us_per_chunk: float
    body_first_byte_ms: Mapping[str, float]
    body_last_byte_ms: Mapping[str, float]


@dataclass(frozen=True)
class Footprint:
    """Resources of a subject: memory after token streams, peak memory, and activity when idle."""

    memory_mb: float
    peak_mb: float
    idle_cpu_ms_per_minute: float
    idle_wakeups_per_minute: float


def round_of(subjects: Mapping[str, Subject], scale: float, bodies: bool = True) -> dict[str, Figures]:
    """Run one round; `scale` is the fraction of its requests and chunks."""
    first = first_bytes(subjects, int(FIRST_BYTE_REQUESTS * scale), Request())
    echoes = {name: echo(subjects, size, max(1, int(n * scale))) for name, (size, n) in BODIES.items() if bodies}
    waits = latencies_ms(subjects, int(LATENCY_CHUNKS * scale))
    figures: dict[str, Figures] = {}
    for name, subject in subjects.items():
        latencies = waits[name]
        chunks = int(THROUGHPUT_CHUNKS * scale)
        before = activity(subject.pids)
        seconds = subject.send(Request(chunks)).last_byte_ms() / 1000
        figures[name] = Figures(
            first_byte_ms=first[name],
            chunk_latency_ms=statistics.median(latencies),
            chunk_latency_p99_ms=latencies[int(len(latencies) * 0.99)],
            chunks_per_second=chunks / seconds,
            cpu_us_per_chunk=activity(subject.pids).since(before).cpu_ms * 1000 / chunks,
            body_first_byte_ms={body: each[name][0] for body, each in echoes.items()},
            body_last_byte_ms={body: each[name][1] for body, each in echoes.items()},
        )
    return figures


def latencies_ms(subjects: Mapping[str, Subject], chunks: int) -> dict[str, list[float]]:
    """Return the sorted latencies of each subject's chunks. The subjects alternate in bursts."""
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(BURSTS):
        for name, subject in subjects.items():
            found[name] += subject.send(Request(max(1, chunks // BURSTS), 1)).latencies_ms()
    return {name: sorted(each) for name, each in found.items()}


def first_bytes(subjects: Mapping[str, Subject], requests: int, request: Request) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(requests):
        for name, subject in subjects.items():
            times[name].append(subject.send(request).first_byte_ms())
    return {name: statistics.median(each) for name, each in times.items()}


def echo(subjects: Mapping[str, Subject], size: int, requests: int) -> dict[str, tuple[float, float]]:
    """Return the median times to the first and to the last byte of an echoed body."""
    arrivals = {
        name: [subject.send(Request(body_bytes=size)) for _ in range(requests)] for name, subject in subjects.items()
    }
    return {
        name: (statistics.median(a.first_byte_ms() for a in each), statistics.median(a.last_byte_ms() for a in each))
        for name, each in arrivals.items()
    }


@dataclass(frozen=True)
class Results:
    """All rounds, the footprint of each subject, and its first byte for a reader that delays acknowledgements."""

    rounds: Mapping[str, list[Figures]]
    footprints: Mapping[str, Footprint]
    delayed_first_byte_ms: Mapping[str, float]


def run(
    subjects: Mapping[str, Subject], rounds: int, scale: float, idle_seconds: float, progress: Callable[[], None]
) -> Results:
    """Run all measurements. Calls `progress` after each of `rounds` + 2 steps."""
    round_of(subjects, scale / 5, bodies=False)  # warm
    memory = {name: memory_mb(subject.pids) for name, subject in subjects.items()}
    progress()
    found: dict[str, list[Figures]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, figures in round_of(subjects, scale).items():
            found[name].append(figures)
        subjects = rotated(subjects)
        progress()
    delayed = first_bytes(subjects, max(5, int(40 * scale)), Request(acknowledged_at_once=False))
    idle = idle_activity(subjects, idle_seconds)
    progress()
    minute = 60 / idle_seconds
    footprints = {
        name: Footprint(memory[name], peak_mb(subject.pids), idle[name].cpu_ms * minute, idle[name].wakeups * minute)
        for name, subject in subjects.items()
    }
    return Results(found, footprints, delayed)


def rotated(subjects: Mapping[str, Subject]) -> dict[str, Subject]:
    """Rotate the order of subjects so that none always inherits the previous round's cache state."""
    (name, subject), *others = subjects.items()
    return {**dict(others), name: subject}


def idle_activity(subjects: Mapping[str, Subject], seconds: float) -> dict[str, Activity]:
    """Return the activity of each subject without requests."""
    before = {name: activity(subject.pids) for name, subject in subjects.items()}
    time.sleep(seconds)
    return {name: activity(subject.pids).since(before[name]) for name, subject in subjects.items()}


def medians(rounds: list[Figures]) -> Figures:
    """Return the median of each figure, and the minimum of the 99th percentile.

    Other load on the machine affects the slowest hundredth, so the quietest round describes the subject best.
    """

    def middle(values: list[float | Mapping[str, float]]) -> float | dict[str, float]:
        maps = [each for each in values if isinstance(each, Mapping)]
        if maps:
            return {key: statistics.median(each[key] for each in maps) for key in maps[0]}
        return statistics.median(each for each in values if not isinstance(each, Mapping))

    found = {each.name: middle([getattr(one, each.name) for one in rounds]) for each in fields(Figures)}
    found["chunk_latency_p99_ms"] = min(one.chunk_latency_p99_ms for one in rounds)
    return Figures(**found)  # pyright: ignore[reportArgumentType]
