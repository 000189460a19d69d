"""The store: do long threads cost what short ones cost?"""

from __future__ import annotations

from tools.bench.results import Result
from tools.bench.section import Goal, Section, number, table

LARGEST_RATIO = 1.2


def section(result: Result) -> Section:
    """Return what `tools.bench.store` found."""
    figures = result.figures
    sizes = figures["items"]
    rows = [
        [f"{title} of 20 items, ms", *(number(figures[f"{name}_ms"][size]) for size in sizes)]
        for name, title in {"first_page": "first page", "middle_page": "page in the middle"}.items()
    ]
    for name in ("turn", "deletion"):
        costs = [figures[name][size] for size in sizes]
        rows.append([f"{name}, requests", *(str(sum(each["requests"].values())) for each in costs)])
        rows.append([f"{name}, units", *(f"{each['units']:g}" for each in costs)])
    header = ["thread of …", *(f"{items:,} items" for items in sizes.values())]
    ratio = figures["first_page_ratio"]
    equal = all(figures[name]["short"] == figures[name]["long"] for name in ("turn", "deletion"))
    goals = [
        Goal(
            "store.page",
            "first page of a long thread ÷ a short one's",
            f"≤ {LARGEST_RATIO} ×",
            f"{ratio:.2f} ×",
            ratio <= LARGEST_RATIO,
        ),
        Goal(
            "store.cost",
            "requests and units of a turn and a deletion, long thread",
            "a short one's",
            "equal" if equal else "more",
            equal,
        ),
    ]
    text = TEXT.format(server=figures["server"], rounds=figures["rounds"])
    return Section("The store", f"{text}\n\n{table(header, rows)}", goals)


TEXT = """\
Against `{server}`, a development server: its milliseconds are good for ratios only (medians of {rounds} rounds).
Units are as that server says; [what each operation costs](../understand/data-model.md#what-it-costs) by AWS's
rules is in the data model."""
