"""The cost of a search in a thousand threads, counted and compared with docs/understand/data-model.md.

python -m pytest -s tests/integration/store/test_search_cost.py     # prints the table, with this machine's times
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import Any

import pytest

from store_dynamo.query import SearchQuery
from store_dynamo.search import MAX_THREADS, Found
from store_dynamo.testing import Caller
from store_dynamo.testing.models import NOON, answer, thread
from tests.fakes.dynamo_backend import DynamoBackend
from tools import ROOT
from tools.local.dynamodb_local import DynamoDBLocal

DOCUMENT = ROOT / "docs" / "understand" / "data-model.md"
ROW = r"\| {name} \| (\d+) \| ([\d,]+) \|"
ALICE = Caller("alice-searches")
THREADS, ITEMS = 1_000, 20
TEXT = "A sentence of an ordinary length, as people write them. " * 5


async def seed(backend: DynamoBackend, admin: Any) -> None:
    """Write one thread by the store, and copies of it straight into the table."""
    store = backend.store()
    await store.save_thread(thread("thr_0000", NOON, title="Money"), ALICE)
    await store.add_thread_item("thr_0000", answer("msg_00", TEXT, NOON), ALICE)
    user = f"USER#{ALICE.user_id}"
    get = admin.get_item
    pattern = get(TableName=backend.table, Key={"pk": {"S": user}, "sk": {"S": "THREAD#thr_0000"}})["Item"]
    partition = f"{user}#THREAD#thr_0000"
    item = get(TableName=backend.table, Key={"pk": {"S": partition}, "sk": {"S": "ITEM#msg_00"}})["Item"]
    records: list[Any] = []
    for n in range(THREADS):
        name, words = f"thr_{n:04}", TEXT + ("Lisbon" if n == 3 else "")  # the oldest but three
        order = pattern["ord"]["S"].split("#")
        order[1] = f"{int(order[1]) + n:020}"
        body = pattern["body"]["S"].replace("thr_0000", name)
        thread_record = {"sk": {"S": f"THREAD#{name}"}, "ord": {"S": "#".join((*order[:2], name))}, "body": {"S": body}}
        records.append(pattern | thread_record)
        for m in range(ITEMS):
            key = {"pk": {"S": f"{user}#THREAD#{name}"}, "sk": {"S": f"ITEM#msg_{m:02}"}}
            place = {"ord": {"S": item["ord"]["S"][:-5] + f"{m:05}"}}
            text = item["body"]["S"].replace(TEXT, words).replace("msg_00", f"msg_{m:02}")
            records.append(item | key | place | {"body": {"S": text}})
    for n in range(0, len(records), 25):
        puts: Any = [{"PutRequest": {"Item": each}} for each in records[n : n + 25]]
        admin.batch_write_item(RequestItems={backend.table: puts})


@pytest.mark.slow
@pytest.mark.promise("F1")
async def test_the_documented_cost_of_a_search_is_what_is_counted(
    dynamodb_local_backend: DynamoBackend, dynamodb_local_server: DynamoDBLocal
) -> None:
    backend = dynamodb_local_backend
    with closing(dynamodb_local_server.client()) as admin:
        await seed(backend, admin)
    units: list[float] = []

    def count(parsed: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity")
        units.append(consumed["CapacityUnits"] if isinstance(consumed, dict) else 0.0)

    backend.client.meta.events.register("after-call.dynamodb.*", count)
    store = backend.store()
    parts: list[Found] = []
    times: list[float] = []
    costs: list[float] = []
    after: str | None = None
    while True:
        units.clear()
        started = time.perf_counter()
        parts.append(await store.search.find(SearchQuery.parse("lisbon"), ALICE, after))
        times.append(time.perf_counter() - started)
        costs.append(sum(units))
        if (after := parts[-1].after) is None:
            break

    print(f"\nsearches {len(parts)}, units {[round(each) for each in costs]}, s {[round(each, 2) for each in times]}")
    assert [hit.thread.id for part in parts for hit in part.hits] == ["thr_0003"]
    assert max(part.threads for part in parts) <= MAX_THREADS
    documented = DOCUMENT.read_text()
    for name, cost in (("a search's first part", costs[0]), ("all 1,000 threads", sum(costs))):
        found = re.search(ROW.format(name=re.escape(name)), documented)
        assert found, f"docs/understand/data-model.md has no row {name!r}"
        assert abs(float(found[2].replace(",", "")) - cost) <= 0.02 * cost, f"{name}: {cost:.0f} units"
