"""The cost of each operation, counted twice (tools/bench/cost/costs.py) and compared with the data model document.

python -m pytest tests/integration/store/test_cost.py     # on a difference, prints the table as it should be
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from chatkit.types import Page, Thread, ThreadMetadata

from chat_api.attach.reader import TurnReaders
from chat_api.context import RequestContext
from chat_api.limits import FOLLOW, REQUEST, Limits
from chat_api.settings import LimitSettings
from store_dynamo import DynamoStore
from store_dynamo.journal import Segment
from store_dynamo.testing import Caller
from store_dynamo.testing.models import NOON, answer, file, thread, user_message
from tests.fakes.dynamo_backend import DynamoBackend
from tests.fakes.turn import request_context
from tools import ROOT
from tools.bench.cost.costs import Cost, Costs, as_dynamodb_local, as_ministack
from tools.local.dynamodb_local import DynamoDBLocal
from tools.local.ministack import MiniStack

DOCUMENT = ROOT / "docs" / "understand" / "data-model.md"
TABLE = re.compile(r"<!-- costs -->\n(.*?)<!-- /costs -->", re.DOTALL)
ALICE = Caller("alice-pays")
SECOND = timedelta(seconds=1)
CLAIM = "c" * 32
TEXT = "A sentence of an ordinary length, as people write them. " * 5


class Ticking:
    """A clock that advances by a second on every call, so that each message moves its thread's expiry."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def __call__(self) -> datetime:
        self._now += SECOND
        return self._now


@dataclass
class Counting:
    """A server whose requests are counted, except those of `admin`, which inspects and fills the table."""

    backend: DynamoBackend
    admin: Any
    costs: Costs
    long_thread: int


@pytest.fixture(params=[pytest.param("ministack"), pytest.param("dynamodb-local")])
def counting(request: pytest.FixtureRequest) -> Iterator[Counting]:
    if request.param == "ministack":
        stack: MiniStack = request.getfixturevalue("ministack")
        backend: DynamoBackend = request.getfixturevalue("ministack_backend")
        admin, expect, long_thread = stack.client("dynamodb"), as_ministack, 10_000
    else:
        server: DynamoDBLocal = request.getfixturevalue("dynamodb_local_server")
        backend = request.getfixturevalue("dynamodb_local_backend")
        admin, expect, long_thread = server.client(), as_dynamodb_local, 1_000
    with Costs(backend.client, admin, backend.table, expect) as costs:
        yield Counting(backend, admin, costs, long_thread)
    admin.close()


async def rows(backend: DynamoBackend, costs: Costs) -> dict[str, Cost]:
    """Call each operation once, with items of half a kilobyte, and return its cost by its name in the table."""
    store = backend.store(retention=timedelta(days=90), clock=Ticking())
    found: dict[str, Cost] = {}

    async def count(name: str, call: Callable[[], Awaitable[Any]]) -> None:
        costs.take()
        await call()
        found[name] = costs.take()

    for n in range(45):
        await store.save_thread(thread(f"thr_{n:02}", NOON + n * SECOND, title=TEXT[:100]), ALICE)
        await store.add_thread_item("thr_00", answer(f"msg_{n:02}", TEXT, NOON + n * SECOND), ALICE)
    await store.save_thread(thread("gone"), ALICE)
    await store.save_thread(thread("untitled"), ALICE)
    held = await store.load_thread("thr_00", ALICE)
    held.title = "New"
    for name in ("a", "b"):
        await store.save_attachment(file(name), ALICE)
    await store.save_attachment(file("b", thread_id="thr_00"), ALICE)
    fresh = Caller(ALICE.user_id, "another request")

    await count("`save_thread`, new", lambda: store.save_thread(thread("new", title=TEXT[:100]), fresh))
    await count("`save_thread`, loaded before", lambda: store.save_thread(held, ALICE))
    stale = thread("thr_01", NOON + SECOND, title="x")
    await count("`save_thread`, never loaded or changed meanwhile", lambda: store.save_thread(stale, fresh))
    await count("`load_thread`", lambda: store.load_thread("thr_00", ALICE))
    await count("`load_threads`, first 20", lambda: store.load_threads(20, None, "desc", ALICE))
    await count("`load_threads`, next 20", lambda: store.load_threads(20, "thr_20", "asc", ALICE))
    await count("`delete_thread`", lambda: store.delete_thread("gone", ALICE))
    await count("`add_thread_item`", lambda: store.add_thread_item("thr_00", answer("new", TEXT), ALICE))
    unlimited = backend.store()
    await count(
        "`add_thread_item`, no retention", lambda: unlimited.add_thread_item("thr_00", answer("n2", TEXT), ALICE)
    )
    by_activity = backend.store(retention=timedelta(days=90), by_activity=True)
    await count(
        "`add_thread_item`, by activity", lambda: by_activity.add_thread_item("thr_00", answer("n3", TEXT), ALICE)
    )
    await count("`save_item`", lambda: store.save_item("thr_00", answer("new", TEXT + "!"), ALICE))
    await count("`load_item`", lambda: store.load_item("thr_00", "new", ALICE))
    await count("`load_thread_items`, first 20", lambda: store.load_thread_items("thr_00", None, 20, "desc", ALICE))
    await count("`load_thread_items`, next 20", lambda: store.load_thread_items("thr_00", "msg_20", 20, "asc", ALICE))
    await count("`delete_thread_item`", lambda: store.delete_thread_item("thr_00", "new", ALICE))
    await count("`save_attachment`, no thread yet", lambda: store.save_attachment(file("new"), ALICE))
    await count(
        "`save_attachment`, with its thread", lambda: store.save_attachment(file("a", thread_id="thr_00"), ALICE)
    )
    await count("`load_attachment`, no thread yet", lambda: store.load_attachment("new", ALICE))
    await count("`load_attachment`, with its thread", lambda: store.load_attachment("b", ALICE))
    await count("`claim_attachment`", lambda: store.claim_attachment("new", "turn-1", ALICE))
    await count("`release_attachment`", lambda: store.release_attachment("new", "turn-1", ALICE))
    await count("`delete_unclaimed_attachment`", lambda: store.delete_unclaimed_attachment("new", ALICE))
    await store.save_attachment(file("new"), ALICE)
    await count("`delete_attachment`", lambda: store.delete_attachment("new", ALICE))
    await count("`set_automatic_title`", lambda: store.set_automatic_title("untitled", "x", ALICE))
    await count("`turns.claim`", lambda: store.turns.claim("turn-1", "thr_00", ALICE))
    await count("`turns.is_cancelled`", lambda: store.turns.is_cancelled("turn-1", ALICE))
    await count("`feedback.put`, one item", lambda: store.feedback.put("thr_00", ["msg_00"], "positive", ALICE))
    await count("`feedback.load`", lambda: store.feedback.load("thr_00", ALICE))
    await count("`feedback.remove`, one item", lambda: store.feedback.remove("thr_00", ["msg_00"], ALICE))
    await count("`rates.count`", lambda: store.rates.count("turns", 9, timedelta(days=1), ALICE))
    return found | await rows_of_attaching(store, count, found)


