"""From counted units to dollars: pure arithmetic.

lines = bill(units(counted, shape))
sum(line.dollars for line in lines)           # dollars per 1 000 turns
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.bench.cost.prices import PRICES, Price

TURNS = 1_000
MEMORY_MB = 1_769  # template.yaml; a test compares
OVERHEAD_SECONDS = 0.1
"""What a request takes beside the model's time, generously: an assumption."""
LOOKS_PER_SECOND = 2.5
"""A running turn looks every 0.4 s whether it should stop (`chat_api.watch`), one read unit each."""
PLATFORM_LOG_BYTES = 350
"""Lambda's own lines of an invocation (start, end, report), from memory: an assumption."""


@dataclass(frozen=True)
class Counted:
    """What one turn was seen to do; looking whether to stop is left out, for it depends on the time alone."""

    requests: int  # to the function: a file's registration is one of its own
    dynamodb_reads: float
    dynamodb_writes: float
    s3_writes: int
    s3_reads: int
    log_bytes: int
    bytes_in: int
    bytes_out: int
    table_bytes: int
    file_bytes: int


@dataclass(frozen=True)
class Line:
    """One line of the bill, for `TURNS` turns."""

    price: Price
    each_turn: float
    dollars: float

    @property
    def arithmetic(self) -> str:
        """Return the multiplication that `dollars` is."""
        return f"{TURNS:,} × {self.each_turn:,.6g} × ${self.price.dollars:.7g} / {self.price.unit}"


def units(counted: Counted, answer_seconds: float) -> dict[str, float]:
    """Return how much of each price one turn takes whose answer streams for so long."""
    running = answer_seconds + OVERHEAD_SECONDS * counted.requests
    return {
        "lambda_gb_seconds": running * MEMORY_MB / 1_024,
        "lambda_requests": counted.requests,
        "dynamodb_writes": counted.dynamodb_writes,
        "dynamodb_reads": counted.dynamodb_reads + LOOKS_PER_SECOND * answer_seconds,
        "s3_writes": counted.s3_writes,
        "s3_reads": counted.s3_reads,
        "edge_requests": counted.requests,
        "edge_bytes_out": counted.bytes_out,
        "edge_bytes_in": counted.bytes_in,
        "log_bytes": counted.log_bytes + PLATFORM_LOG_BYTES * counted.requests,
        "table_bytes": counted.table_bytes,
        "file_bytes": counted.file_bytes,
    }


def bill(each_turn: Mapping[str, float]) -> list[Line]:
    """Return the lines of `TURNS` turns, what is not used left out."""
    return [
        Line(PRICES[name], quantity, TURNS * PRICES[name].of(quantity))
        for name, quantity in each_turn.items()
        if quantity
    ]
