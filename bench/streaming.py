"""How fast is a streamed chunk? Our runtime beside plain uvicorn and plain Mangum, with one application, in one run.

    python -m bench.streaming [--quick]

Three figures each, medians of five rounds: time to first byte (from the request, or the event, leaving this process to
the application's first byte arriving here), latency per chunk (from `send` in the application to its arrival here,
median and 99th percentile, one chunk per millisecond), and chunks per second (20 000 chunks of 64 bytes, sent without
pause by a writer that awaits every `send`). All are read by the same loop from a plain blocking socket: uvicorn's as an
HTTP client, the two Lambda runtimes' where the Runtime API would read them, so no front of ours is measured.

Prints a table, and writes `bench/results/streaming.json` and `.png` unless it was a quick look.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import matplotlib as mpl
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
FIRST_BYTE_REQUESTS = 100
LATENCY_CHUNKS = 500
THROUGHPUT_CHUNKS = 20_000
ROUNDS = 5
CHUNK = re.compile(rb"(\d{10,})\.+")
LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Arrival:
    """What came back for one request: when it was sent, and when which bytes arrived (ns)."""

    sent_ns: int
    pieces: list[tuple[int, bytes]]

    def first_byte_ms(self) -> float:
        """Return the time until the application's first byte."""
        return (next(at for at, data in self.pieces if CHUNK.search(data)) - self.sent_ns) / 1e6

    def latencies_ms(self) -> list[float]:
        """Return, for every chunk that arrived in one piece, the time since the application sent it."""
        return [(at - int(found[1])) / 1e6 for at, data in self.pieces for found in CHUNK.finditer(data)]

    def seconds(self) -> float:
        """Return the time until the last byte."""
        return (self.pieces[-1][0] - self.sent_ns) / 1e9


class Subject(Protocol):
    """Something that serves the application."""

    def request(self, chunks: int, pause_ms: float) -> Arrival:
        """Ask for `chunks` chunks and read them all."""
        ...


def read_message(connection: socket.socket, first: bytes = b"") -> list[tuple[int, bytes]]:
    """Read one HTTP message to its end, noting when each piece arrived."""
    pieces = [(time.monotonic_ns(), first)] if first else []
    length: int | None = None
    received = first
    while True:
        data = connection.recv(256 * 1024)
        pieces.append((time.monotonic_ns(), data))
        if len(received) < 4096:  # enough for any head here; then only the end matters
            received += data
        if length is None and (found := re.search(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)", received)):
            length = int(found[1]) + received.index(b"\r\n\r\n") + 4
        if not data or data.endswith(b"0\r\n\r\n") or (length and sum(len(piece) for _, piece in pieces) >= length):
            return pieces


class Uvicorn:
    """uvicorn with its defaults for this environment (h11, asyncio), one kept-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, chunks: int, pause_ms: float) -> Arrival:
        head = f"GET /?chunks={chunks}&pause_ms={pause_ms} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        sent_ns = time.monotonic_ns()
        self._connection.sendall(head)
        return Arrival(sent_ns, read_message(self._connection))


class LambdaRuntime:
    """A runtime that polls this object as its Runtime API."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._poll = listener.accept()[0]
        self._poll.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.recv(4096)
        self._event = json.loads((ROOT / "tests" / "events" / "function_url_get.json").read_text())

    def request(self, chunks: int, pause_ms: float) -> Arrival:
        event = json.dumps(self._event | {"rawQueryString": f"chunks={chunks}&pause_ms={pause_ms}"}).encode()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: bench\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 60_000}\r\nContent-Length: {len(event)}\r\n\r\n"
        )
        sent_ns = time.monotonic_ns()
        self._poll.sendall(head.encode() + event)
        ready, _, _ = select.select([self._listener, self._poll], [], [], LIMIT_SECONDS)
        posted = self._listener.accept()[0] if self._listener in ready else self._poll
        pieces = read_message(posted)
        posted.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        if posted is not self._poll:
            posted.close()
        self._poll.recv(4096)  # it polls again
        return Arrival(sent_ns, pieces)


@contextlib.contextmanager
def process(command: list[str], **variables: str) -> Generator[subprocess.Popen[str]]:
    """Run `command` in this repository as Lambda would, and end it."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "streaming" / "python")])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "LAMBDA_TASK_ROOT": str(ROOT), **variables}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stderr=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


@contextlib.contextmanager
def uvicorn() -> Generator[Subject]:
    """Run the application under uvicorn on a free port, which it tells in its log."""
    options = ["--lifespan", "off", "--no-access-log", "--port", "0"]
    with process([sys.executable, "-m", "uvicorn", "bench.streaming_app:app", *options]) as child:
        assert child.stderr is not None
        ports = (re.search(r"running on http://127.0.0.1:(\d+)", line) for line in child.stderr)
        yield Uvicorn(int(next(found[1] for found in ports if found)))


@contextlib.contextmanager
def lambda_runtime(*command: str, handler: str) -> Generator[Subject]:
    """Run a Lambda runtime against a Runtime API in this process."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with process([*command], AWS_LAMBDA_RUNTIME_API=address, _HANDLER=handler):
            yield LambdaRuntime(listener)


@dataclass(frozen=True)
class Figures:
    """One subject's results; of one round, or medians of all."""

    first_byte_ms: float
    chunk_latency_ms: float
    chunk_latency_p99_ms: float
    chunks_per_second: float


