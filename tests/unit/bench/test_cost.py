"""The cost of turns: the arithmetic, and the agreement of the counted units with the documents."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from chat_api.turn import Timing
from tools import ROOT
from tools.bench import results
from tools.bench.cost.bill import (
    BEATS_PER_SECOND,
    CHECKS_PER_SECOND,
    MEMORY_MB,
    PLATFORM_LOG_BYTES,
    PRICES,
    SEGMENTS_PER_SECOND,
    Counted,
    bill,
    units,
)
from tools.bench.cost.section import bill_of, comparison, section
from tools.stack.template import read_template

TURN_PAGE = ROOT / "docs" / "understand" / "turns.md"
NOTHING = Counted(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
TURN = Counted(
    requests=1, dynamodb_reads=10, dynamodb_writes=16, s3_writes=2, s3_reads=3, log_bytes=1650,
    bytes_in=200, bytes_out=20_000, table_bytes=4_000, file_bytes=500_000,
)  # fmt: skip
TURNS: dict[str, Any] = results.read("cost").figures["turns"]


def test_units_of_a_turn_are_what_was_counted_and_what_takes_time() -> None:
    found = units(TURN, answer_seconds=2)
    assert found["lambda_gb_seconds"] == pytest.approx(2.2)  # seconds of 1,024 MB
    assert found["dynamodb_reads"] == 10 + 5  # two and a half checks per second
    assert found["dynamodb_writes"] == pytest.approx(16 + 0.4 + 2)  # a beat each five seconds, a segment a second
    assert found["log_bytes"] == 1650 + PLATFORM_LOG_BYTES
    assert found["lambda_requests"] == found["edge_requests"] == 1
    assert set(found) <= set(PRICES)


def test_the_journal_costs_at_most_a_twentieth_of_a_twenty_second_turn() -> None:
    counted = Counted(**TURNS["20 s answer"]["counted"])
    whole = sum(line.dollars for line in bill(units(counted, answer_seconds=20)))
    (journal,) = bill({"dynamodb_writes": 20 * SEGMENTS_PER_SECOND})

    assert journal.dollars <= 0.05 * (whole - journal.dollars)


def test_a_registration_is_a_request_with_its_own_time_and_log_lines() -> None:
    found = units(replace(TURN, requests=2), answer_seconds=2)
    assert found["lambda_gb_seconds"] == pytest.approx(2.4)
    assert found["log_bytes"] == 1650 + 2 * PLATFORM_LOG_BYTES


@pytest.mark.parametrize(
    ("name", "quantity", "dollars"),
    [
        ("lambda_gb_seconds", 1.0, 0.0133334),
        ("lambda_requests", 1, 0.0002),
        ("dynamodb_writes", 16, 0.01),
        ("dynamodb_reads", 8, 0.001),
        ("s3_writes", 2, 0.01),
        ("s3_reads", 1, 0.0004),
        ("edge_requests", 1, 0.001),
        ("edge_bytes_out", 1_000_000, 0.085),
        ("edge_bytes_in", 1_000_000, 0.02),
        ("log_bytes", 2_000, 0.001),
        ("table_bytes", 10_000, 0.0045),
        ("file_bytes", 1_000_000, 0.023),
    ],
)
def test_a_thousand_turns_cost_a_thousand_times_the_price(name: str, quantity: float, dollars: float) -> None:
    (line,) = bill({name: quantity})
    assert line.dollars == pytest.approx(dollars)


def test_what_is_not_used_is_not_on_the_bill() -> None:
    assert bill(units(NOTHING, answer_seconds=0)) == []


@pytest.mark.parametrize("name", TURNS)
def test_the_arithmetic_that_is_shown_gives_the_dollars(name: str) -> None:
    for line in bill_of(TURNS[name]):
        thousand, quantity, dollars = (
            float(each.replace(",", ""))
            for each in re.findall(r"(?<![\w/])\$?([\d,.]+(?:e-?\d+)?)", line.arithmetic)[:3]
        )
        assert thousand * quantity * dollars / line.price.per == pytest.approx(line.dollars, rel=1e-4)


def test_the_sums_are_of_the_lines() -> None:
    bills = {name: bill_of(turn) for name, turn in TURNS.items()}
    for column, lines in enumerate(bills.values(), 1):
        assert comparison(bills)[-1][column] == f"**{sum(line.dollars for line in lines):.4f}**"
    assert "source" in section(results.read("cost")).details


def test_memory_and_looks_are_those_of_the_template_and_the_code() -> None:
    assert read_template()["Parameters"]["MemorySize"]["Default"] == MEMORY_MB
    assert pytest.approx(1 / Timing().cancel_poll) == CHECKS_PER_SECOND
    assert pytest.approx(1 / Timing().beat) == BEATS_PER_SECOND
    assert pytest.approx(1 / Timing().journal) == SEGMENTS_PER_SECOND


def documented() -> dict[str, tuple[float, float]]:
    """Return (RCU, WCU) of each operation in docs/understand/data-model.md."""
    text = (ROOT / "docs" / "understand" / "data-model.md").read_text()
    rows = re.findall(r"^\| (.+?) \| \d+ \| \d+ \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    return {name: (float(read), float(write)) for name, read, write in rows}


@pytest.mark.parametrize(("name", "more_kilobytes"), [("2 s answer", 1), ("20 s answer", 4)])
def test_the_writes_of_a_turn_are_those_of_the_data_model(name: str, more_kilobytes: int) -> None:
    """The data model's table assumes items of half a kilobyte; each further kilobyte costs four units."""
    table = documented()
    add = table["`add_thread_item`, no retention"][1]
    guards = 8  # claim, lock, access, the counter of the day, shared budget, seat, tokens, unlock
    assert "the guards of a turn cost eight write units" in " ".join(TURN_PAGE.read_text().split())
    more = TURNS[name]["counted"]["dynamodb_writes"] - guards - 2 * add
    assert more % 4 == 0
    assert 0 <= more <= 4 * more_kilobytes


def test_a_first_turn_also_makes_and_titles_the_thread() -> None:
    table = documented()
    ordinary = TURNS["2 s answer"]["counted"]["dynamodb_writes"]
    first = TURNS["2 s answer, first of a thread"]["counted"]["dynamodb_writes"]
    made = table["`save_thread`, new"][1] + table["`set_automatic_title`"][1]
    assert 0 <= first - ordinary - made <= 1  # a save that conflicts with the title's is repeated
