"""A month's bill, and the page docs/operate/cost.md that is made from it."""

from __future__ import annotations

import re

import pytest

from tools.bench import results
from tools.bench.cost import month
from tools.bench.cost.bill import MEMORY_MB, NOTED, PRICES, Counted, units
from tools.bench.cost.month import OPTIONS, Charge, Month, month_bill
from tools.bench.cost.page import GROUPS, PAGE, page
from tools.stack.template import read_template

TURN = Counted(1, 10, 20, 0, 0, 2_000, 200, 20_000, 4_000, 0)


def dollars(lines: list[Charge]) -> float:
    return sum(line.dollars for line in lines)


def test_the_page_is_made_from_the_stored_counts() -> None:
    assert PAGE.read_text() == page(results.read("cost")), "run `python -m tools.bench.cost.page`"


def test_turns_cost_in_proportion_and_the_rest_does_not() -> None:
    empty, small, big = (month_bill(Month(users, 10), TURN, 20, alarms=7) for users in (0, 10, 1_000))

    assert dollars(empty) == pytest.approx(0.40 + 0.70 + 0.30 * month.METRICS)
    assert dollars(big) - dollars(empty) == pytest.approx(100 * (dollars(small) - dollars(empty)))


def test_free_quantities_are_subtracted_and_never_paid_back() -> None:
    assert Charge(PRICES["active_users"], 9_000).dollars == 0
    assert Charge(PRICES["active_users"], 10_100).dollars == pytest.approx(1.50)


def test_a_snapshot_costs_what_the_review_of_its_price_found() -> None:
    (one,) = [
        line
        for line in month_bill(Month(0, 0, ("SnapStart=on",)), TURN, 20, alarms=0)
        if line.price is PRICES["snapshot_gb_seconds"]
    ]
    assert one.dollars / month.VERSIONS == pytest.approx(6.8 * MEMORY_MB / 1769, abs=0.1)  # dollars a month and version


def test_users_of_an_identity_provider_are_not_counted_twice() -> None:
    federated = month_bill(Month(100, 1, ("federation",)), TURN, 20, alarms=0)
    assert [line.quantity for line in federated if line.price.unit.startswith("user")] == [100]


@pytest.mark.parametrize("option", OPTIONS)
def test_each_option_is_a_parameter_of_the_template_and_costs_something(option: str) -> None:
    parameters = read_template()["Parameters"]
    assert option == "federation" or option.partition("=")[0] in parameters
    month_ = Month(1_000, 1_000, (option,))
    assert dollars(month_bill(month_, TURN, 20, 7)) > dollars(month_bill(Month(1_000, 1_000), TURN, 20, 7))


def test_every_price_of_a_plain_stack_is_in_a_group_and_every_price_has_a_source_and_a_date() -> None:
    grouped = {name for names in GROUPS.values() for name in names}
    plain = {*units(TURN, 20), "alarms", "metrics", "dashboards", "secrets", "active_users", "federated_users"}

    assert grouped == plain
    assert all(price.source for price in PRICES.values())
    assert re.fullmatch(r"\w+ 20\d\d", NOTED)
