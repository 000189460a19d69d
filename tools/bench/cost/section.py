"""The report's section on the cost of 1 000 turns, with the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.bench.cost.bill import (
    BEATS_PER_SECOND,
    CHECKS_PER_SECOND,
    MEMORY_MB,
    NOTED,
    OVERHEAD_SECONDS,
    PLATFORM_LOG_BYTES,
    PRICES,
    REGION,
    SEGMENTS_PER_SECOND,
    TURN_PRICES,
    Counted,
    Line,
    bill,
    units,
)
from tools.bench.results import Result
from tools.bench.section import Section, table


def section(result: Result) -> Section:
    """Return the report's section."""
    bills = {name: bill_of(turn) for name, turn in result.figures["turns"].items()}
    first = next(iter(bills))
    total = sum(line.dollars for line in bills[first])
    details = [
        METHOD,
        table(["dollars per 1 000 turns", *bills], comparison(bills)),
        f"Lines of the bill for the {first}:",
        table(
            ["", "arithmetic", "$"],
            [[line.price.title, line.arithmetic, dollars(line.dollars)] for line in bills[first]],
        ),
        ASSUMPTIONS,
        f"List prices ({REGION}, first tier, no free tier), noted in {NOTED} and not verified with AWS:",
        table(["", "$", "per", "source"], [price_row(name) for name in TURN_PRICES]),
    ]
    return Section("Cost of 1 000 turns", LEAD.format(dollars=total), "\n\n".join(details))


def bill_of(turn: Mapping[str, Any]) -> list[Line]:
    return bill(units(Counted(**turn["counted"]), turn["answer_seconds"]))


def comparison(bills: Mapping[str, list[Line]]) -> list[list[str]]:
    """Return one row per price with one column per kind of turn, and a row of totals."""
    rows: list[list[str]] = []
    for price in map(PRICES.__getitem__, TURN_PRICES):
        cells = [sum(line.dollars for line in lines if line.price is price) for lines in bills.values()]
        if any(cells):
            rows.append([price.title, *(dollars(cell) if cell else "–" for cell in cells)])
    sums = [sum(line.dollars for line in lines) for lines in bills.values()]
    return [*rows, ["**total**", *(f"**{dollars(each)}**" for each in sums)]]


def dollars(amount: float) -> str:
    return f"{amount:.4f}"


def price_row(name: str) -> list[str]:
    price = PRICES[name]
    return [price.title, f"{price.dollars:.7g}", price.unit, price.source]


LEAD = "1 000 turns with an answer of two seconds cost ${dollars:.2f} on AWS, without the model."
METHOD = """\
Units are counted in real turns: the handler with its default settings and the sample assistant, against template.yaml
in the local AWS, in a thread of more than twenty items. DynamoDB's units are calculated from sizes by AWS's rules and
agree with the server's, as in the [data model](../understand/data-model.md#costs). A two-second answer is 100
words in as many events, a twenty-second one 1 000; the file is an image of half a megabyte, which needs a second
request for its registration. Storage is priced for one month. The largest part of a turn is Lambda's memory while it
waits for the model."""
ASSUMPTIONS = f"""\
Assumptions: a request takes {OVERHEAD_SECONDS} s besides the model's time, and Lambda's own log lines are
{PLATFORM_LOG_BYTES} bytes. From the code: {MEMORY_MB} MB on arm64, {CHECKS_PER_SECOND} checks for a cancellation,
{BEATS_PER_SECOND} renewals of the lock and {SEGMENTS_PER_SECOND:g} segment of the journal per second. The first 6 MB
of a streamed response and the transfer from Lambda to CloudFront are free. Not included: the model (for most answers
far more than the rest), cold starts, and monthly charges that do not depend on the turns (the secret, alarms, custom
metrics)."""