def measure(subjects: Mapping[str, Subject], scale: float) -> dict[str, Figures]:
    """Run one round; the subjects take turns, so that a busy moment of the machine meets each of them."""
    first: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(int(FIRST_BYTE_REQUESTS * scale)):
        for name, subject in subjects.items():
            first[name].append(subject.request(1, 0).first_byte_ms())
    figures: dict[str, Figures] = {}
    for name, subject in subjects.items():
        latencies = sorted(subject.request(int(LATENCY_CHUNKS * scale), 1).latencies_ms())
        chunks = int(THROUGHPUT_CHUNKS * scale)
        figures[name] = Figures(
            first_byte_ms=statistics.median(first[name]),
            chunk_latency_ms=statistics.median(latencies),
            chunk_latency_p99_ms=latencies[int(len(latencies) * 0.99)],
            chunks_per_second=chunks / subject.request(chunks, 0).seconds(),
        )
    return figures


def medians(rounds: list[Figures]) -> Figures:
    """Return the median of each figure."""
    names = Figures.__dataclass_fields__
    return Figures(**{name: statistics.median(getattr(one, name) for one in rounds) for name in names})


OURS, UVICORN, MANGUM = "lambda_streaming", "uvicorn", "Mangum, buffered"


def run(scale: float, console: Console) -> dict[str, list[Figures]]:
    """Start all subjects and measure them `ROUNDS` times."""
    bootstrap = str(ROOT / "layers" / "streaming" / "bootstrap")
    stock = [sys.executable, "-m", "awslambdaric", "bench.streaming_app.buffered_handler"]
    results: dict[str, list[Figures]] = {OURS: [], UVICORN: [], MANGUM: []}
    with contextlib.ExitStack() as stack:
        ours = lambda_runtime(bootstrap, sys.executable, "-", handler="bench.streaming_app.streaming_handler")
        subjects: dict[str, Subject] = {
            OURS: stack.enter_context(ours),
            UVICORN: stack.enter_context(uvicorn()),
            MANGUM: stack.enter_context(lambda_runtime(*stock, handler="")),
        }
        measure(subjects, 0.05)  # warm
        for number in range(ROUNDS):
            console.print(f"round {number + 1} of {ROUNDS}", style="dim")
            for name, figures in measure(subjects, scale).items():
                results[name].append(figures)
    return results


def table(results: dict[str, Figures]) -> Table:
    """Return the results as a table, with ours relative to uvicorn."""
    view = Table(title=f"Streaming, median of {ROUNDS} rounds")
    view.add_column("")
    for title in ("first byte", "chunk latency", "… p99", "chunks per second"):
        view.add_column(title, justify="right")
    for name, one in results.items():
        cells = [one.first_byte_ms, one.chunk_latency_ms, one.chunk_latency_p99_ms]
        view.add_row(name, *(f"{cell:.2f} ms" for cell in cells), f"{one.chunks_per_second:,.0f}")
    return view


def plot(results: dict[str, list[Figures]], path: Path) -> None:
    """Draw each figure as bars, with every round as a dot."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # after the choice of a backend without a display

    titles = {
        "first_byte_ms": "time to first byte, ms",
        "chunk_latency_p99_ms": "chunk latency, p99, ms",
        "chunks_per_second": "chunks per second",
    }
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for panel, (name, title) in zip(panels, titles.items(), strict=True):
        for place, rounds in enumerate(results.values()):
            values = [getattr(one, name) for one in rounds]
            panel.bar(place, statistics.median(values), color=f"C{place}", alpha=0.6)
            panel.plot([place] * len(values), values, ".", color="black")
        panel.set_xticks(range(len(results)), results.keys())
        panel.set_title(title)
        panel.set_yscale("log" if "latency" in name else "linear")
    figure.savefig(path, dpi=120)  # pyright: ignore[reportUnknownMemberType]
    plt.close(figure)


def main() -> None:
    """Run the benchmark and write its results."""
    parser = argparse.ArgumentParser(description="Measure streaming.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests and chunks; nothing is written")
    quick = parser.parse_args().quick
    console = Console()
    rounds = run(0.1 if quick else 1.0, console)
    middle = {name: medians(figures) for name, figures in rounds.items()}
    console.print(table(middle))
    ours, plain = middle[OURS], middle[UVICORN]
    ratios = {
        "first_byte_to_uvicorn": ours.first_byte_ms / plain.first_byte_ms,
        "chunks_per_second_to_uvicorn": ours.chunks_per_second / plain.chunks_per_second,
    }
    console.print(
        f"first byte {ratios['first_byte_to_uvicorn']:.2f} × uvicorn's (goal: at most 2), "
        f"chunks per second {ratios['chunks_per_second_to_uvicorn']:.2f} × (goal: at least 1)"
    )
    if quick:
        return
    RESULTS.mkdir(exist_ok=True)
    report = {
        "python": platform.python_version(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "medians": {name: vars(one) for name, one in middle.items()},
        "rounds": {name: [vars(one) for one in figures] for name, figures in rounds.items()},
        **ratios,
    }
    (RESULTS / "streaming.json").write_text(json.dumps(report, indent=1) + "\n")
    plot(rounds, RESULTS / "streaming.png")


if __name__ == "__main__":
    main()
