"""The report's section on streaming: our layer, the Lambda Web Adapter, plain Mangum and plain uvicorn."""

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
    """One figure of every subject; `streamed` figures do not exist for a buffered answer."""

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
ADDED = Row("memory without interpreter and application, MB", footprint("added_mb"))
IDLE = Row("idle processor time, ms per minute", footprint("idle_cpu_ms_per_minute"))
SIZES = ("1 KB", "64 KB", "5 MB")
ROWS = [
    FIRST_BYTE,
    *(Row(f"{size} in and out: first byte, ms", body("first_byte", size)) for size in SIZES),
    *(Row(f"{size} in and out: last byte, ms", body("last_byte", size)) for size in SIZES),
    Row("added latency of a token, ms", median("chunk_latency_ms"), streamed=True),
    Row("… 99th percentile, quietest round, ms", median("chunk_latency_p99_ms"), streamed=True),
    Row("tokens per second of one stream", median("chunks_per_second"), larger_is_better=True, streamed=True),
    Row("processor time per token, µs", median("cpu_us_per_chunk"), streamed=True),
    MEMORY,
    ADDED,
    Row("memory at its peak, MB", footprint("peak_mb")),
    IDLE,
]


def section(result: Result) -> Section:
    """Return the report's section."""
    subjects = result.figures["subjects"]
    shown = [name for name in ORDER if name in subjects]
    header = ["", *shown, "ours is better by"] if ADAPTER in subjects else ["", *shown]
    details = "\n\n".join([METHOD, table(header, rows(subjects)), notes(result)])
    return Section("Streaming", LEAD, details, goals(subjects), PICTURE)


def rows(subjects: Mapping[str, Figures]) -> list[list[str]]:
    """Return the table's rows; the last cell is the ratio between ours and the adapter."""
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
    found.append(
        Goal("streaming.never_behind", f"all {len(ROWS)} figures", "no worse than the Web Adapter", closest, ratio >= 1)
    )
    return found


def notes(result: Result) -> str:
    subjects = result.figures["subjects"]
    if ADAPTER not in subjects:
        return "The Web Adapter was not measured, because building it needs cargo."
    ours, adapter = (number(subjects[name]["delayed_first_byte_ms"]) for name in (OURS, ADAPTER))
    text = NOTES.format(ours=ours, adapter=adapter)
    if since := result.figures.get("adapter_measured"):
        text += f"\n\nWithout cargo, the Web Adapter keeps its figures of {since['at']}, commit {since['commit']}."
    return text


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    subjects = figures["subjects"]
    view = Table(
        "", *(name for name in ORDER if name in subjects), *(["ours is better by"] if ADAPTER in subjects else [])
    )
    for row in rows(subjects):
        view.add_row(*row)
    console.print(view, width=max(console.width, 130))


LEAD = """\
One application runs under our layer, in uvicorn behind AWS's [Lambda Web
Adapter](https://crates.io/crates/lambda_web_adapter) (the usual way to stream from Python on Lambda), under plain
Mangum on AWS's own client, which cannot stream, and in uvicorn alone, which is the lower bound."""
METHOD = """\
The application is raw ASGI, so that no framework affects the figures. The three Lambda runtimes are read at the
Runtime API by the same loop, uvicorn alone over HTTP. A token is a chunk of 64 bytes. Its latency is the time from
`send` in the application to its arrival, at a thousand per second. Tokens per second are measured with 20 000 chunks
without pause. Memory is the resident memory of all required processes, with shared pages counted once. *Ours is
better by* compares our layer with the Web Adapter."""
NOTES = """\
The reader acknowledges every TCP segment at once, which favors the adapter: it leaves Nagle's algorithm on, so with
delayed acknowledgements, Linux's default, its first byte takes {adapter} ms (ours {ours}). The behavior of Lambda's
own end is unknown. uvicorn runs with its defaults (h11, asyncio)."""
PICTURE = "![Streaming compared with its peers](../../tools/bench/results/streaming.png)"
