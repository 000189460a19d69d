"""What a conversation costs in requests, units and time: pages and turns of short and of long threads.

    python -m tools.bench.store [--server ministack] [--quick]

The server is DynamoDB Local, or MiniStack; both are development servers, so times are good for ratios only. A page of
20 items is read in turn from a thread of 100 and from one of 10 000 items, and the medians are compared; what requests
and units are good for is in `docs/understand/data-model.md`. Writes `tools/bench/results/store.json` unless it was a
quick look, and fails when a long thread's first page takes more than 1.2 times a short one's, or when a turn or a
deletion costs more there. The page in the middle is shown and not judged: its requests are the same in both.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadMetadata
from rich.console import Console
from rich.table import Table as Printed

from store_dynamo import CLIENT_CONFIG, DynamoStore, table_definition
from store_dynamo.bodies import Bodies
from store_dynamo.keys import item_key, item_order
from store_dynamo.serialization import dump, item_kind, schema
from store_dynamo.table import Backoff, Table
from tools.bench import results
from tools.bench.sections.store import LARGEST_RATIO
from tools.local.dynamodb_local import DynamoDBLocal
from tools.local.ministack import MiniStack

SHORT, LONG = 100, 10_000
ROUNDS = 200
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
TEXT = "A sentence of an ordinary length, as people write them. " * 5


@dataclass
class Usage:
    """Requests and units of one operation, as the server says."""

    requests: dict[str, int] = field(default_factory=dict[str, int])
    units: float = 0.0


class Meter:
    """Counts what a client sends."""

    def __init__(self, client: Any) -> None:
        self._usage = Usage()
        client.meta.events.register("after-call.dynamodb.*", self._count)

    def _count(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self._usage.requests[model.name] = self._usage.requests.get(model.name, 0) + 1
        answer = parsed.get("ConsumedCapacity", [])
        self._usage.units += sum(
            each["CapacityUnits"] for each in cast("list[Any]", answer if type(answer) is list else [answer])
        )

    async def of(self, work: Awaitable[Any]) -> Usage:
        self._usage = Usage()
        await work
        return self._usage


@contextmanager
def server(name: str) -> Generator[Any]:
    """Give a client of a fresh server with the table `chat`."""
    with ExitStack() as stack:
        if name == "ministack":
            client = stack.enter_context(MiniStack.start()).client("dynamodb", config=CLIENT_CONFIG)
        else:
            client = stack.enter_context(DynamoDBLocal.start()).client(CLIENT_CONFIG)
        stack.callback(client.close)
        client.create_table(**table_definition("chat"))
        yield client


def message(item_id: str, at: datetime) -> AssistantMessageItem:
    content = [AssistantMessageContent(text=TEXT)]
    return AssistantMessageItem(id=item_id, thread_id="thr_1", created_at=at, content=content)


async def fill(client: Any, store: DynamoStore[str], user: str, number: int) -> None:
    """Give a user a thread of so many items; they are written in batches, as the store would write each."""
    await store.save_thread(ThreadMetadata(id="thr_1", created_at=NOON, title="Budget"), user)
    bodies = Bodies(Table("chat", client, Backoff()), None)
    for start in range(0, number, 25):
        puts: list[Any] = []
        for n in range(start, min(start + 25, number)):
            item = message(f"msg_{n:05}", NOON + timedelta(seconds=n))
            record = {**item_key(user, "thr_1", item.id), **schema(), **await bodies.pack(dump(item), "")}
            record |= {"ord": {"S": item_order(item.created_at, n)}, "kind": {"S": item_kind(item)}}
            puts.append({"PutRequest": {"Item": record}})
        client.batch_write_item(RequestItems={"chat": puts})


async def turn(store: DynamoStore[str], user: str) -> None:
    """Call the store as ChatKit does for one message and its answer."""
    held = await store.load_thread("thr_1", user)
    at = NOON + timedelta(days=1)
    await store.add_thread_item("thr_1", message("question", at), user)
    await store.load_thread_items("thr_1", None, 20, "desc", user)
    await store.load_thread_items("thr_1", None, 2, "desc", user)
    await store.add_thread_item("thr_1", message("answer", at), user)
    held.metadata["response_id"] = "resp_1"
    await store.save_thread(held, user)


async def median_ms(work: dict[str, Callable[[], Awaitable[Any]]], rounds: int) -> dict[str, float]:
    """Time several things in turn, so that whatever else this machine does hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            begin = time.perf_counter()
            await call()
            times[name].append((time.perf_counter() - begin) * 1_000)
    return {name: statistics.median(each) for name, each in times.items()}


