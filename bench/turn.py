"""What do we add to a turn? From the request to the model's first word, without the model's own time.

    python -m bench.turn [--quick]

A warm process of the function answers turns in a thread of 20 items and in one of 2 000, turn about, against DynamoDB
Local, the local S3 and the local model. What is ours is the time until the model is asked, and from when it writes its
first word until that word is where the Runtime API reads: the table's answers are in it, the model's thinking is not.
CPU is the process's, of whole turns. Round trips before the first word are counted, not timed, in
`tests/integration/turns/test_round_trips.py`. Writes `bench/results/turn.json` unless it was a quick look.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import psutil
from rich.console import Console
from rich.progress import Progress

from bench import results
from bench.cold_start import PASSWORD, TOKEN, post
from bench.section import table
from bench.store import fill
from local.chatkit_client import add_message
from local.dynamodb_local import DynamoDBLocal
from local.function_process import FunctionProcess
from local.runtime_api import Invocation, Recorder
from local.sign_in import create_user, sign_in
from local.stack import running_stack
from store_dynamo import CLIENT_CONFIG, DynamoStore, table_definition

SIZES = {"short": 20, "long": 2_000}
ROUNDS, WARM = 60, 5


async def measure(rounds: int, progress: Progress) -> dict[str, Any]:
    """Run turns in both threads and return the figures."""
    with DynamoDBLocal.start() as dynamodb:
        client = dynamodb.client(CLIENT_CONFIG)
        client.create_table(**table_definition("chat"))
        async with running_stack(lambda _: None) as stack:
            assert stack.model is not None, "unset OPENAI_API_KEY: the model must answer at once"
            tokens = await _users(stack.aws, client)
            environment = {
                **stack.function.environment,
                "TABLE_NAME": "chat",
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
                "LIMITS": '{"turns_per_minute": null}',
            }
            function = replace(stack.function, environment=environment, cold_starts=[])
            process = FunctionProcess(function)
            await process.start()
            of = psutil.Process(function.cold_starts[0].pid)
            try:
                return await _rounds(process, of, stack.model, tokens, rounds, progress)
            finally:
                await process.stop(grace_seconds=1)
                client.close()


async def _users(aws: Any, client: Any) -> dict[str, str]:
    """Make a user with a thread for each size; return their tokens."""
    tokens: dict[str, str] = {}
    for name, size in SIZES.items():
        create_user(aws, f"{name}@example.com", PASSWORD)
        tokens[name] = sign_in(aws, f"{name}@example.com", PASSWORD).access_token
        store = DynamoStore[str](table="chat", client=client, user_of=lambda user: user)
        await fill(client, store, _subject(tokens[name]), size)
    return tokens


def _subject(token: str) -> str:
    import jwt  # only what the token says of itself

    return str(jwt.decode(token, options={"verify_signature": False})["sub"])


async def _rounds(
    process: FunctionProcess,
    of: psutil.Process,
    model: Any,
    tokens: Mapping[str, str],
    rounds: int,
    progress: Progress,
) -> dict[str, Any]:
    ours: dict[str, list[float]] = {name: [] for name in SIZES}
    cpu: dict[str, list[float]] = {name: [] for name in SIZES}
    task = progress.add_task("turns", total=(rounds + WARM) * len(SIZES))
    for number in range(rounds + WARM):
        for name, token in tokens.items():
            sink, before = Recorder(), sum(of.cpu_times()[:2])
            skew, asked_at = time.time() - time.monotonic(), time.time()
            event = post(add_message("thr_1", "hello"), token)
            await process.run(Invocation(event, sink))
            words = [at for at, chunk in zip(sink.times, sink.chunks, strict=True) if TOKEN in chunk]
            request = next(each for each in reversed(model.requests) if each.first_delta_at)
            until_asked, until_told = request.received_at - asked_at, words[0] + skew - request.first_delta_at
            if number >= WARM:
                ours[name].append((until_asked + until_told) * 1000)
                cpu[name].append((sum(of.cpu_times()[:2]) - before) * 1000)
            progress.advance(task)
    return {
        "server": "DynamoDB Local",
        "rounds": rounds,
        "items": SIZES,
        "added_ms": {name: round(statistics.median(values), 1) for name, values in ours.items()},
        "added_p95_ms": {name: round(statistics.quantiles(values, n=20)[-1], 1) for name, values in ours.items()},
        "cpu_ms": {name: round(statistics.mean(values), 1) for name, values in cpu.items()},
    }


def rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the table's rows."""
    titles = {
        "added_ms": "added before the first word, ms",
        "added_p95_ms": "… 95th percentile, ms",
        "cpu_ms": "CPU of the whole turn, ms",
    }
    return [[title, *(f"{figures[name][size]:.1f}" for size in SIZES)] for name, title in titles.items()]


HEADER = ("thread of …", *(f"{size:,} items" for size in SIZES.values()))


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="What we add to a turn.")
    parser.add_argument("--quick", action="store_true", help="ten turns; nothing is written")
    quick: bool = parser.parse_args().quick
    console = Console()
    with Progress(console=console, transient=True) as progress:
        figures = asyncio.run(measure(10 if quick else ROUNDS, progress))
    console.print(table(HEADER, rows(figures)), highlight=False)
    if not quick:
        results.write("turn", figures, packages=["openai-chatkit", "openai-agents", "openai"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
