"""The built function under the processor share and memory limit of several values of Lambda's MemorySize.

    python -m tools.bench.memory_size [--quick]        # needs root and cgroup v1

Lambda gives a function processor time in proportion to its memory: a whole processor at 1 769 MB
(docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). Each size gets a cgroup with that share, which its
processes join before they start Python; all sizes alternate in each round. In two more starts of each size, with
`LOAD=first-answer` and `LOAD=init`, the share applies from the first poll on, as if the init phase had a whole
processor. Prints a table and writes `tools/bench/results/memory_size.json` and `.png`, except with `--quick`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from rich.console import Console
from rich.progress import Progress

from tools.bench import results
from tools.bench.cold_start import BUILD, DOMAIN, TOKEN, VARIANTS, build, post
from tools.bench.cost.bill import MEMORY_MB, Counted, bill, units
from tools.bench.results import RESULTS, Result
from tools.bench.section import Goal, Section, number, table
from tools.bench.streaming.footprint import activity, memory_mb, peak_mb
from tools.client.chatkit import add_message, create_thread
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.files import PDF
from tools.local.function.payload import HttpRequest, event_of
from tools.local.function.process import FunctionProcess, LocalFunction
from tools.local.function.runtime_api import Invocation, Recorder
from tools.local.stack import Stack, running_stack

SIZES = (512, 1024, 1769)
FULL_MB = 1769
"""The memory with which Lambda gives one processor."""
PERIOD_US = 20_000
CGROUPS = Path("/sys/fs/cgroup")
ROUNDS, WARM_TURNS = 7, 10
UPLOAD_BYTES = 4_000_000  # base64 makes 5.3 MB of it, and Lambda's events are limited to 6 MB
DOLLARS_GOAL, SLOWER_GOAL = 0.35, 1.1
MODEL_MS = 500
"""A fast model's own time to its first word; the measured model answers immediately."""
TURN = "20 s answer"
LOADS = ("first-answer", "init")


class NoCgroupsError(Exception):
    """This machine does not let us limit a process."""


@dataclass(frozen=True)
class Share:
    """A processor share and a memory limit."""

    interpreter: str
    """The path of an interpreter that runs within them."""
    cpu: Path
    memory: int

    def give(self, memory: int) -> None:
        """Set the processor share to that of `memory` MB."""
        (self.cpu / "cpu.cfs_quota_us").write_text(f"{round(PERIOD_US * min(1, memory / FULL_MB))}")


@contextmanager
def confined(memory: int, python: str) -> Generator[Share]:
    """Yield the share and the limit of `memory` MB."""
    groups = {each: CGROUPS / each / f"chatkit-{memory}-{uuid.uuid4().hex[:8]}" for each in ("cpu", "memory")}
    launcher = BUILD / f"python-{memory}"
    share = Share(str(launcher), groups["cpu"], memory)
    try:
        for group in groups.values():
            group.mkdir()
        (groups["cpu"] / "cpu.cfs_period_us").write_text(f"{PERIOD_US}")
        share.give(memory)
        (groups["memory"] / "memory.limit_in_bytes").write_text(f"{memory * 1024 * 1024}")
    except OSError as error:
        raise NoCgroupsError(f"{error}. Run this as root, on a machine with cgroup v1.") from error
    joins = "".join(f"echo $$ > {group}/cgroup.procs\n" for group in groups.values())
    launcher.write_text(f'#!/bin/sh\n{joins}exec {python} "$@"\n')
    launcher.chmod(0o755)
    try:
        yield share
    finally:
        for group in groups.values():
            group.rmdir()


@dataclass(frozen=True)
class Run:
    """One process: its cold first turn, its warm turns, and a large upload."""

    ready_ms: float
    cold_first_word_ms: float
    warm_first_word_ms: float
    warm_turn_ms: float
    cpu_ms: float
    """Processor time of a warm turn."""
    resident_mb: float
    uploaded_mb: float
    """Resident memory at its peak, after a large upload."""


async def measure(function: LocalFunction, token: str, warm_turns: int) -> Run:
    """Start a process and send it its first turn, warm turns, and a large upload."""
    process = FunctionProcess(function)
    started = time.monotonic()
    await process.start()
    try:
        cold = await asked(process, post(create_thread("hello"), token))
        ready = process.api.first_poll_time
        thread_id = json.loads(cold.body.split(b"data: ", 1)[1].split(b"\n", 1)[0])["thread"]["id"]
        first_words, turns = list[float](), list[float]()
        before = activity([process.pid])
        for _ in range(warm_turns):
            began = time.monotonic()
            answer = await asked(process, post(add_message(thread_id, "hello"), token))
            first_words.append(first_word(answer) - began)
            turns.append(answer.times[-1] - began)
        cpu_ms = activity([process.pid]).since(before).cpu_ms / warm_turns
        resident = memory_mb([process.pid])
        await asked(process, upload(token))
        return Run(
            ready_ms=(ready - started) * 1000,
            cold_first_word_ms=(first_word(cold) - started) * 1000,
            warm_first_word_ms=statistics.median(first_words) * 1000,
            warm_turn_ms=statistics.median(turns) * 1000,
            cpu_ms=cpu_ms,
            resident_mb=resident,
            uploaded_mb=peak_mb([process.pid]),
        )
    finally:
        await process.stop(grace_seconds=1)


