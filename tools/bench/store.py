"""The store's cost in requests, units and time: pages and turns of short and of long threads.

    python -m tools.bench.store [--server ministack] [--quick]

The server is DynamoDB Local or MiniStack. Both are development servers, so only ratios of times are meaningful. Pages
of 20 items are read alternately from a thread of 100 and one of 10 000 items, and the medians are compared. Requests
and units are explained in `docs/understand/data-model.md`. Writes `tools/bench/results/store.json`, except with
`--quick`. Fails when a long thread's first page takes more than 1.2 times a short one's, or when a turn or a deletion
costs more there. The page in the middle is shown without a goal, because its requests are the same in both threads.
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
from tools.bench.results import Result
from tools.bench.section import Goal, Section, number, table
from tools.local.dynamodb_local import DynamoDBLocal
from tools.local.ministack import MiniStack

SHORT, LONG = 100, 10_000
LARGEST_RATIO = 1.2
ROUNDS = 200
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
TEXT = "A sentence of an ordinary length, as people write them. " * 5


@dataclass
class Usage:
    """Requests and units of one operation, as reported by the server."""

    requests: dict[str, int] = field(default_factory=dict[str, int])
    units: float = 0.0


class Meter:
    """Counts a client's requests and their units."""

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
    """Start a server with the table `chat` and yield a client."""
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


async def fill(client: Any, store: DynamoStore[str], user: str, items: int) -> None:
    """Create a user's thread of so many items, in batches, with the records that the store would write."""
    await store.save_thread(ThreadMetadata(id="thr_1", created_at=NOON, title="Budget"), user)
    bodies = Bodies(Table("chat", client, Backoff()), None)
    for start in range(0, items, 25):
        puts: list[Any] = []
        for n in range(start, min(start + 25, items)):
            item = message(f"msg_{n:05}", NOON + timedelta(seconds=n))
            record = {**item_key(user, "thr_1", item.id), **schema(), **await bodies.pack(dump(item), "")}
            record |= {"ord": {"S": item_order(item.created_at, n)}, "kind": {"S": item_kind(item)}}
            puts.append({"PutRequest": {"Item": record}})
        client.batch_write_item(RequestItems={"chat": puts})


async def turn(store: DynamoStore[str], user: str) -> None:
    """Call the store as ChatKit does for one message and its answer."""
    thread = await store.load_thread("thr_1", user)
    at = NOON + timedelta(days=1)
    await store.add_thread_item("thr_1", message("question", at), user)
    await store.load_thread_items("thr_1", None, 20, "desc", user)
    await store.load_thread_items("thr_1", None, 2, "desc", user)
    await store.add_thread_item("thr_1", message("answer", at), user)
    thread.metadata["response_id"] = "resp_1"
    await store.save_thread(thread, user)


async def median_ms(work: dict[str, Callable[[], Awaitable[Any]]], rounds: int) -> dict[str, float]:
    """Time several operations alternately, so that other load on this machine affects all of them."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, call in work.items():
            begin = time.perf_counter()
            await call()
            times[name].append((time.perf_counter() - begin) * 1_000)
    return {name: statistics.median(each) for name, each in times.items()}


async def measure(client: Any, rounds: int) -> dict[str, Any]:
    # The clock advances by a second per reading. DynamoDB Local counts 4 more units when a thread's expiry is renewed
    # within the same second, so the machine's clock would make the units random. AWS's behavior is not verified.
    seconds = itertools.count()
    store: DynamoStore[str] = DynamoStore(
        table="chat",
        client=client,
        user_of=lambda user: user,
        retention=timedelta(days=90),
        clock=lambda: NOON + timedelta(seconds=next(seconds)),
    )
    sizes = {"short": SHORT, "long": LONG}
    for user, items in sizes.items():
        await fill(client, store, user, items)
    meter = Meter(client)

    def page(user: str, after: str | None) -> Callable[[], Awaitable[Any]]:
        return lambda: store.load_thread_items("thr_1", after, 20, "desc", user)

    first = await median_ms({user: page(user, None) for user in sizes}, rounds)
    middle = await median_ms({user: page(user, f"msg_{items // 2:05}") for user, items in sizes.items()}, rounds)
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
    """Return the missed goals."""
    ratio = figures["first_page_ratio"]
    found = [f"the first page of a long thread takes {ratio:.2f} times as long"] if ratio > LARGEST_RATIO else []
    for name in ("turn", "deletion"):
        if figures[name]["short"] != figures[name]["long"]:
            found.append(f"a {name} costs more in a long thread")
    if sum(figures["deletion"]["long"]["requests"].values()) != 1:
        found.append("a deletion takes more than one request")
    return found


def show(figures: dict[str, Any], console: Console) -> None:
    view = Printed("", f"{SHORT} items", f"{LONG} items", "ratio")
    for name in ("first_page", "middle_page"):
        times = figures[f"{name}_ms"]
        view.add_row(f"{name}, ms", f"{times['short']:.2f}", f"{times['long']:.2f}", f"{figures[f'{name}_ratio']:.2f}")
    for name in ("turn", "deletion"):
        cells = [f"{sum(figures[name][user]['requests'].values())} requests" for user in ("short", "long")]
        view.add_row(name, *cells, "")
    console.print(view)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.store", description="Costs of short and long threads.")
    parser.add_argument("--server", choices=["dynamodb-local", "ministack"], default="dynamodb-local")
    parser.add_argument("--quick", action="store_true", help="few rounds, without writing results")
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


def section(result: Result) -> Section:
    """Return the report's section."""
    figures = result.figures
    sizes = figures["items"]
    rows = [
        [f"{title} of 20 items, ms", *(number(figures[f"{name}_ms"][size]) for size in sizes)]
        for name, title in {"first_page": "first page", "middle_page": "page in the middle"}.items()
    ]
    for name in ("turn", "deletion"):
        costs = [figures[name][size] for size in sizes]
        rows.append([f"{name}, requests", *(str(sum(each["requests"].values())) for each in costs)])
        rows.append([f"{name}, units", *(f"{each['units']:g}" for each in costs)])
    header = ["thread of …", *(f"{items:,} items" for items in sizes.values())]
    ratio = figures["first_page_ratio"]
    equal = all(figures[name]["short"] == figures[name]["long"] for name in ("turn", "deletion"))
    goals = [
        Goal(
            "store.page",
            "first page of a long thread, relative to a short one",
            f"≤ {LARGEST_RATIO} ×",
            f"{ratio:.2f} ×",
            ratio <= LARGEST_RATIO,
        ),
        Goal(
            "store.cost",
            "requests and units of a turn and a deletion in a long thread",
            "as in a short one",
            "equal" if equal else "more",
            equal,
        ),
    ]
    method = METHOD.format(server=figures["server"], rounds=figures["rounds"])
    return Section("The store", LEAD, f"{method}\n\n{table(header, rows)}", goals)


LEAD = "The cost of a page, a turn and a deletion does not depend on the length of the thread."
METHOD = """\
Measured against `{server}`, a development server: only ratios of its milliseconds are meaningful (medians of {rounds}
rounds). Units are reported by that server; the [data model](../understand/data-model.md#costs) lists the cost
of each operation by AWS's rules."""


if __name__ == "__main__":
    sys.exit(main())
