"""In-depth analysis of the user's spending, shown step by step as a workflow and then on a growing card."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from datetime import date
from typing import Any

from agents import RunContextWrapper, function_tool
from chatkit.types import ProgressUpdateEvent
from chatkit.widgets import DynamicWidgetRoot

from assistant_kit.steps import Steps
from coach.accounts import CATEGORIES, Ledger, dollars, months_before
from coach.context import CoachContext
from coach.tools.spending import MAX_MONTHS, by_month
from coach.widgets.cards import analysis_card

MIN_MONTHS = 2
SHOWN = 3

Finding = dict[str, Any]


def monthly_totals(ledger: Ledger, today: date, months: int) -> Finding:
    """Return the spending of each month and its mean."""
    totals = by_month(ledger, today, None, months)
    mean = round(sum(totals.values()) / months)
    return {"by_month": {end: dollars(cents) for end, cents in totals.items()}, "mean_per_month": dollars(mean)}


def biggest_changes(ledger: Ledger, today: date, months: int) -> Finding:
    """Return the categories whose last month differs most from the mean of the months before."""
    last, first = months_before(today, 1), months_before(today, months)
    changes = {
        name: ledger.spent(name, last).cents - round(ledger.spent(name, first, last).cents / (months - 1))
        for name in CATEGORIES
    }
    strongest = sorted(changes, key=lambda name: -abs(changes[name]))[:SHOWN]
    return {"last_month_against_mean": {name: dollars(changes[name]) for name in strongest}}


def favourite_payees(ledger: Ledger, today: date, months: int) -> Finding:
    """Return the payees that received the most money."""
    sums: dict[str, int] = {}
    for each in ledger.transactions:
        if each.category and months_before(today, months) < each.on <= today:
            sums[each.payee] = sums.get(each.payee, 0) - each.cents
    most = sorted(sums, key=lambda payee: -sums[payee])[:SHOWN]
    return {"most_paid_to": {payee: dollars(sums[payee]) for payee in most}}


STEPS: dict[str, Callable[[Ledger, date, int], Finding]] = {
    "Add up every month": monthly_totals,
    "Compare the last month with earlier months": biggest_changes,
    "See where the money goes": favourite_payees,
}


@function_tool
async def analyze_spending(run: RunContextWrapper[CoachContext], months: int) -> str:
    """Analyze all spending in depth: monthly totals, the biggest changes and the most paid payees. Takes a while.

    Args:
        months: How many months to look back from today, 2 to 12.
    """
    context, months = run.context, min(max(months, MIN_MONTHS), MAX_MONTHS)
    await context.stream(ProgressUpdateEvent(icon="analytics", text=f"Analyzing {months} months"))
    ledger = (await context.finances()).ledger
    found: Finding = {"months": months}
    steps = Steps(context)
    for title, step in STEPS.items():
        await steps.begin(title)
        finding = step(ledger, context.today, months)
        found |= finding
        await steps.finish("; ".join(_lines(finding)))
    await steps.end(f"Analyzed {months} months")
    await context.stream_widget(_growing_card(found), "\n".join(_lines(found)))
    return json.dumps(found)


async def _growing_card(found: Finding) -> AsyncGenerator[DynamicWidgetRoot, None]:
    """Yield the card with one more line each time. ChatKit sends the difference."""
    title, lines = f"Your last {found['months']} months", _lines(found)
    for count in range(len(lines) + 1):
        yield analysis_card(title, "".join(f"- {line}\n" for line in lines[:count]), streaming=count < len(lines))


def _lines(found: Finding) -> list[str]:
    lines = list[str]()
    for name, value in found.items():
        if isinstance(value, dict):
            lines += [f"{name.replace('_', ' ').capitalize()}, {part}: {amount}" for part, amount in value.items()]  # pyright: ignore[reportUnknownVariableType]  # fmt: skip
        elif isinstance(value, str):
            lines.append(f"{name.replace('_', ' ').capitalize()}: {value}")
    return lines