async def measure(client: Any, rounds: int) -> dict[str, Any]:
    # A second a look: DynamoDB Local counts 4 units more for a thread whose expiry is renewed within the same second,
    # so with the machine's clock the units would hang on when that ticks. On AWS this was not looked at.
    seconds = itertools.count()
    store: DynamoStore[str] = DynamoStore(
        table="chat",
        client=client,
        user_of=lambda user: user,
        retention=timedelta(days=90),
        clock=lambda: NOON + timedelta(seconds=next(seconds)),
    )
    sizes = {"short": SHORT, "long": LONG}
    for user, number in sizes.items():
        await fill(client, store, user, number)
    meter = Meter(client)

    def page(user: str, after: str | None) -> Callable[[], Awaitable[Any]]:
        return lambda: store.load_thread_items("thr_1", after, 20, "desc", user)

    first = await median_ms({user: page(user, None) for user in sizes}, rounds)
    middle = await median_ms({user: page(user, f"msg_{number // 2:05}") for user, number in sizes.items()}, rounds)
    turns = {user: await meter.of(turn(store, user)) for user in sizes}
    deletions = {user: await meter.of(store.delete_thread("thr_1", user)) for user in sizes}
    return {
        "items": sizes,
        "first_page_ms": first,
        "middle_page_ms": middle,
        "first_page_ratio": first["long"] / first["short"],
        "middle_page_ratio": middle["long"] / middle["short"],
        "turn": {user: asdict(usage) for user, usage in turns.items()},
        "deletion": {user: asdict(usage) for user, usage in deletions.items()},
    }


def faults(figures: dict[str, Any]) -> list[str]:
    """Return what breaks a promise."""
    ratio = figures["first_page_ratio"]
    found = [f"a page takes {ratio:.2f} times as long"] if ratio > LARGEST_RATIO else []
    for name in ("turn", "deletion"):
        if figures[name]["short"] != figures[name]["long"]:
            found.append(f"a {name} costs more in a long thread")
    if sum(figures["deletion"]["long"]["requests"].values()) != 1:
        found.append("a deletion takes more than one request")
    return found


def show(figures: dict[str, Any], console: Console) -> None:
    table = Printed("", f"{SHORT} items", f"{LONG} items", "ratio")
    for name in ("first_page", "middle_page"):
        times = figures[f"{name}_ms"]
        table.add_row(f"{name}, ms", f"{times['short']:.2f}", f"{times['long']:.2f}", f"{figures[f'{name}_ratio']:.2f}")
    for name in ("turn", "deletion"):
        cells = [f"{sum(figures[name][user]['requests'].values())} requests" for user in ("short", "long")]
        table.add_row(name, *cells, "")
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.store", description="Costs of short and long threads.")
    parser.add_argument("--server", choices=["dynamodb-local", "ministack"], default="dynamodb-local")
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    arguments = parser.parse_args()
    console = Console()
    with server(arguments.server) as client, console.status(f"threads of {SHORT} and of {LONG:,} items"):
        figures = asyncio.run(measure(client, 20 if arguments.quick else ROUNDS))
    show(figures, console)
    broken = faults(figures)
    for each in broken:
        console.print(f"[red]{each}")
    if not arguments.quick:
        results.write(
            "store", {"server": arguments.server, "rounds": ROUNDS} | figures, packages=["boto3", "openai-chatkit"]
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
