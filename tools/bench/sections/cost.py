"""What 1 000 turns cost on AWS, with the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.bench.cost.bill import (
    LOOKS_PER_SECOND,
    MEMORY_MB,
    OVERHEAD_SECONDS,
    PLATFORM_LOG_BYTES,
    Counted,
    Line,
    bill,
    units,
)
from tools.bench.cost.prices import NOTED, PRICES, REGION
from tools.bench.results import Result
from tools.bench.section import Section, table


def section(result: Result) -> Section:
    """Return what `tools.bench.cost` counted, priced."""
    bills = {name: bill_of(turn) for name, turn in result.figures["turns"].items()}
    first = next(iter(bills))
    text = [
        INTRODUCTION,
        table(["dollars per 1 000 turns", *bills], comparison(bills)),
        f"Line by line, for the {first}:",
        table(
            ["", "arithmetic", "$"],
            [[line.price.what, line.arithmetic, dollars(line.dollars)] for line in bills[first]],
        ),
        ASSUMPTIONS,
        f"The prices are list prices ({REGION}, first tier, no free tier), noted in {NOTED} and not checked with AWS:",
        table(["", "$", "for", "as quoted by"], [price_row(name) for name in PRICES]),
    ]
    return Section("What 1 000 turns cost", "\n\n".join(text))


def bill_of(turn: Mapping[str, Any]) -> list[Line]:
    return bill(units(Counted(**turn["counted"]), turn["answer_seconds"]))


def comparison(bills: Mapping[str, list[Line]]) -> list[list[str]]:
    """Return a row for each price, a column for each kind of turn, and the sums."""
    rows: list[list[str]] = []
    for price in PRICES.values():
        cells = [sum(line.dollars for line in lines if line.price is price) for lines in bills.values()]
        if any(cells):
            rows.append([price.what, *(dollars(cell) if cell else "–" for cell in cells)])
    sums = [sum(line.dollars for line in lines) for lines in bills.values()]
    return [*rows, ["**together**", *(f"**{dollars(each)}**" for each in sums)]]


def dollars(amount: float) -> str:
    return f"{amount:.4f}"


def price_row(name: str) -> list[str]:
    price = PRICES[name]
    return [price.what, f"{price.dollars:.7g}", price.unit, price.source]


INTRODUCTION = """\
Units are counted in real turns: the handler with its default settings and the sample assistant, against template.yaml
in the local AWS, in a thread of more than twenty items. DynamoDB's are calculated by AWS's rules from sizes and agree
with what the server says, as in the [data model](../understand/data-model.md#what-it-costs). A two-second
answer is 100 words in as many events, a twenty-second one 1 000; the file is an image of half a megabyte, whose
registration is a second request. What is kept is priced for one month. Most of any turn is Lambda's memory waiting for
the model."""

ASSUMPTIONS = f"""\
Assumed, not counted: a request takes {OVERHEAD_SECONDS} s beside the model's time; Lambda's own log lines are
{PLATFORM_LOG_BYTES} bytes. From the code: {MEMORY_MB} MB on arm64, {LOOKS_PER_SECOND} looks a second whether to stop.
The first 6 MB of a streamed response cost nothing, and neither does what goes from Lambda to CloudFront. Not in here:
the model (for most answers far more than all of this), cold starts, and what is paid by the month however many turns
there are: the secret, alarms, custom metrics."""
