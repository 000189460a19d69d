"""In-depth analysis of the user's spending, shown step by step as a workflow and then on a growing card."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from datetime import date
from typing import Any, cast

from agents import RunContextWrapper, function_tool
from chatkit.types import ProgressUpdateEvent
from chatkit.widgets import DynamicWidgetRoot

from assistant_kit.steps import Steps
from coach.accounts import CATEGORIES, Ledger, dollars, months_before
from coach.context import CoachContext
from coach.tools.spending import MAX_MONTHS, by_month
from coach.widgets.cards import analysis_card, money
from languages import Sentence, Speech, say, translate

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


STEPS: dict[Sentence, Callable[[Ledger, date, int], Finding]] = {
    say("Add up every month"): monthly_totals,
    say("Compare the last month with earlier months"): biggest_changes,
    say("See where the money goes"): favourite_payees,
}


@function_tool
async def analyze_spending(run: RunContextWrapper[CoachContext], months: int) -> str:
    """Analyze all spending in depth: monthly totals, the biggest changes and the most paid payees. Takes a while.

    Args:
        months: How many months to look back from today, 2 to 12.
    """
    context, months = run.context, min(max(months, MIN_MONTHS), MAX_MONTHS)
    speech = context.speech
    text = speech("Analyzing {months} months", months=months)
    await context.stream(ProgressUpdateEvent(icon="analytics", text=text))
    ledger = (await context.finances()).ledger
    found: Finding = {"months": months}
    steps = Steps(context)
    for title, step in STEPS.items():
        await steps.begin(translate(title, speech.language))
        finding = step(ledger, context.today, months)
        found |= finding
        await steps.finish("; ".join(_lines(finding, speech)))
    await steps.end(speech("Analyzed {months} months", months=months))
    await context.stream_widget(_growing_card(found, speech), "\n".join(_lines(found, speech)))
    return json.dumps(found)


async def _growing_card(found: Finding, speech: Speech) -> AsyncGenerator[DynamicWidgetRoot, None]:
    """Yield the card with one more line each time. ChatKit sends the difference."""
    title, lines = speech("Your last {months} months", months=found["months"]), _lines(found, speech)
    for count in range(len(lines) + 1):
        yield analysis_card(title, "".join(f"- {line}\n" for line in lines[:count]), streaming=count < len(lines))


def _lines(found: Finding, speech: Speech) -> list[str]:
    lines = list[str]()
    for name, value in found.items():
        label = speech.term(name.replace("_", " ").capitalize())
        if isinstance(value, dict):
            for part, amount in cast("dict[str, str]", value).items():
                lines.append(f"{label}, {_part(part, speech)}: {money(amount, speech)}")
        elif isinstance(value, str):
            lines.append(f"{label}: {money(value, speech)}")
    return lines


def _part(name: str, speech: Speech) -> str:
    """Return the day on which a month ends, a category, or a payee, for people."""
    try:
        return speech.date(date.fromisoformat(name))
    except ValueError:
        return speech.term(name)
