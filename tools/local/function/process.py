"""A local Lambda function: its settings and the processes that run it, one per concurrent event.

    function = LocalFunction(handler="chat_api.handler.handler", code=[Path("functions/chat")],
                             layer=Path("layers/streaming"), environment={"TABLE_NAME": "chat"})
    await function.invoke({})                # an event without HTTP; returns the function's JSON
    await function.stop_processes()          # makes the next event a cold start
    function.cold_starts[-1].first_next_ms

Each process has its own Runtime API and Lambda's environment variables, without this process's own. As on AWS, it is
busy until it polls again, handles further events, and is killed when an event times out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.local.function.errors import FunctionError, ThrottledError
from tools.local.function.runtime_api import Invocation, Kind, Recorder, RuntimeApi, Sink

# Lambda allows 10 s, then restarts the init within the event's limit. Local imports may be slow: cold disk, no .pyc.
INIT_LIMIT_SECONDS = 60
STOP_LIMIT_SECONDS = 3
SETTLE_SECONDS = 0.1

Log = Callable[[str], None]


@dataclass
class ColdStart:
    """The start of one process."""

    pid: int
    spawned_at: datetime
    first_next_ms: float | None = None
    """Time from the spawn to the first poll; None until then."""


@dataclass
class LocalFunction:
    """Settings and processes of one function. Without `layer` it runs in AWS's own runtime, which cannot stream."""

    handler: str
    code: Sequence[Path]
    """The task root, followed by more import folders (on AWS they are one folder)."""
    layer: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    timeout_seconds: float = 60
    memory_mb: int = 512
    max_processes: int = 4
    log: Log | Path | None = None
    """Receives the processes' output line by line; a path means append to that file."""
    name: str = "local"
    region: str = "eu-west-1"
    python: str = sys.executable
    """Path of the interpreter that runs the function."""
    cold_starts: list[ColdStart] = field(default_factory=list[ColdStart])

    def __post_init__(self) -> None:
        self.generation = 0
        """Number of reloads; processes of earlier generations finish their event and end."""
        self._processes: list[FunctionProcess] = []
        self._idle: list[FunctionProcess] = []
        self._supervisions: dict[asyncio.Task[None], Invocation] = {}
        self._endings = set[asyncio.Task[None]]()
        self._reloading: asyncio.Event | None = None

    @property
    def processes(self) -> tuple[FunctionProcess, ...]:
        """The function's processes, including those that are starting."""
        return tuple(self._processes)

    @property
    def idle_processes(self) -> tuple[FunctionProcess, ...]:
        """The processes that wait for an event."""
        return tuple(self._idle)

    def prefer(self, pid: int) -> None:
        """Let this process take the next event, if it is idle."""
        self._idle.sort(key=lambda process: process.pid == pid)

    async def start_processes(self, count: int) -> None:
        """Start up to `count` processes within the limit, and wait until they poll. Raises FunctionError."""
        started = [FunctionProcess(self) for _ in range(min(count, self.max_processes - self._current()))]
        self._processes += started
        try:
            for process in started:
                await process.start()
            await asyncio.gather(*(process.ready() for process in started))
        except BaseException:
            self._processes = [process for process in self._processes if process not in started]
            await asyncio.gather(*(process.stop(grace_seconds=0) for process in started))
            raise
        self._idle += started

    async def reload(self) -> None:
        """Replace the processes by one with the code as it is now, and wait until it polls.

        A busy process finishes its event first, and idle ones end at once. Raises FunctionError if the new one does
        not start; the next event then starts another.
        """
        self.generation += 1
        old, self._idle = self._idle, []
        self._processes = [process for process in self._processes if process not in old]
        for process in old:
            self._end_later(process)
        ready = asyncio.Event()
        self._reloading = ready
        try:
            await self.start_processes(1)
        finally:
            ready.set()

    def _current(self) -> int:
        return sum(process.generation == self.generation for process in self._processes)

    def _end_later(self, process: FunctionProcess) -> None:
        task = asyncio.create_task(process.stop(STOP_LIMIT_SECONDS))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def invoke(self, event: Any, request_id: str | None = None) -> Any:
        """Run `event` and return the answer's JSON. Raises FunctionError with the error that the function reported."""
        recorder = Recorder()
        await self.answer(json.dumps(event).encode(), recorder, request_id)
        if recorder.kind is not Kind.BUFFERED:
            error: dict[str, str] = json.loads(recorder.body) if recorder.kind is Kind.ERROR else {}
            raise FunctionError(error.get("errorType", "Runtime"), error.get("errorMessage", "not a JSON answer"))
        return json.loads(recorder.body)

    async def answer(self, event: bytes, sink: Sink, request_id: str | None = None) -> None:
        """Run `event` in a free process and return when `sink` has received the whole answer.

        Raises ThrottledError when no process is free, FunctionError when the process ends before it answers.
        """
        invocation = Invocation(event, sink, timeout_seconds=self.timeout_seconds)
        if request_id:
            invocation.request_id = request_id
        if not self._idle and self._reloading is not None:
            await self._reloading.wait()  # a second process would only take its time
        if not self._idle:
            await self._settle()
        supervision = asyncio.create_task(self._run(invocation))
        self._supervisions[supervision] = invocation
        supervision.add_done_callback(self._supervision_ended)
        await first_of(supervision, invocation.complete.wait())
        if not invocation.complete.is_set():
            await supervision
            raise FunctionError("Runtime.NoResponse", "the process polled again without an answer")

    async def _run(self, invocation: Invocation) -> None:
        process = self._free_process()
        try:
            await process.run(invocation)
        except FunctionError:
            if process in self._processes:  # otherwise `stop_processes` stops it
                self._processes.remove(process)
                await process.stop(grace_seconds=0)
            raise
        if process not in self._processes:
            return
        if process.generation == self.generation:
            self._idle.append(process)
        else:
            self._processes.remove(process)
            self._end_later(process)

    async def _settle(self) -> None:
        """Wait briefly for processes that have just answered to poll again."""
        finishing = [task for task, invocation in self._supervisions.items() if invocation.complete.is_set()]
        if finishing:
            await asyncio.wait(finishing, timeout=SETTLE_SECONDS)

    def _free_process(self) -> FunctionProcess:
        if self._idle:
            return self._idle.pop()
        if self._current() >= self.max_processes:
            raise ThrottledError(f"{self.max_processes} processes are busy")
        process = FunctionProcess(self)
        self._processes.append(process)
        return process

    def _supervision_ended(self, task: asyncio.Task[None]) -> None:
        del self._supervisions[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.write_log(str(error))

    async def idle(self) -> None:
        """Wait until no process is busy, including background work after a response."""
        while self._supervisions:
            await asyncio.wait(self._supervisions)

    async def stop_processes(self) -> None:
        """Stop all processes with SIGTERM, then SIGKILL after a grace period. The next event is a cold start."""
        await self._settle()
        processes, self._processes, self._idle = self._processes, [], []
        await asyncio.gather(*(process.stop(STOP_LIMIT_SECONDS) for process in processes), *self._endings)
        if self._supervisions:
            await asyncio.wait(self._supervisions)

    def write_log(self, line: str) -> None:
        """Write one line to the function's log."""
        if callable(self.log):
            self.log(line)
        elif self.log is not None:
            with self.log.open("a") as file:
                file.write(line + "\n")

    def variables(self, runtime_api: str) -> dict[str, str]:
        """Return the environment of a process that polls `runtime_api`."""
        lambdas = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(str(path.resolve()) for path in self.code),
            "_HANDLER": self.handler,
            "LAMBDA_TASK_ROOT": str(self.code[0].resolve()),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        }
        return {**lambdas, **self.environment, "AWS_LAMBDA_RUNTIME_API": runtime_api}

    def command(self) -> list[str]:
        """Return the command of a process: the exec wrapper with the interpreter, or AWS's own runtime."""
        if self.layer is None:
            return [self.python, "-m", "awslambdaric", self.handler]
        return [str(self.layer.resolve() / "bootstrap"), self.python, "/var/runtime/bootstrap.py"]