async def measure_load(function: LocalFunction, token: str, share: Share) -> float:
    """Return the milliseconds until the first word of a cold first turn whose init phase had a whole processor."""
    share.give(FULL_MB)
    process = FunctionProcess(function)
    started = time.monotonic()
    await process.start()
    try:
        await process.ready()
        share.give(share.memory)
        return (first_word(await asked(process, post(create_thread("hello"), token))) - started) * 1000
    finally:
        await process.stop(grace_seconds=1)


async def asked(process: FunctionProcess, event: bytes) -> Recorder:
    """Send one event and return its complete answer."""
    sink = Recorder()
    await process.run(Invocation(event, sink))
    if not sink.ended or b'"statusCode":200' not in sink.chunks[0].replace(b" ", b""):
        raise RuntimeError(f"the function returned no complete answer: {sink.body[:500]!r}")
    return sink


def first_word(answer: Recorder) -> float:
    """Return the time of the model's first word."""
    return next(at for at, chunk in zip(answer.times, answer.chunks, strict=True) if TOKEN in chunk)


def upload(token: str) -> bytes:
    """Return the event of a direct upload."""
    content = PDF + bytes(UPLOAD_BYTES - len(PDF)) + b"\n%%EOF\n"
    head = 'content-disposition: form-data; name="file"; filename="a.pdf"\r\ncontent-type: application/pdf'
    body = f"--border\r\n{head}\r\n\r\n".encode() + content + b"\r\n--border--\r\n"
    headers = [("content-type", "multipart/form-data; boundary=border"), ("x-auth-token", token)]
    request = HttpRequest("POST", "/chatkit/attachments", headers, body, "127.0.0.1")
    return json.dumps(event_of(request, DOMAIN, str(uuid.uuid4()), datetime.now(UTC))).encode()


async def measure_all(
    python: str, rounds: int, warm_turns: int, progress: Progress
) -> tuple[dict[int, list[Run]], dict[int, list[dict[str, float]]]]:
    """Measure each size once per round, after one round that warms the file cache.

    Returns the runs by size, and by size the first words of each round by LOAD (ms).
    """
    runs, loads = {size: list[Run]() for size in SIZES}, {size: list[dict[str, float]]() for size in SIZES}
    log = BUILD / "function.log"
    log.unlink(missing_ok=True)
    task = progress.add_task("starting", total=(rounds + 1) * len(SIZES))
    async with running_stack(lambda _: None, log=log) as stack:
        assert stack.model is not None, "the benchmark needs the local model: unset OPENAI_API_KEY"
        stack.model.delay_seconds = 0.0
        token = signed_in(stack)
        for round_number in range(rounds + 1):
            for size in SIZES:
                progress.update(task, description=f"{size} MB")
                with confined(size, python) as share:
                    function = VARIANTS["ours"].function(stack, share.interpreter, log)
                    run = await measure(function, token, warm_turns)
                    words = {load: await measure_load(loading(function, load), token, share) for load in LOADS}
                if round_number:
                    runs[size].append(run)
                    loads[size].append(words)
                progress.advance(task)
    return runs, loads


def loading(function: LocalFunction, load: str) -> LocalFunction:
    """Return the function with another LOAD."""
    return replace(function, environment={**function.environment, "LOAD": load}, cold_starts=[])


def signed_in(stack: Stack) -> str:
    """Create a user and return its token."""
    create_user(stack.aws, "bench@example.com", PASSWORD)
    return sign_in(stack.aws, "bench@example.com", PASSWORD).access_token


def figures_of(runs: Mapping[int, list[Run]], loads: Mapping[int, list[dict[str, float]]]) -> dict[str, Any]:
    """Return the medians by size, with the dollars of 1 000 turns of 20 s."""
    turn = results.read("cost").figures["turns"][TURN]
    sizes: dict[str, Any] = {}
    for size, of in runs.items():
        medians = {
            field.name: round(statistics.median(getattr(each, field.name) for each in of), 1) for field in fields(Run)
        }
        each_turn = units(Counted(**turn["counted"]), turn["answer_seconds"], size)
        medians |= {f"{load}_ms": round(statistics.median(each[load] for each in loads[size]), 1) for load in LOADS}
        sizes[f"{size}"] = {**medians, "dollars": round(sum(line.dollars for line in bill(each_turn)), 4)}
    return {"rounds": len(next(iter(runs.values()))), "sizes": sizes}


