"""Prices and arithmetic: from counted units to dollars.

    lines = bill(units(counted, answer_seconds=2))
    sum(line.dollars for line in lines)           # dollars per 1 000 turns

The prices are those of `prices.toml`, which says where each was found.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` single units; the first `free` units of a month cost nothing."""

    title: str
    dollars: float
    per: float
    unit: str
    source: str
    free: float = 0

    def of(self, quantity: float) -> float:
        """Return the price of `quantity` single units in dollars, without a free quantity."""
        return quantity / self.per * self.dollars


_FILE = tomllib.loads((Path(__file__).parent / "prices.toml").read_text())
NOTED: str = _FILE.pop("noted")
REGION: str = _FILE.pop("region")
PRICES: Mapping[str, Price] = {name: Price(**price) for name, price in _FILE.items()}

TURNS = 1_000
MEMORY_MB = 1_024  # template.yaml; a test compares
OVERHEAD_SECONDS = 0.2
"""Time of a request besides the model's: a generous assumption."""
CHECKS_PER_SECOND = 2.5
"""A running turn checks every 0.4 s whether it was cancelled, for one read unit each."""
BEATS_PER_SECOND = 0.2
"""A running turn renews the lock of its thread every 5 s, for one write unit each."""
SEGMENTS_PER_SECOND = 1.0
"""A running turn adds a segment to its journal every second, for one write unit each up to 100 words."""
PLATFORM_LOG_BYTES = 350
"""Lambda's own log lines of an invocation (start, end, report): an assumption from memory."""


@dataclass(frozen=True)
class Counted:
    """Counted units of one turn, without its checks, beats and segments, which depend on its duration alone."""

    requests: int  # to the function; registering a file is a separate one
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
        """The multiplication that yields `dollars`."""
        return f"{TURNS:,} × {self.each_turn:,.6g} × ${self.price.dollars:.7g} / {self.price.unit}"


def units(counted: Counted, answer_seconds: float, memory_mb: int = MEMORY_MB) -> dict[str, float]:
    """Return the units of one turn by price, for an answer that streams for `answer_seconds`."""
    running = answer_seconds + OVERHEAD_SECONDS * counted.requests
    return {
        "lambda_gb_seconds": running * memory_mb / 1_024,
        "lambda_requests": counted.requests,
        "dynamodb_writes": counted.dynamodb_writes + (BEATS_PER_SECOND + SEGMENTS_PER_SECOND) * answer_seconds,
        "dynamodb_reads": counted.dynamodb_reads + CHECKS_PER_SECOND * answer_seconds,
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
    """Return the lines for `TURNS` turns, without unused prices."""
    return [
        Line(PRICES[name], quantity, TURNS * PRICES[name].of(quantity))
        for name, quantity in each_turn.items()
        if quantity
    ]


TURN_PRICES = tuple(units(Counted(*[0] * 10), answer_seconds=0))
"""Names of the prices that a turn's units have."""
