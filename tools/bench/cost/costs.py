"""Cost of DynamoDB requests, reported by the server (`ReturnConsumedCapacity`) and calculated by AWS's rounding rules.

    with Costs(client, admin, table, as_dynamodb_local) as costs:
        await store.load_thread("thr_1", context)
        costs.take()      # Cost(round_trips=1, requests=1, read=1.0, write=0.0)

The calculation reads the written records before and after each write with a separate client. Rules:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html and LSI.html (a write that
changes a projected attribute writes the index entry too); sizes: CapacityUnitCalculations.html.

Both are compared as far as each server counts like AWS. DynamoDB Local is the reference for reads and single writes
(its sums for transactions are inconsistent, and it counts nothing for an empty query). MiniStack is the reference for
all writes: it reports one 4 KB for every GetItem and Query, nothing for a BatchGetItem, and counts index entries once
in a transaction, where AWS performs every write twice. A write whose condition fails costs as much as one that
succeeds, but neither server reports that.

Sequential requests are separate round trips: each request is delayed until no other has arrived for a moment.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

TOGETHER_SECONDS = 0.03
KB = 1_024


@dataclass(frozen=True)
class Cost:
    round_trips: int
    requests: int
    read: float
    write: float


@dataclass(frozen=True)
class Units:
    """Capacity units of one request. In a transaction, writes cost twice as much."""

    read: float = 0.0
    table: float = 0.0
    index: float = 0.0
    per_read: float = 1.0
    """Units of 4 KB: one, or half a unit if the read is not strongly consistent."""
    empty: bool = False
    """Whether a query found nothing."""


@dataclass
class Counted:
    round_trips: int = 0
    requests: int = 0
    units: list[Units] = field(default_factory=list[Units])
    faults: list[str] = field(default_factory=list[str])


def as_dynamodb_local(operation: str, units: Units) -> float | None:
    if units.empty:
        return 0.0
    return None if operation == "TransactWriteItems" else units.read + units.table + units.index


def as_ministack(operation: str, units: Units) -> float | None:
    if units.read:
        return 0.0 if operation == "BatchGetItem" else units.per_read
    return units.table + units.index / (2 if operation == "TransactWriteItems" else 1)


class Costs:
    def __init__(self, client: Any, admin: Any, table: str, expect: Callable[[str, Units], float | None]) -> None:
        self._expect = expect
        self._client = client
        self._admin = admin
        self._table = table
        self._lock = threading.Lock()
        self._in_flight = 0
        self._last_arrival = 0.0
        self._before: dict[int, list[Any]] = {}
        self._counted = Counted()

    def __enter__(self) -> Self:
        for name, hook in self._hooks():
            self._client.meta.events.register(name, hook)
        return self

    def __exit__(self, *_: object) -> None:
        for name, hook in self._hooks():
            self._client.meta.events.unregister(name, hook)

    def _hooks(self) -> list[tuple[str, Any]]:
        return [("provide-client-params.dynamodb.*", self._begin), ("after-call.dynamodb.*", self._end)]

    def take(self) -> Cost:
        """Return the cost since the last call. Raises AssertionError when calculation and server differ."""
        counted, self._counted = self._counted, Counted()
        assert not counted.faults, counted.faults
        read = sum(each.read for each in counted.units)
        return Cost(counted.round_trips, counted.requests, read, sum(each.table + each.index for each in counted.units))

    def _begin(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        with self._lock:
            self._counted.round_trips += 0 if self._in_flight else 1
            self._counted.requests += 1
            self._in_flight += 1
            self._last_arrival = time.monotonic()
        while time.monotonic() - self._last_arrival < TOGETHER_SECONDS:
            time.sleep(TOGETHER_SECONDS / 6)
        context["cost"] = params, [self._record(key) for key, _ in written(params)]

    def _end(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        params, before = context["cost"]
        if model.name in ("GetItem", "BatchGetItem", "Query"):
            units = read_units(model.name, params, parsed)
        else:
            units = write_units(params, before, [self._record(key) for key, _ in written(params)])
        answer: Any = parsed.get("ConsumedCapacity", [])
        answers: list[dict[str, float]] = answer if isinstance(answer, list) else [answer]  # pyright: ignore[reportUnknownVariableType]
        reported = sum(each["CapacityUnits"] for each in answers)
        expected = reported if "Error" in parsed else self._expect(model.name, units)
        with self._lock:
            self._in_flight -= 1
            self._counted.units.append(units)
            if expected is not None and reported != expected:
                self._counted.faults.append(f"{model.name}: the server reports {reported}, not {expected}, for {units}")

    def _record(self, key: Any) -> Any:
        return self._admin.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")


def size(record: Any) -> int:
    """Return an item's size in bytes."""
    if record is None:
        return 0
    return sum(len(name) + value_size(value) for name, value in record.items())


def value_size(value: Any) -> int:
    ((kind, content),) = value.items()
    if kind == "BOOL":
        return 1
    if kind == "SS":
        return sum(len(each.encode()) for each in content)
    if kind == "L":
        return 3 + sum(1 + value_size(each) for each in content)
    if kind == "N":
        return math.ceil(len(content.strip("-0.") or "0") / 2) + 1
    return len(content.encode()) if kind == "S" else len(content)


def written(params: dict[str, Any]) -> list[tuple[Any, str]]:
    """Return key and verb of each record that a request writes or checks."""
    if "TransactItems" in params:
        actions = [next(iter(each.items())) for each in params["TransactItems"]]
        return [(key_of(body), verb) for verb, body in actions]
    if "RequestItems" in params or "KeyConditionExpression" in params:
        return []
    return [(key_of(params), "Write")]


def key_of(body: dict[str, Any]) -> Any:
    return body.get("Key") or {name: body["Item"][name] for name in ("pk", "sk")}


def read_units(operation: str, params: dict[str, Any], answer: dict[str, Any]) -> Units:
    """Return the units of a read: one per 4 KB, at least one, and half of that if it is not strongly consistent."""
    per_read = 1.0 if params.get("ConsistentRead", operation == "BatchGetItem") else 0.5  # a batch has it per table

    def pages(total: int) -> int:
        return max(1, math.ceil(total / (4 * KB)))

    if operation == "GetItem":
        found = pages(size(answer.get("Item")))
    elif operation == "Query":
        found = pages(sum(map(size, answer["Items"])))
    else:
        ((table, requests),) = params["RequestItems"].items()
        items = answer["Responses"].get(table, [])
        found = sum(pages(size(each)) for each in items) + len(requests["Keys"]) - len(items)
    return Units(read=found * per_read, per_read=per_read, empty=operation == "Query" and not answer["Items"])


def write_units(params: dict[str, Any], before: list[Any], after: list[Any]) -> Units:
    """Return the units of a write: one per KB of the larger image and of the index entry, twice in a transaction."""
    factor = 2.0 if "TransactItems" in params else 1.0
    table, index = 0.0, 0.0
    for (_, verb), old, new in zip(written(params), before, after, strict=True):
        table += factor * max(1, math.ceil(max(size(old), size(new)) / KB))
        if verb != "ConditionCheck" and old != new:
            index += factor * index_units(old, new)
    return Units(table=table, index=index)


def index_units(old: Any, new: Any) -> int:
    old_entry, new_entry = (each if each and "ord" in each else None for each in (old, new))
    if old_entry and new_entry and old_entry["ord"] != new_entry["ord"]:
        return sum(math.ceil(size(each) / KB) for each in (old_entry, new_entry))
    return math.ceil(max(size(old_entry), size(new_entry)) / KB)
