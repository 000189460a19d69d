"""Our part of a turn: time from the request to the first word with a model that answers immediately.

    python -m tools.bench.turn [--quick]

Four warm processes alternate turns in a thread of 20 items and in one of 2 000, against DynamoDB Local, the local S3
and the local model. The first process runs an assistant that reads the thread, converts it to the model's input and
answers without calling the model (`tools.bench.turn_assistant`): its time is ours, including the table's. The second
one runs the coach: its additional time belongs to the Agents SDK and the OpenAI client. The third one runs the coach
with OpenAI's own client in place of `assistant_kit.OpenAIClient`. The fourth one is the first one without a journal, so
that the difference is the journal's. The model's own time, between the request's arrival
and its first word, is subtracted. CPU is the process's over whole turns. Round trips before the first
word are counted in `tests/integration/turns/test_round_trips.py`. Writes `tools/bench/results/turn.json`, except with
`--quick`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import psutil
from rich.console import Console
from rich.progress import Progress

from store_dynamo import CLIENT_CONFIG, DynamoStore, table_definition
from tools import ROOT
from tools.bench import results
from tools.bench.cold_start import TOKEN, post
from tools.bench.results import Result
from tools.bench.section import Goal, Section, table
from tools.bench.store import fill
from tools.client.chatkit import add_message
from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.local.dynamodb_local import DynamoDBLocal
from tools.local.function.process import FunctionProcess, LocalFunction
from tools.local.function.runtime_api import Invocation, Recorder
from tools.local.openai.server import ModelServer
from tools.local.stack import running_stack

SIZES = {"short": 20, "long": 2_000}
SUBJECTS = {
    "ours": {"ASSISTANT": "tools.bench.turn_assistant:build"},
    "coach": {"ASSISTANT": "coach.assistant:build"},
    "walking": {"ASSISTANT": "tools.bench.turn_assistant:build_walking_coach"},
    "unjournaled": {"ASSISTANT": "tools.bench.turn_assistant:build", "JOURNAL_SECONDS": "0"},
}
"""The environment of each process."""
ROUNDS, WARM = 60, 5
LIMIT_MS = 25
COACH_LIMIT, COACH_CPU_LIMIT = 80 / 140, 0.5
"""Relative to OpenAI's own client in the same run, which took 140 ms when 80 ms were the goal."""
JOURNAL_LIMIT_MS = 2


async def measure(rounds: int, progress: Progress) -> dict[str, Any]:
    """Run turns in both threads and return the figures."""
    async with conversations() as place, AsyncExitStack() as processes:
        subjects = {name: await Subject.start(processes, place, variables) for name, variables in SUBJECTS.items()}
        figures = await _rounds(subjects, place, rounds, progress)
    return {"server": "DynamoDB Local", "rounds": rounds, "items": SIZES, **figures}


@dataclass(frozen=True)
class Place:
    """A local stack in which users have the threads; `function` has no process yet, and `tokens` are by SIZES."""

    function: LocalFunction
    model: ModelServer
    tokens: Mapping[str, str]


@asynccontextmanager
async def conversations() -> AsyncGenerator[Place]:
    """Start a stack on DynamoDB Local with the threads."""
    with DynamoDBLocal.start() as dynamodb:
        client = dynamodb.client(CLIENT_CONFIG)
        client.create_table(**table_definition("chat"))
        async with running_stack(lambda _: None) as stack:
            assert stack.model is not None, "the benchmark needs the local model: unset OPENAI_API_KEY"
            tokens = await _users(stack.aws, client)
            environment = {
                **stack.function.environment,
                "TABLE_NAME": "chat",
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
                "LIMITS": '{"turns_per_minute": null}',
            }
            code = [*stack.function.code, ROOT]
            yield Place(replace(stack.function, code=code, environment=environment), stack.model, tokens)
        client.close()