ROWS = {
    "cold start until the first poll, ms": "ready_ms",
    "cold start until the first word, ms": "cold_first_word_ms",
    "… if the init phase has a whole processor, LOAD=first-answer": "first-answer_ms",
    "… the same with LOAD=init": "init_ms",
    "warm turn until the first word, ms": "warm_first_word_ms",
    "warm turn, ms": "warm_turn_ms",
    "processor time of a warm turn, ms": "cpu_ms",
    "resident memory, MB": "resident_mb",
    "peak after an upload of 4 MB, MB": "uploaded_mb",
    "dollars per 1 000 turns of 20 s": "dollars",
}
HEADER = ("", *(f"{size} MB" for size in SIZES))


def rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the table's rows: one per figure, one column per size."""
    return [[title, *(number(figures["sizes"][f"{size}"][name]) for size in SIZES)] for title, name in ROWS.items()]


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Draw cold start, first word and price by size."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = {
        "cold start to the first word, s": ("cold_first_word_ms", 1 / 1000),
        "warm turn to the first word, ms": ("warm_first_word_ms", 1),
        "dollars per 1 000 turns of 20 s": ("dollars", 1),
    }
    figure, axes = plt.subplots(1, len(shown), figsize=(10, 2.4), sharey=True, layout="constrained")  # pyright: ignore
    for axis, (title, (name, scale)) in zip(axes, shown.items(), strict=True):
        values = [figures["sizes"][f"{size}"][name] * scale for size in SIZES]
        colors = ["#10a37f" if size == MEMORY_MB else "#b0b7c3" for size in SIZES]
        axis.bar_label(axis.barh([f"{size} MB" for size in SIZES], values, color=colors), fmt="%.3g", padding=3)
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_xlim(0, max(values) * 1.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=110)  # pyright: ignore[reportUnknownMemberType]


def section(result: Result) -> Section:
    """Return the report's section."""
    figures = result.figures
    default, full = (figures["sizes"][f"{size}"] for size in (MEMORY_MB, FULL_MB))
    slower = (MODEL_MS + default["warm_first_word_ms"]) / (MODEL_MS + full["warm_first_word_ms"])
    goals = [
        Goal(
            "memory_size.dollars",
            f"dollars per 1 000 turns of 20 s, at the default of {MEMORY_MB} MB",
            f"≤ {DOLLARS_GOAL}",
            f"{default['dollars']:.3f}",
            default["dollars"] <= DOLLARS_GOAL,
        ),
        Goal(
            "memory_size.first_word",
            f"time to the first word of a warm turn, with {MODEL_MS} ms of the model, relative to a whole processor",
            f"≤ {SLOWER_GOAL:.2f}",
            f"{slower:.2f}",
            slower <= SLOWER_GOAL,
        ),
    ]
    method = METHOD.format(rounds=figures["rounds"])
    return Section("Memory size", LEAD, f"{method}\n\n{table(HEADER, rows(figures))}", goals, PICTURE)


LEAD = """\
Memory is bought for the processor: the function needs a fraction of the smallest size. A smaller size makes a turn
cheaper, because most of it waits for the model, and lengthens cold starts and the work before the first word."""
METHOD = """\
The artifacts of `make build` under the processor share and the memory limit of each size (cgroup v1), with a model that
answers immediately; medians of {rounds} rounds in which the sizes alternate. Lambda is reported to give a whole
processor during the init phase whatever the size (see docs/evidence/not-verified.md). Two rows show a first turn that
follows such an init phase."""
PICTURE = "![Memory size](../../tools/bench/results/memory_size.png)"


def main() -> int:
    """Build, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, without writing results")
    quick: bool = parser.parse_args().quick
    console = Console()
    with console.status("building the function for this machine"):
        python = build()
    try:
        with Progress(console=console, transient=True) as progress:
            runs, loads = asyncio.run(measure_all(python, 1 if quick else ROUNDS, 3 if quick else WARM_TURNS, progress))
    except NoCgroupsError as error:
        console.print(f"memory sizes were not measured: {error}")
        return 0
    figures = figures_of(runs, loads)
    console.print(table(HEADER, rows(figures)), highlight=False)
    if not quick:
        results.write("memory_size", figures, packages=["openai-chatkit", "openai-agents", "openai"])
        plot(figures, RESULTS / "memory_size.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
