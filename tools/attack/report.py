"""Writes `docs/evidence/attack.md` from the result of `make attack`; a test compares the two.

python -m tools.attack.report
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools import ROOT
from tools.bench import results
from tools.bench.results import Result
from tools.bench.section import Goal, fold, goal_table, origin, table

DOCUMENT = ROOT / "docs" / "evidence" / "attack.md"
RESULT = "attack"
MOST = 1.5
HEAD = """\
# One hostile user

<!-- Made by `python -m tools.attack.report` from tools/bench/results/attack.json. A test compares: edit nothing. -->

`make attack` runs the ordinary users of `make soak` alone, then the same users while one signed-in user attacks with
everything that the penetration test found. The limits are the defaults, and the function's reserved concurrency is the
number of local processes. All processes, the clients and the model share the machine's cores, so the attack also costs
ordinary users CPU time here that Lambda's processes would not share.
"""


def goals(result: Result) -> list[Goal]:
    found = result.figures
    faults = server_faults(found["hostile"])
    return [
        Goal(
            "attack.first_word",
            "95th percentile of the time to the first word, with and without the attack",
            f"≤ {MOST} ×",
            f"{found['ratio']:.2f} ×",
            found["ratio"] <= MOST,
        ),
        Goal(
            "attack.refusals", "refused requests of ordinary users", "0", f"{found['refusals']}", not found["refusals"]
        ),
        Goal("attack.leaks", "leaks, and stored data that differ", "0", f"{found['leaks']}", not found["leaks"]),
        Goal("attack.faults", "the attacker's requests that ended in a 5xx", "0", f"{faults}", not faults),
    ]


def server_faults(hostile: Mapping[str, Mapping[str, int]]) -> int:
    return sum(
        count
        for outcomes in hostile.values()
        for outcome, count in outcomes.items()
        if any(status.startswith("5") for status in outcome.split())
    )


def document(result: Result) -> str:
    found = result.figures
    sent = sum(count for outcomes in found["hostile"].values() for count in outcomes.values())
    lead = (
        f"{found['ordinary_users']} ordinary users, {found['processes']} processes, {found['seconds']:.0f} s without "
        f"and {found['seconds']:.0f} s with the attack, in which the hostile user sent {sent:,} requests "
        f"({sent / found['seconds']:.0f} per second)."
    )
    return (
        "\n\n".join(
            [
                HEAD,
                goal_table(goals(result)),
                lead,
                phases(found),
                attacks(found),
                fold("Origin", origin(RESULT, result)),
            ]
        )
        + "\n"
    )


def phases(found: Mapping[str, Any]) -> str:
    rows = [
        [
            title,
            f"{phase['turns']}",
            *(f"{phase['first_word_ms'][name]:,} ms" for name in ("p50", "p95")),
            refused(phase),
        ]
        for title, phase in (("alone", found["alone"]), ("attacked", found["attacked"]))
    ]
    return table(["ordinary users", "turns", "median first word", "95th percentile", "refusals"], rows)


def refused(phase: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in phase["refusals"].items()) or "0"


def attacks(found: Mapping[str, Any]) -> str:
    rows = [
        [name, ", ".join(f"{outcome}: {count}" for outcome, count in outcomes.items())]
        for name, outcomes in found["hostile"].items()
    ]
    return table(["attack", "outcomes by status"], rows)


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(document(results.read(RESULT)))
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