@dataclass(frozen=True)
class Subject:
    """One warm process of the function."""

    process: FunctionProcess
    of: psutil.Process

    @classmethod
    async def start(cls, until: AsyncExitStack, place: Place, variables: Mapping[str, str]) -> Subject:
        environment = {**place.function.environment, **variables}
        function = replace(place.function, environment=environment, cold_starts=[])
        process = FunctionProcess(function)
        await process.start()
        until.push_async_callback(process.stop, 1)
        return cls(process, psutil.Process(function.cold_starts[0].pid))

    async def turn(self, token: str, model: ModelServer) -> Taken:
        """Run one turn in the thread of the token's user."""
        sink, before = Recorder(), sum(self.of.cpu_times()[:2])
        model.requests.clear()
        event = post(add_message("thr_1", "hello"), token)
        started = time.monotonic()
        await self.process.run(Invocation(event, sink))
        at, chunk = next(pair for pair in zip(sink.times, sink.chunks, strict=True) if TOKEN in pair[1])
        models_own = sum(each.first_delta_at - each.received_at for each in model.requests if each.first_delta_at)
        return Taken(
            first_word_ms=(at - started - models_own) * 1000,
            table_ms=sum(ended - begun for begun, ended in _waits(chunk) if begun >= started) * 1000,
            cpu_ms=(sum(self.of.cpu_times()[:2]) - before) * 1000,
        )


@dataclass(frozen=True)
class Taken:
    """One turn: time to its first word without the model's, the part spent waiting for the table (0: unknown), CPU."""

    first_word_ms: float
    table_ms: float
    cpu_ms: float


def _waits(chunk: bytes) -> list[tuple[float, float]]:
    """Return the waiting times that `tools.bench.turn_assistant` sends as its first word."""
    event = next(line for line in chunk.split(b"\n") if TOKEN in line)
    delta: str = json.loads(event.removeprefix(b"data: "))["update"]["delta"]
    return json.loads(delta) if delta.startswith("[") else []


async def _users(aws: Any, client: Any) -> dict[str, str]:
    """Create a user with a thread for each size. Return their tokens."""
    tokens: dict[str, str] = {}
    for name, size in SIZES.items():
        create_user(aws, f"{name}@example.com", PASSWORD)
        tokens[name] = sign_in(aws, f"{name}@example.com", PASSWORD).access_token
        store = DynamoStore[str](table="chat", client=client, user_of=lambda user: user)
        await fill(client, store, _subject(tokens[name]), size)
    return tokens


def _subject(token: str) -> str:
    import jwt  # without verification, for the claims only

    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


async def _rounds(subjects: Mapping[str, Subject], place: Place, rounds: int, progress: Progress) -> dict[str, Any]:
    taken: dict[tuple[str, str], list[Taken]] = {(subject, size): [] for subject in subjects for size in place.tokens}
    task = progress.add_task("turns", total=(rounds + WARM) * len(taken))
    for number in range(rounds + WARM):
        for subject, size in taken:
            figures = await subjects[subject].turn(place.tokens[size], place.model)
            if number >= WARM:
                taken[subject, size].append(figures)
            progress.advance(task)

    def each(summary: Callable[[list[float]], float], name: str) -> dict[str, dict[str, float]]:
        return {
            subject: {size: round(summary([getattr(row, name) for row in taken[subject, size]]), 1) for size in SIZES}
            for subject in subjects
        }

    return {
        "first_word_ms": each(statistics.median, "first_word_ms"),
        "first_word_p95_ms": each(lambda values: statistics.quantiles(values, n=20)[-1], "first_word_ms"),
        "table_ms": each(statistics.median, "table_ms"),
        "cpu_ms": each(statistics.mean, "cpu_ms"),
    }


def rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the table's rows."""
    titles = {
        "first_word_ms": "time to the first word, ms",
        "first_word_p95_ms": "… 95th percentile, ms",
        "table_ms": "thereof waiting for the table, ms",
        "cpu_ms": "CPU of the whole turn, ms",
    }
    return [
        [title, *(_figure(figures[name][subject][size]) for subject in _measured(figures) for size in SIZES)]
        for name, title in titles.items()
    ]


def _figure(value: float) -> str:
    return f"{value:.1f}" if value else "–"


WHOSE = {
    "ours": "ours",
    "coach": "with Agents SDK and OpenAI client",
    "walking": "… and OpenAI's own client",
    "unjournaled": "ours without a journal",
}


