"""Streaming: our layer beside the Lambda Web Adapter, plain Mangum and plain uvicorn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.bench.results import Result
from tools.bench.section import Goal, Section, number, table

OURS, ADAPTER, MANGUM, UVICORN = "lambda_streaming", "Lambda Web Adapter", "Mangum, buffered", "uvicorn, no Lambda"
ORDER = [OURS, ADAPTER, MANGUM, UVICORN]
GOAL = 1.5  # times better than the adapter

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One figure of every subject; `streamed` says that a buffered answer has nothing to compare."""

    title: str
    of: Callable[[Figures], float]
    larger_is_better: bool = False
    streamed: bool = False

    def times_better(self, ours: Figures, peer: Figures) -> float:
        mine, theirs = self.of(ours), self.of(peer)
        if self.larger_is_better:
            return mine / theirs
        return theirs / mine if mine else math.inf


def median(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures["medians"][name]


def body(name: str, size: str) -> Callable[[Figures], float]:
    return lambda figures: figures["medians"][f"body_{name}_ms"][size]


def footprint(name: str) -> Callable[[Figures], float]:
    return lambda figures: figures["footprint"][name]


FIRST_BYTE = Row("time to first byte, ms", median("first_byte_ms"))
MEMORY = Row("memory, MB", footprint("memory_mb"))
ADDED = Row("memory beside interpreter and application, MB", footprint("added_mb"))
IDLE = Row("processor when idle, ms a minute", footprint("idle_cpu_ms_per_minute"))
SIZES = ("1 KB", "64 KB", "5 MB")
ROWS = [
    FIRST_BYTE,
    *(Row(f"{size} in and out: first byte, ms", body("first_byte", size)) for size in SIZES),
    *(Row(f"{size} in and out: last byte, ms", body("last_byte", size)) for size in SIZES),
    Row("added latency of a token, ms", median("chunk_latency_ms"), streamed=True),
    Row("… 99th percentile, quietest round, ms", median("chunk_latency_p99_ms"), streamed=True),
    Row("tokens per second of one stream", median("chunks_per_second"), larger_is_better=True, streamed=True),
    Row("processor time of a token, µs", median("cpu_us_per_chunk"), streamed=True),
    MEMORY,
    ADDED,
    Row("memory at its peak, MB", footprint("peak_mb")),
    IDLE,
]


def section(result: Result) -> Section:
    """Return what `tools.bench.streaming` found."""
    subjects = result.figures["subjects"]
    shown = [name for name in ORDER if name in subjects]
    header = ["", *shown, "ours is better by"] if ADAPTER in subjects else ["", *shown]
    text = "\n\n".join(part for part in [INTRODUCTION, table(header, rows(subjects)), notes(result), PICTURE] if part)
    return Section("Streaming beside its peers", text, goals(subjects))


def rows(subjects: Mapping[str, Figures]) -> list[list[str]]:
    """Return the table's body; the last cell says how many times better ours is than the adapter."""
    shown = [name for name in ORDER if name in subjects]
    found: list[list[str]] = []
    for row in ROWS:
        cells = ["–" if row.streamed and name == MANGUM else number(row.of(subjects[name])) for name in shown]
        if ADAPTER in subjects:
            cells.append(times(row.times_better(subjects[OURS], subjects[ADAPTER])))
        found.append([row.title, *cells])
    return found


def times(ratio: float) -> str:
    return f"{ratio:.2f} ×" if ratio < math.inf else "∞"


def goals(subjects: Mapping[str, Figures]) -> list[Goal]:
    if ADAPTER not in subjects:
        return []
    ours, adapter = subjects[OURS], subjects[ADAPTER]
    wanted = f"≥ {GOAL} × better than the Web Adapter"
    found: list[Goal] = []
    for key, row in {"first_byte": FIRST_BYTE, "memory": MEMORY, "added_memory": ADDED}.items():
        ratio = row.times_better(ours, adapter)
        found.append(Goal(f"streaming.{key}", row.title.partition(",")[0], wanted, times(ratio), ratio >= GOAL))
    worst = min(ROWS, key=lambda row: row.times_better(ours, adapter))
    ratio = worst.times_better(ours, adapter)
    closest = f"closest: {times(ratio)} ({worst.title})"
    found.append(Goal("streaming.never_behind", f"all {len(ROWS)} figures", "never behind it", closest, ratio >= 1))
    return found


def notes(result: Result) -> str:
    subjects = result.figures["subjects"]
    if ADAPTER not in subjects:
        return "The Web Adapter was not measured: it is built with cargo, and there was none."
    ours, adapter = (number(subjects[name]["delayed_first_byte_ms"]) for name in (OURS, ADAPTER))
    text = NOTES.format(ours=ours, adapter=adapter)
    if since := result.figures.get("adapter_measured"):
        text += f"\n\nThere was no cargo: the Web Adapter's figures are of {since['at']}, commit {since['commit']}."
    return text


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the same table."""
    subjects = figures["subjects"]
    view = Table(
        "", *(name for name in ORDER if name in subjects), *(["ours is better by"] if ADAPTER in subjects else [])
    )
    for row in rows(subjects):
        view.add_row(*row)
    console.print(view, width=max(console.width, 130))


INTRODUCTION = """\
One application (raw ASGI, so that no framework is measured) in four places: under our layer; in uvicorn behind AWS's
[Lambda Web Adapter](https://crates.io/crates/lambda_web_adapter), which is how others stream from Python on Lambda;
under plain Mangum on AWS's own client, which cannot stream; and in uvicorn asked directly over HTTP, which is the
floor. The first three are read where the Runtime API is, by the same loop. A token is a chunk of 64 bytes; its latency
is from `send` in the application to its arrival, at a thousand a second; tokens per second are of 20 000 sent without
a pause. Memory is resident memory of every process that is needed, pages of a file counted once. "Better by" is ours
beside the Web Adapter."""

NOTES = """\
The reader acknowledges every TCP segment at once, which is the best light for the adapter: it leaves Nagle's algorithm
on, so where a reader delays its acknowledgements, as Linux does by default, its first byte takes {adapter} ms (ours
{ours}). What Lambda's own end does is not known here. uvicorn runs as `pip install uvicorn` gives it (h11, asyncio)."""

PICTURE = "![Streaming beside its peers](../../tools/bench/results/streaming.png)"