async def rows_of_attaching(store: Any, count: Any, found: dict[str, Cost]) -> dict[str, Cost]:
    """Call each operation on journals, locks and fences once; items are written in a turn that may be fenced."""
    turn, journal, running = store.fenced(CLAIM), store.journal, store.running
    await count("`add_thread_item`, in a turn", lambda: turn.add_thread_item("thr_00", answer("n4", TEXT), ALICE))
    await count("`save_item`, in a turn", lambda: turn.save_item("thr_00", answer("n4", TEXT + "!"), ALICE))
    await count("`delete_thread_item`, in a turn", lambda: turn.delete_thread_item("thr_00", "n4", ALICE))
    await count("`fence`", lambda: store.fence("thr_00", "another", ALICE))
    await count("`turns.find`", lambda: store.turns.find("turn-1", ALICE))
    await count("`turns.win`", lambda: store.turns.win("turn-1", "call-1", ALICE))
    await count("`running.begin`", lambda: running.begin("thr_00", "turn-1", CLAIM, ALICE, ["file_1"]))
    await count("`running.beat`", lambda: running.beat("thr_00", CLAIM, ALICE))
    await count("`running.find`", lambda: running.find("thr_00", ALICE))
    await count("`running.list`", lambda: running.list(ALICE))
    dead = replace(await running.find("thr_00", ALICE), taken=True)
    await count("`running.condemn`", lambda: running.condemn(dead, ALICE))
    await count("`running.end`", lambda: running.end("thr_00", CLAIM, ALICE, taken=True))
    for n, (first, words) in enumerate(((0, 25), (25, 50), (75, 100))):
        made = events(first, words, "answered" if n == 2 else None)
        await count(
            f"`journal.append`, {words} words", lambda made=made: journal.append("thr_00", "turn-1", made, ALICE)
        )
    await count("`journal.read`, all", lambda: journal.read("thr_00", "turn-1", ALICE))
    await count("`journal.read`, what follows", lambda: journal.read("thr_00", "turn-1", ALICE, 75))
    await count("`journal.read`, nothing new", lambda: journal.read("thr_00", "turn-1", ALICE, 175))
    return found


def events(first: int, words: int, end: str | None = None) -> Segment:
    """Return a segment of that many deltas of a word each, in the journal's format."""
    chosen = [f"{each} " for each in random.Random(first).choices(DOCUMENT.read_text().split(), k=words)]
    body = json.dumps([["t", "msg_0192f0c0aaaabbbbccccddddeeee", 0, chosen]], ensure_ascii=False)
    return Segment(first, words, body, CLAIM, end)


