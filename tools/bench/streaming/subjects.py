"""The compared runtimes: our layer and its peers, each running `app` in separate processes.

The three Lambda runtimes are measured at the Runtime API, as on Lambda. uvicorn alone, measured over HTTP, is the lower
bound: the cost of the application without Lambda. The Lambda Web Adapter is built once with cargo from
https://crates.io/crates/lambda_web_adapter, which takes two minutes on two cores.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from rich.console import Console

from tools import ROOT
from tools.bench.streaming.exchange import Arrival, Request, Subject, read_message
from tools.bench.streaming.footprint import memory_mb
from tools.bench.streaming.runtime_api import RuntimeApi
from tools.bench.streaming.section import ADAPTER, MANGUM, OURS, UVICORN
from tools.workspace import source

ADAPTER_VERSION = "0.9.1"  # the newest release, without candidates
ADAPTER_HOME = ROOT / ".tools" / f"lambda-web-adapter-{ADAPTER_VERSION}"
UVICORN_COMMAND = [
    sys.executable,
    "-m",
    "uvicorn",
    "tools.bench.streaming.app:app",
    "--lifespan",
    "off",
    "--no-access-log",
]


class Served:
    """An HTTP server, measured over one keep-alive connection."""

    def __init__(self, port: int, pids: list[int]) -> None:
        self.pids = pids
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: Request) -> Arrival:
        length = f"Content-Length: {request.body_bytes}\r\n" if request.body_bytes else ""
        message = f"{request.method} /?{request.query} HTTP/1.1\r\nHost: bench\r\n{length}\r\n".encode() + request.body
        sent_ns = time.monotonic_ns()
        self._connection.sendall(message)
        return Arrival(sent_ns, read_message(self._connection, request.acknowledged_at_once))


class Invoked:
    """A runtime that polls a Runtime API."""

    def __init__(self, api: RuntimeApi, pids: list[int]) -> None:
        self.pids = pids
        self._api = api
        api.wait_for_poll()

    def send(self, request: Request) -> Arrival:
        return self._api.invoke(request)


@contextlib.contextmanager
def process(command: list[str], **variables: str) -> Generator[subprocess.Popen[str]]:
    """Run `command` in this repository with Lambda's environment; stop it at the end of the context."""
    path = os.pathsep.join([str(ROOT), str(source("lambda_streaming"))])
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "LAMBDA_TASK_ROOT": str(ROOT), **variables}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as child:
        try:
            yield child
        finally:
            child.kill()


@contextlib.contextmanager
def uvicorn_process() -> Generator[tuple[int, int]]:
    """Run uvicorn with its defaults (h11, asyncio), as in AWS's example; yield its port and process id."""
    with process([*UVICORN_COMMAND, "--port", "0"], UVICORN_TIMEOUT_KEEP_ALIVE="75") as child:
        assert child.stderr is not None
        ports = (re.search(r"running on http://127.0.0.1:(\d+)", line) for line in child.stderr)
        yield int(next(found[1] for found in ports if found)), child.pid


@contextlib.contextmanager
def uvicorn() -> Generator[Subject]:
    """Yield uvicorn alone."""
    with uvicorn_process() as (port, pid):
        yield Served(port, [pid])


@contextlib.contextmanager
def runtime(*command: str, handler: str = "") -> Generator[Subject]:
    """Yield a Lambda runtime in one process."""
    with (
        contextlib.closing(RuntimeApi()) as api,
        process([*command], AWS_LAMBDA_RUNTIME_API=api.address, _HANDLER=handler) as child,
    ):
        yield Invoked(api, [child.pid])


def ours() -> contextlib.AbstractContextManager[Subject]:
    """Return our layer, started as on Lambda."""
    bootstrap = str(ROOT / "layers" / "streaming" / "bootstrap")
    return runtime(bootstrap, sys.executable, "-", handler="tools.bench.streaming.handlers.streaming")


def mangum() -> contextlib.AbstractContextManager[Subject]:
    """Return plain Mangum on AWS's own client, which cannot stream."""
    return runtime(sys.executable, "-m", "awslambdaric", "tools.bench.streaming.handlers.buffered")


@contextlib.contextmanager
def web_adapter(binary: Path) -> Generator[Subject]:
    """Yield AWS's Web Adapter in front of uvicorn, its usual set-up for Python applications."""
    with uvicorn_process() as (port, server), contextlib.closing(RuntimeApi()) as api:
        settings = {"AWS_LWA_PORT": str(port), "AWS_LWA_INVOKE_MODE": "response_stream", "RUST_LOG": "warn"}
        # required by its Runtime API client
        lambda_s = {"AWS_LAMBDA_FUNCTION_NAME": "bench", "AWS_LAMBDA_FUNCTION_VERSION": "1"}
        lambda_s |= {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_LOG_GROUP_NAME": "",
            "AWS_LAMBDA_LOG_STREAM_NAME": "",
        }
        with process([str(binary)], AWS_LAMBDA_RUNTIME_API=api.address, **settings, **lambda_s) as child:
            yield Invoked(api, [child.pid, server])


def application_alone_mb() -> float:
    """Return the memory of interpreter, asyncio and application without a runtime: the lower bound for all subjects."""
    program = "import asyncio, tools.bench.streaming.app as a; print(flush=True); asyncio.run(asyncio.sleep(60))"
    with process([sys.executable, "-c", f"import sys; sys.stdout = sys.stderr; {program}"]) as child:
        assert child.stderr is not None
        child.stderr.readline()
        return memory_mb([child.pid])


def subjects(stack: contextlib.ExitStack, adapter: Path | None) -> dict[str, Subject]:
    """Start all subjects; they stop with `stack`."""
    started: dict[str, Subject] = {OURS: stack.enter_context(ours())}
    if adapter is not None:
        started[ADAPTER] = stack.enter_context(web_adapter(adapter))
    return started | {MANGUM: stack.enter_context(mangum()), UVICORN: stack.enter_context(uvicorn())}


def adapter_binary(console: Console) -> Path | None:
    """Return the Web Adapter's path after building it if necessary, or None without cargo."""
    path = ADAPTER_HOME / "bin" / "lambda-adapter"
    if path.exists():
        return path
    cargo = shutil.which("cargo")
    if cargo is None:
        console.print("[yellow]cargo is not installed: the Lambda Web Adapter keeps its previous figures")
        return None
    command = [
        cargo,
        "install",
        "--quiet",
        "--locked",
        "--root",
        str(ADAPTER_HOME),
        f"lambda_web_adapter@{ADAPTER_VERSION}",
    ]
    with console.status(f"building the Lambda Web Adapter {ADAPTER_VERSION} (once, two minutes)"):
        subprocess.run(command, check=True)
    return path