def header(figures: Mapping[str, Any]) -> list[str]:
    """Return the table's header."""
    return ["", *(f"{WHOSE[subject]}, {size:,} items" for subject in _measured(figures) for size in SIZES.values())]


def _measured(figures: Mapping[str, Any]) -> list[str]:
    return [subject for subject in SUBJECTS if subject in figures["cpu_ms"]]


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="Our part of a turn.")
    parser.add_argument("--quick", action="store_true", help="ten turns, without writing results")
    quick: bool = parser.parse_args().quick
    console = Console()
    with Progress(console=console, transient=True) as progress:
        figures = asyncio.run(measure(10 if quick else ROUNDS, progress))
    console.print(table(header(figures), rows(figures)), highlight=False)
    if not quick:
        results.write("turn", figures, packages=["openai-chatkit", "openai-agents", "openai"])
    return 0


def section(result: Result) -> Section:
    """Return the report's section."""
    figures = result.figures
    goals: list[Goal] = []
    for name, items in SIZES.items():
        ours = figures["first_word_ms"]["ours"][name] - figures["table_ms"]["ours"][name]
        title = f"our part of the time to the first word, {items:,} items, without the table's"
        goals.append(Goal(f"turn.{name}", title, f"< {LIMIT_MS} ms", f"{ours:.1f} ms", ours < LIMIT_MS))
    method = METHOD.format(rounds=figures["rounds"], server=figures["server"])
    lead = LEAD.format(*(goal.found for goal in goals))
    goals += [*_coach_goals(figures), *_journal_goals(figures)]
    return Section("A turn", lead, f"{method}\n\n{table(header(figures), rows(figures))}", goals)


def _coach_goals(figures: Mapping[str, Any]) -> Iterator[Goal]:
    """Yield the goals of a whole turn with Agents SDK and client."""
    if "walking" not in figures["cpu_ms"]:  # measured before there was a comparison
        return
    for name, items in SIZES.items():
        word = figures["first_word_ms"]["coach"][name] / figures["first_word_ms"]["walking"][name]
        title = f"time to the first word with the Agents SDK, relative to OpenAI's client, {items:,} items"
        yield Goal(f"turn.coach.{name}", title, f"≤ {COACH_LIMIT:.0%}", f"{word:.0%}", word <= COACH_LIMIT)
        cpu = figures["cpu_ms"]["coach"][name] / figures["cpu_ms"]["walking"][name]
        title = f"processor time of that turn, relative to OpenAI's client, {items:,} items"
        yield Goal(f"turn.cpu.{name}", title, f"≤ {COACH_CPU_LIMIT:.0%}", f"{cpu:.0%}", cpu <= COACH_CPU_LIMIT)


def _journal_goals(figures: Mapping[str, Any]) -> Iterator[Goal]:
    """Yield the goals of the journal, which begins with the first word."""
    if "unjournaled" not in figures["first_word_ms"]:  # measured before there was a comparison
        return
    for name, items in SIZES.items():
        more = figures["first_word_ms"]["ours"][name] - figures["first_word_ms"]["unjournaled"][name]
        title = f"time that the journal adds to the first word, {items:,} items"
        found, wanted = f"{more:+.1f} ms", f"≤ {JOURNAL_LIMIT_MS} ms"
        yield Goal(f"turn.journal.{name}", title, wanted, found, more <= JOURNAL_LIMIT_MS)


LEAD = """\
Runtime, authentication, admission, ChatKit and the store add {} to the time to the first word in a short thread and
{} in a long one, without the table's time."""
METHOD = """\
Measured from the event's arrival to the first word, in a warm process, with a model that answers immediately; medians
of {rounds} turns. *Ours* is runtime, authentication, admission, ChatKit, the store and the coach's work before it
calls the model; this assistant then answers without a model. The other columns call the local model through the
Agents SDK and OpenAI's client; the model's own time is subtracted. The table is {server}, a development server; on
AWS a request takes a few milliseconds. Before the first word a turn waits for the table three times, and four times in
a thread of more than thirty items (`tests/integration/turns/test_round_trips.py` counts them).

Flame graphs of the turns in the long thread: [with our client](flames/turn.svg) and
[with OpenAI's](flames/turn-openai.svg)."""


if __name__ == "__main__":
    sys.exit(main())
