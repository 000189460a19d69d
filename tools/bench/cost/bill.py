"""Prices and arithmetic: from counted units to dollars.

    lines = bill(units(counted, answer_seconds=2))
    sum(line.dollars for line in lines)           # dollars per 1 000 turns

The prices are AWS's list prices in dollars, us-east-1, first tier, without free tiers and discounts. They were written
without internet access: each names the public page that quoted it, or says that it is from memory. Check them at
https://calculator.aws before you rely on them. Other regions may cost 10 to 20 % more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOTED = "November 2026"
REGION = "us-east-1"


@dataclass(frozen=True)
class Price:
    """`dollars` for `per` single units."""

    title: str
    dollars: float
    per: float
    unit: str
    source: str

    def of(self, quantity: float) -> float:
        """Return the price of `quantity` single units in dollars."""
        return quantity / self.per * self.dollars


GB = 1_000_000_000
MILLION = 1_000_000
PRICES: Mapping[str, Price] = {
    "lambda_gb_seconds": Price(
        "Lambda, arm64", 0.0000133334, 1, "GB-second", "cloudchipr.com/blog/aws-lambda-pricing, 2024"
    ),
    "lambda_requests": Price("Lambda, requests", 0.20, MILLION, "million", "from memory"),
    "dynamodb_writes": Price(
        "DynamoDB, write units", 0.625, MILLION, "million", "airbyte.com/…/dynamodb-pricing, July 2025"
    ),
    "dynamodb_reads": Price(
        "DynamoDB, read units", 0.125, MILLION, "million", "airbyte.com/…/dynamodb-pricing, July 2025"
    ),
    "s3_writes": Price("S3, PUT and COPY", 0.005, 1_000, "thousand", "c3x.dev/blog/s3-request-fees-explained"),
    "s3_reads": Price("S3, GET and HEAD", 0.0004, 1_000, "thousand", "c3x.dev/blog/s3-request-fees-explained"),
    "edge_requests": Price(
        "CloudFront, requests", 0.01, 10_000, "10 000", "wring.co/blog/aws-cloudfront-pricing-guide"
    ),
    "edge_bytes_out": Price("CloudFront, to the browser", 0.085, GB, "GB", "aws.amazon.com/cloudfront/pricing"),
    "edge_bytes_in": Price("CloudFront, to the function", 0.02, GB, "GB", "from memory"),
    "log_bytes": Price("CloudWatch, log ingestion", 0.50, GB, "GB", "factualminds.com, June 2026"),
    "table_bytes": Price(
        "DynamoDB, storage for a month, with backup", 0.45, GB, "GB-month", "from memory (0.25 + 0.20)"
    ),
    "file_bytes": Price("S3, storage for a month", 0.023, GB, "GB-month", "from memory"),
}

TURNS = 1_000
MEMORY_MB = 1_769  # template.yaml; a test compares
OVERHEAD_SECONDS = 0.1
"""Time of a request besides the model's: a generous assumption."""
CHECKS_PER_SECOND = 2.5
"""A running turn checks every 0.4 s whether it was cancelled, for one read unit each."""
PLATFORM_LOG_BYTES = 350
"""Lambda's own log lines of an invocation (start, end, report): an assumption from memory."""


@dataclass(frozen=True)
class Counted:
    """Counted units of one turn, without its checks for a cancellation, which depend on its duration alone."""

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


def units(counted: Counted, answer_seconds: float) -> dict[str, float]:
    """Return the units of one turn by price, for an answer that streams for `answer_seconds`."""
    running = answer_seconds + OVERHEAD_SECONDS * counted.requests
    return {
        "lambda_gb_seconds": running * MEMORY_MB / 1_024,
        "lambda_requests": counted.requests,
        "dynamodb_writes": counted.dynamodb_writes,
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
