"""A month's bill of a stack: turns from counted units, and the charges that do not depend on turns.

    month = Month(users=500, turns_per_user=200, options=("SnapStart",))
    sum(line.dollars for line in month_bill(month, counted, answer_seconds=20, alarms=7))

Free quantities of an account are subtracted, as if the stack were alone in the account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.bench.cost.bill import MEMORY_MB, PRICES, Counted, Price, units

METRICS = 20
"""Custom metrics with their dimensions, at most; a metric costs only in hours in which it has values."""
SECONDS = 730 * 3600
VERSIONS = 3
"""Published versions that `make deploy` keeps: the live one and two for a rollback."""
RESTORES_PER_TURN = 0.02
"""Share of turns that start a process: an assumption for steady traffic."""
KEY_REQUESTS = 12 * 730 * 4
"""Two tables, a bucket and a secret that ask for their key every five minutes: an assumption."""
FIREWALL_RULES = 3
OTHER_REQUESTS_PER_TURN = 3
"""Lists, histories and updates between two turns: an assumption."""


@dataclass(frozen=True)
class Month:
    """Users of one month and their turns; `options` are keys of `OPTIONS`."""

    users: int
    turns_per_user: int
    options: tuple[str, ...] = ()

    @property
    def turns(self) -> int:
        return self.users * self.turns_per_user


@dataclass(frozen=True)
class Charge:
    """One line of a month's bill."""

    price: Price
    quantity: float

    @property
    def dollars(self) -> float:
        return self.price.of(max(0.0, self.quantity - self.price.free))


OPTIONS: Mapping[str, Callable[[Month], Mapping[str, float]]] = {
    "SnapStart=on": lambda month: {
        "snapshot_gb_seconds": VERSIONS * SECONDS * MEMORY_MB / 1_024,
        "restored_gb": month.turns * RESTORES_PER_TURN * MEMORY_MB / 1_024,
    },
    "KmsKeyArn": lambda _: {"keys": 1, "key_requests": KEY_REQUESTS},
    "WebAclArn": lambda month: {
        "web_acls": 1,
        "web_acl_rules": FIREWALL_RULES,
        "web_acl_requests": month.turns * (1 + OTHER_REQUESTS_PER_TURN),
    },
    "Entry=rest-api": lambda month: {"api_requests": month.turns * (1 + OTHER_REQUESTS_PER_TURN)},
    "Tracing=on": lambda month: {"traces": month.turns * (1 + OTHER_REQUESTS_PER_TURN) * 0.05},
    "federation": lambda month: {"federated_users": month.users},
}
"""Additional quantities of each option. X-Ray samples about five percent of the requests."""


def month_bill(month: Month, counted: Counted, answer_seconds: float, alarms: int) -> list[Charge]:
    """Return the charges of a month without unused prices; `alarms` is their number in the template."""
    quantities = {name: each * month.turns for name, each in units(counted, answer_seconds).items()}
    quantities |= {"secrets": 1, "alarms": alarms, "metrics": METRICS, "dashboards": 1}
    for option in month.options:
        quantities |= OPTIONS[option](month)
    if "federated_users" not in quantities:
        quantities["active_users"] = month.users
    return [Charge(PRICES[name], quantity) for name, quantity in quantities.items() if quantity]
