"""Cold starts: time from the start of a process to its first byte, measured on the artifacts of `make build`.

    python -m tools.bench.cold_start [--quick]

The function is built for this machine (with Lambda's version of Python, if available) and runs as on Lambda: the
built layer's bootstrap polls a Runtime API and answers one event, against the local AWS and the local model server. The
peer is the same build in a naive form: without bytecode (as `sam build` and `pip install --target` for another platform
leave it), with all imports and clients at the top. A second one adds the bytecode; ratios refer to it. Two variants of
ours show the settings LEAN_IMPORTS=off and LOAD=init. `restored` starts at the end of `restore/next`: the cost of our
hooks and the first request after SnapStart has restored the memory. AWS does the restoring, so it cannot be measured
here.

The figures are medians of rounds in which all variants alternate: times by the clock, and the process's processor time,
which other work on the machine disturbs less. A ratio is the median of the rounds' own ratios: a shared machine may
change its speed by a third within minutes, and the two starts follow each other. Prints a table and writes
`tools/bench/results/cold_start.json` and `.png`, except with `--quick`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import psutil
from rich.console import Console
from rich.progress import Progress

from tools import ROOT
from tools.bench import results
from tools.bench.results import RESULTS, Result
from tools.bench.section import Goal, Section, table
from tools.client.chatkit import ChatKitClient, create_thread, get_thread
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.function.payload import HttpRequest, event_of
from tools.local.function.process import FunctionProcess, LocalFunction
from tools.local.function.runtime_api import Invocation, Recorder
from tools.local.stack import Stack, running_stack

BUILD = ROOT / ".aws-sam" / "bench"
NAIVE = ROOT / ".aws-sam" / "bench-naive"
DOMAIN = "bench.lambda-url.eu-west-1.on.aws"
TOKEN = b"content_part.text_delta"
ROUNDS = 7
INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
TITLES = {
    "naive": "naive",
    "naive_compiled": "naive, with bytecode",
    "plain": "ours, LEAN_IMPORTS=off",
    "ours": "ours",
    "init": "ours, LOAD=init",
    "restored": "ours, restored",
}
REQUESTS = ("history", "turn")
HISTORY_GOAL, TURN_GOAL = 0.28, 0.78


@dataclass(frozen=True)
class Start:
    """Times of one start until the first poll, the body's first byte, and (for a turn) the model's first word.

    `cpu_ms` is the process's processor time from its start until the last of these.
    """

    ready_ms: float
    first_byte_ms: float
    first_token_ms: float | None
    cpu_ms: float


@dataclass(frozen=True)
class Variant:
    """A build and a start mode of the function."""

    build: Path
    handler: str
    initialization: str = "on-demand"
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def function(self, stack: Stack, python: str, log: Path) -> LocalFunction:
        return LocalFunction(
            handler=self.handler,
            code=[self.build / "ChatFunction", self.build / "DependenciesLayer" / "python"],
            layer=self.build / "StreamingLayer",
            environment={
                **stack.function.environment,
                **self.settings,
                INITIALIZATION_TYPE: self.initialization,
                "LIMITS": '{"turns_per_minute": null}',
                "PYTHONDONTWRITEBYTECODE": "1",  # /opt and /var/task are read-only
            },
            python=python,
            log=log,
        )


VARIANTS = {
    "naive": Variant(NAIVE, "naive_handler.handler", "provisioned-concurrency"),
    "naive_compiled": Variant(BUILD, "naive_handler.handler", "provisioned-concurrency"),
    "ours": Variant(BUILD, "chat_api.handler.handler"),
    "plain": Variant(BUILD, "chat_api.handler.handler", settings={"LEAN_IMPORTS": "off"}),
    "init": Variant(BUILD, "chat_api.handler.handler", settings={"LOAD": "init"}),
    "restored": Variant(BUILD, "chat_api.handler.handler", "snap-start"),
}


def build() -> str:
    """Build the function for this machine, and a copy without bytecode. Return the path of the build's Python."""
    search = [ROOT / "layers" / "python", "path", ROOT / ".venv" / "bin" / "uv"]
    found = subprocess.run(search, capture_output=True, text=True, check=True).stdout.strip()
    python = found or sys.executable
    environment = {**os.environ, "BUILD_TARGET": "local", "LOCAL_PYTHON": python, "PYTHONPATH": ""}
    sam = [ROOT / ".tools" / "sam" / "bin" / "sam", "build", "--build-dir", BUILD]
    done = subprocess.run(sam, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    shutil.copy(Path(__file__).parent / "naive_handler.py", BUILD / "ChatFunction")
    subprocess.run([python, "-m", "compileall", "-q", BUILD / "ChatFunction" / "naive_handler.py"], check=True)
    shutil.rmtree(NAIVE, ignore_errors=True)
    shutil.copytree(BUILD, NAIVE, ignore=shutil.ignore_patterns("__pycache__"), copy_function=os.link)
    return python


def post(body: Mapping[str, Any], token: str) -> bytes:
    """Return the Lambda event for one ChatKit request."""
    headers = [("content-type", "application/json"), ("x-auth-token", token)]
    request = HttpRequest("POST", "/chatkit", headers, json.dumps(body).encode(), "127.0.0.1")
    return json.dumps(event_of(request, DOMAIN, str(uuid.uuid4()), datetime.now(UTC))).encode()


class ClockedRecorder(Recorder):
    """A recorder that also notes the process's processor time, in seconds, at each chunk."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__()
        self._process = process
        self.cpu: list[float] = []

    async def chunk(self, data: bytes) -> None:
        await super().chunk(data)
        self.cpu.append(sum(self._process.cpu_times()[:2]))


async def start(function: LocalFunction, event: bytes) -> Start:
    """Start a process, measure one event, and stop the process."""
    process = FunctionProcess(function)
    started = time.monotonic()
    await process.start()
    try:
        if function.environment[INITIALIZATION_TYPE] == "snap-start":
            await process.api.snapshot_ready.wait()
            started = time.monotonic()
            process.api.restored.set()
        sink = ClockedRecorder(psutil.Process(process.pid))
        await process.run(Invocation(event, sink))
        ready = process.api.first_poll_time  # asyncio's clock is time.monotonic
    finally:
        await process.stop(grace_seconds=1)
    if not sink.ended or b'"statusCode":200' not in sink.chunks[0].replace(b" ", b""):
        raise RuntimeError(f"the function returned no complete answer: {sink.body[:500]!r}")
    words = [number for number, chunk in enumerate(sink.chunks) if TOKEN in chunk]
    first_token = (sink.times[words[0]] - started) * 1000 if words else None
    cpu = sink.cpu[words[0] if words else 1] * 1000
    return Start((ready - started) * 1000, (sink.times[1] - started) * 1000, first_token, cpu)


async def measure(python: str, rounds: int, progress: Progress) -> dict[str, dict[str, list[Start]]]:
    """Start each variant with each request once per round, after one round that warms the file cache."""
    starts = {name: {request: list[Start]() for request in REQUESTS} for name in VARIANTS}
    log = BUILD / "function.log"
    log.unlink(missing_ok=True)
    task = progress.add_task("starting", total=(rounds + 1) * len(VARIANTS) * len(REQUESTS))
    async with running_stack(lambda _: None, log=log) as stack:
        create_user(stack.aws, "bench@example.com", PASSWORD)
        token = sign_in(stack.aws, "bench@example.com", PASSWORD).access_token
        thread_id = await conversation(stack, token)
        await stack.new_process()
        events = {"history": post(get_thread(thread_id), token)}
        for round_number in range(rounds + 1):
            for request in REQUESTS:
                for name, variant in VARIANTS.items():
                    progress.update(task, description=f"{TITLES[name]}, {request}")
                    function = variant.function(stack, python, log)
                    measured = await start(function, events.get(request) or post(create_thread("hello"), token))
                    if round_number:
                        starts[name][request].append(measured)
                    progress.advance(task)
    return starts


async def conversation(stack: Stack, token: str) -> str:
    """Start a conversation and return its id."""
    async with ChatKitClient(stack.url, token) as client:
        received = [each async for each in client.stream(create_thread("hello"))]
    return received[0].event["thread"]["id"]


def figures_of(starts: Mapping[str, Mapping[str, list[Start]]], python: str) -> dict[str, Any]:
    """Return the medians, and the ratios of ours to the naive build with bytecode in each round."""
    medians = {name: {request: _medians(times) for request, times in of.items()} for name, of in starts.items()}
    version = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], capture_output=True)
    return {
        "python": version.stdout.decode().strip(),
        "rounds": len(starts["ours"]["history"]),
        "milliseconds": medians,
        "ratios": {request: _ratios(starts, request, f"{at}_ms") for request, at in COMPARED.items()},
        "unzipped_mb": {folder: round(_bytes(BUILD / folder) / 1e6, 1) for folder in FOLDERS},
    }


COMPARED = {"history": "first_byte", "turn": "first_token"}
"""The compared time of each request."""
FOLDERS = ("ChatFunction", "StreamingLayer", "DependenciesLayer")


def _medians(starts: list[Start]) -> dict[str, float]:
    columns = {"ready": "ready_ms", "first_byte": "first_byte_ms", "first_token": "first_token_ms", "cpu": "cpu_ms"}
    of = {name: [getattr(each, field) for each in starts] for name, field in columns.items()}
    return {name: round(statistics.median(values), 1) for name, values in of.items() if None not in values}


def _ratios(starts: Mapping[str, Mapping[str, list[Start]]], request: str, field: str) -> list[float]:
    pairs = zip(starts["ours"][request], starts["naive_compiled"][request], strict=True)
    return [round(getattr(ours, field) / getattr(naive, field), 3) for ours, naive in pairs]


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Draw the time to the first byte of a history and to a turn's first word for each variant."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    shown = {"history: first byte": ("history", "first_byte"), "first turn: first word": ("turn", "first_token")}
    figure, axes = plt.subplots(1, len(shown), figsize=(10, 2.6), sharey=True, layout="constrained")  # pyright: ignore
    for axis, (title, (request, at)) in zip(axes, shown.items(), strict=True):
        values = [figures["milliseconds"][name][request][at] / 1000 for name in shown_variants(figures)]
        titles = [TITLES[name] for name in shown_variants(figures)]
        bars = axis.barh(titles, values, color=["#7fd0ba" if "ours" in title else "#b0b7c3" for title in titles])
        axis.bar_label(bars, fmt="%.2f s", padding=3)
        axis.set_title(title, loc="left", fontsize=11)
        axis.set_xlim(0, max(values) * 1.2)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.savefig(path, dpi=110)  # pyright: ignore[reportUnknownMemberType]


def main() -> int:
    """Build, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, without writing results")
    quick: bool = parser.parse_args().quick
    console = Console()
    with console.status("building the function for this machine"):
        python = build()
    with Progress(console=console, transient=True) as progress:
        starts = asyncio.run(measure(python, 1 if quick else ROUNDS, progress))
    figures = figures_of(starts, python)
    console.print(table(*grid(figures)), highlight=False)
    if not quick:
        results.write("cold_start", figures, packages=["openai-chatkit", "openai-agents", "openai", "fastapi"])
        plot(figures, RESULTS / "cold_start.png")
    return 0


def shown_variants(figures: Mapping[str, Any]) -> list[str]:
    """Return the measured variants in the order of TITLES."""
    return [name for name in TITLES if name in figures["milliseconds"]]


def grid(figures: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the table's header and rows: one per request and event, one column per variant."""
    shown = {
        "history, first byte": ("history", "first_byte"),
        "… processor time until then": ("history", "cpu"),
        "first turn, first byte": ("turn", "first_byte"),
        "first turn, the model's first word": ("turn", "first_token"),
        "… processor time until then, with the start": ("turn", "cpu"),
    }
    times, names = figures["milliseconds"], shown_variants(figures)
    rows = [
        [title, *(f"{times[name][of][at]:,.0f}" for name in names)]
        for title, (of, at) in shown.items()
        if at in times["ours"][of]
    ]
    return ["ms", *(TITLES[name] for name in names)], rows


def section(result: Result) -> Section:
    """Return the report's section."""
    figures = result.figures
    history, turn = (statistics.median(figures["ratios"][request]) for request in REQUESTS)
    wanted = {
        "history": ("cold start to a history's first byte, relative to the naive build", history, HISTORY_GOAL),
        "turn_first_token": ("cold start to a turn's first word, relative to the naive build", turn, TURN_GOAL),
    }
    goals = [
        Goal(f"cold_start.{name}", f"{title} with bytecode", f"≤ {limit:.0%}", f"{found:.0%}", found <= limit)
        for name, (title, found, limit) in wanted.items()
    ]
    spread = [f"{min(found):.0%} to {max(found):.0%}" for found in figures["ratios"].values()]
    method = METHOD.format(python=figures["python"], rounds=figures["rounds"], history=spread[0], turn=spread[1])
    lead = LEAD.format(history=history, turn=turn)
    return Section("Cold start", lead, f"{method}\n\n{table(*grid(figures))}", goals, PICTURE)


LEAD = """\
After a cold start, the first byte of a history takes {history:.0%} of the time of a naive build with bytecode, and the
first word of a turn {turn:.0%}. [Deferred imports](../decisions/0020-late-parts.md) explains the loading order, and
[lean imports](../decisions/0111-lean-imports.md) why each import costs less (flame graphs [with](flames/cold-start.svg)
and [without](flames/cold-start-full.svg) them)."""
METHOD = """\
Measured from the start of a process to the body's first byte and to the model's first word. The artifacts come from
`make build`, for this machine's architecture and Python {python}, with the local AWS and a local model; medians of
{rounds} rounds, whose own ratios were {history} for the history and {turn} for the turn. *Naive* is the same
build without bytecode and with all imports and clients at the top. *Restored* starts when `restore/next` returns: our
hooks and the first request. The time that AWS needs to restore the memory cannot be measured here."""
PICTURE = "![Cold starts](../../tools/bench/results/cold_start.png)"


if __name__ == "__main__":
    sys.exit(main())