async def cost_of_a_journal(counting: Counting) -> Cost:
    """Count what lock and journal add to an answer of 20 s and 50 words a second."""
    caller = Caller("alice-attaches")
    store = counting.backend.store()
    counting.costs.take()
    await store.running.begin("thr_1", "turn-1", CLAIM, caller)
    for n in range(20):
        if n and n % 5 == 0:
            assert await store.running.beat("thr_1", CLAIM, caller)
        assert await store.journal.append(
            "thr_1", "turn-1", events(50 * n, 50, "answered" if n == 19 else None), caller
        )
    await store.running.end("thr_1", CLAIM, caller)
    return counting.costs.take()


async def costs_of_a_follower(counting: Counting) -> dict[str, Cost]:
    """Count the requests of another reader of a turn, each with the check of its sign-in."""
    caller, costs, found = request_context("alice-follows"), counting.costs, dict[str, Cost]()
    store = cast("DynamoStore[RequestContext]", counting.backend.store())
    limits = Limits(store.rates, LimitSettings(), store.access)
    await store.save_thread(thread(), caller)
    await store.turns.claim("turn-1", "thr_1", caller)
    await store.running.begin("thr_1", "turn-1", CLAIM, caller)
    for n in range(10):
        assert await store.journal.append("thr_1", "turn-1", events(50 * n, 50), caller)
    for name, after in (("snapshot after 10 s", None), ("new words", 450), ("nothing new", 500)):
        costs.take()
        await limits.own(REQUEST if after is None else FOLLOW, caller)
        await TurnReaders(store, limits).read("turn-1", after, caller)
        cost = costs.take()
        if after == 500:  # the thread is read during the journal's two reads, which may then look like one
            assert cost.round_trips in (4, 5)
            cost = replace(cost, round_trips=5)
        found[f"**a reader's request: {name}**"] = cost
    return found


async def cost_of_a_turn(counting: Counting, items: int) -> Cost:
    """Count a turn in a thread with that number of items, or the first turn of a thread."""
    caller, costs = Caller(f"alice-{items:05}-items"), counting.costs
    store = counting.backend.store(retention=timedelta(days=90), clock=Ticking())
    if items:
        await store.save_thread(thread(title="Budget"), caller)
        await store.add_thread_item("thr_1", answer("pattern", TEXT), caller)
        seed(counting.backend, counting.admin, caller, items - 1)
        costs.take()
        held = await store.load_thread("thr_1", caller)
    else:
        costs.take()
        held = Thread(**thread(title="Budget").model_dump(), items=Page())
        await store.save_thread(ThreadMetadata(**held.model_dump()), caller)
    await answer_a_message(store, held, caller)
    return costs.take()


async def answer_a_message(store: Any, held: ThreadMetadata, caller: Caller) -> None:
    """Call the store as ChatKit does for one message that is answered (server.py, agents.py)."""
    at = NOON + timedelta(days=1)
    await store.add_thread_item("thr_1", user_message("user", TEXT, at), caller)
    await store.load_thread_items("thr_1", None, 20, "desc", caller)  # the model's input
    await store.load_thread_items("thr_1", None, 2, "desc", caller)  # stream_agent_response looks for a workflow
    await store.add_thread_item("thr_1", answer("answer", TEXT, at), caller)
    held.metadata["response_id"] = "resp_1"
    await store.save_thread(held, caller)


def seed(backend: DynamoBackend, admin: Any, caller: Caller, number: int) -> None:
    """Write copies of the item `pattern` straight into the table."""
    key = {"pk": {"S": f"USER#{caller.user_id}#THREAD#thr_1"}, "sk": {"S": "ITEM#pattern"}}
    pattern = admin.get_item(TableName=backend.table, Key=key)["Item"]
    body = pattern["body"]["S"]
    for n in range(0, number, 25):
        ids = [f"msg_{m:05}" for m in range(n, min(n + 25, number))]
        items = [
            pattern
            | {"sk": {"S": f"ITEM#{each}"}, "ord": {"S": pattern["ord"]["S"][:-5] + each[-5:]}}
            | {"body": {"S": body.replace('"pattern"', f'"{each}"')}}
            for each in ids
        ]
        admin.batch_write_item(RequestItems={backend.table: [{"PutRequest": {"Item": item}} for item in items]})


def as_table(found: dict[str, Cost]) -> str:
    lines = ["| operation | round trips | requests | RCU | WCU |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {cost.round_trips} | {cost.requests} | {cost.read:g} | {cost.write:g} |"
        for name, cost in found.items()
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.promise("S3")
async def test_the_documented_costs_are_what_is_counted(counting: Counting) -> None:
    found = await rows(counting.backend, counting.costs)
    found["**first turn of a thread**"] = await cost_of_a_turn(counting, 0)
    small = await cost_of_a_turn(counting, 20)
    large = await cost_of_a_turn(counting, counting.long_thread)
    assert small == large

    found["**turn in a thread of 20 items**"] = found["**turn in a thread of 10 000 items**"] = small
    found["**lock and journal of a 20 s answer**"] = await cost_of_a_journal(counting)
    found |= await costs_of_a_follower(counting)
    documented = TABLE.search(DOCUMENT.read_text())
    assert documented, "docs/understand/data-model.md has no table of costs"
    assert documented[1] == as_table(found), f"\n{as_table(found)}"