class FunctionProcess:
    """One process of a function and the Runtime API that it polls: Lambda's execution environment."""

    def __init__(self, function: LocalFunction) -> None:
        self._function = function
        self.generation = function.generation
        self._closing = contextlib.AsyncExitStack()
        self._exit: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int:
        """Process id of a started process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has started and not ended."""
        return self._exit is not None and not self._exit.done()

    async def start(self) -> None:
        """Spawn the process; `run` calls this if needed."""
        self.api = await self._closing.enter_async_context(RuntimeApi())
        self._process = await asyncio.create_subprocess_exec(
            *self._function.command(),
            env=self._function.variables(self.api.address),
            cwd=self._function.code[0],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C stops the Function URL, which then stops its processes
        )
        self._spawned_at = asyncio.get_running_loop().time()
        self._exit = asyncio.create_task(self._follow_output())
        self._cold_start = ColdStart(self._process.pid, datetime.now(UTC))
        self._function.cold_starts.append(self._cold_start)

    async def ready(self) -> None:
        """Wait until the started process polls. Raises FunctionError if it does not start."""
        await self._wait(self.api.polled.wait(), INIT_LIMIT_SECONDS, "Runtime.InitTimeout")
        self._cold_start.first_next_ms = (self.api.first_poll_time - self._spawned_at) * 1000

    async def run(self, invocation: Invocation) -> None:
        """Run `invocation`, including its background tasks, until the process polls again; start a new process first.

        Raises FunctionError on a timeout or when the process ends.
        """
        if self._exit is None:
            await self.start()
        self.api.submit(invocation)
        await self._wait(invocation.delivered.wait(), INIT_LIMIT_SECONDS, "Runtime.InitTimeout")
        if self._cold_start.first_next_ms is None:
            self._cold_start.first_next_ms = (self.api.first_poll_time - self._spawned_at) * 1000
        await self._wait(invocation.finished.wait(), invocation.timeout_seconds, "Sandbox.Timedout")

    async def _wait(self, event: Awaitable[Any], seconds: float, timeout_type: str) -> None:
        assert self._exit is not None
        try:
            async with asyncio.timeout(seconds):
                await first_of(event, self._exit, self.api.init_error)
        except TimeoutError as error:
            raise FunctionError(timeout_type, f"Task timed out after {seconds:.2f} seconds") from error
        if self.api.init_error.done():
            report = self.api.init_error.result()
            raise FunctionError(str(report.get("errorType")), str(report.get("errorMessage")))
        if self._exit.done():
            raise FunctionError("Runtime.ExitError", f"Runtime exited with exit status {self._exit.result()}")

    async def _follow_output(self) -> int:
        assert self._process.stdout is not None
        rest = b""
        while data := await self._process.stdout.read(64 * 1024):
            *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")  # awslambdaric joins tracebacks with \r
            for line in lines:
                self._function.write_log(line.decode("utf-8", "replace"))
        if rest:
            self._function.write_log(rest.decode("utf-8", "replace"))
        return await self._process.wait()

    async def exited(self) -> int:
        """Wait for the process to end and return its exit status."""
        assert self._exit is not None
        return await asyncio.shield(self._exit)

    async def stop(self, grace_seconds: float) -> None:
        """Stop the process with SIGTERM, then SIGKILL after `grace_seconds`."""
        if self._exit is not None:
            await self._end(self._exit, grace_seconds)
        await self._closing.aclose()

    async def _end(self, exit: asyncio.Task[int], grace_seconds: float) -> None:
        if grace_seconds and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait({exit}, timeout=grace_seconds)
        if self._process.returncode is None:
            self._process.kill()
        await exit


async def first_of(*awaitables: Awaitable[Any]) -> None:
    """Wait until one of `awaitables` is done. Cancel the other coroutines, but not tasks and futures."""
    made = [asyncio.ensure_future(one) for one in awaitables if not isinstance(one, asyncio.Future)]
    try:
        futures = [one for one in awaitables if isinstance(one, asyncio.Future)]
        await asyncio.wait([*futures, *made], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in made:
            task.cancel()
