"""Savings goals: a form with questions, and a plan based on the answers."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from agents import RunContextWrapper, function_tool
from chatkit.types import (
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    ThreadItemDoneEvent,
)

from assistant_kit.items import item_fields
from coach.accounts import ACCOUNTS, Goal, Ledger, dollars, mean_month, months_after, months_until
from coach.context import CoachContext

MAX_GOALS, MAX_NAME_CHARS, MAX_DOLLARS, MAX_MONTHS = 20, 80, 100_000_000, 600
HORIZONS = (6, 12, 24, 60)
"""Months to choose from."""


def goal_plan(ledger: Ledger, today: date, amount_dollars: int, months: int) -> dict[str, Any]:
    """Return the monthly amount that a goal needs, and the mean amounts saved and left over in the last six months."""
    amount, months = max(amount_dollars, 0) * 100, max(months, 1)
    saved, left = mean_month(ledger, today)
    return {
        "amount": dollars(amount),
        "months": months,
        "needed_per_month": dollars(-(-amount // months)),
        "saved_per_month": dollars(saved),
        "left_per_month": dollars(left),
    }


@function_tool
async def ask_about_goal(run: RunContextWrapper[CoachContext], goal: str) -> str:
    """Ask the user for a goal's cost, its time frame and the account to pay it from. Ends your turn.

    Args:
        goal: The goal in a few words, in the user's language.
    """
    context, speech = run.context, run.context.speech
    questions = [
        StructuredInputFreeform(id="amount", question=speech("{goal}: how much does it cost, in dollars?", goal=goal)),
        _choice(
            "horizon", speech("When do you need the money?"), [speech("{months} months", months=n) for n in HORIZONS]
        ),
        _choice(
            "account",
            speech("Which account should the money come from?"),
            [speech.term(name.capitalize()) for name in ACCOUNTS],
        ),
    ]
    item = item_fields("message", context.thread, context.store, context.request_context)
    await context.stream(ThreadItemDoneEvent(item=StructuredInputItem(**item, inputs=questions)))
    return "The form is shown. The answers arrive with the next turn."


@function_tool
async def plan_goal(run: RunContextWrapper[CoachContext], goal: str, amount_dollars: int, months: int) -> str:
    """Compute the monthly amount that a goal needs, and the amounts that the user saves and has left over now.

    The goal is saved: the page next to the chat shows it. A goal of the same name is replaced.

    Args:
        goal: The goal in a few words, in the user's language.
        amount_dollars: The cost of the goal.
        months: The number of months in which to reach it.
    """
    context = run.context
    finances = await context.finances()
    plan = goal_plan(finances.ledger, context.today, amount_dollars, months)
    saved = goal_of(goal, amount_dollars, months, context.today)
    known = {each.id for each in finances.goals}
    if saved is None or (saved.id not in known and len(known) >= MAX_GOALS):
        return json.dumps(plan | {"saved": False})
    await context.accounts.save_goal(context.request_context.user_id, saved)
    return json.dumps(plan | {"saved": True})


@function_tool
async def goals(run: RunContextWrapper[CoachContext]) -> str:
    """Read the user's saved goals, with the monthly amount that each needs."""
    finances, today = await run.context.finances(), run.context.today
    return json.dumps({"goals": [_needs(each, today) for each in finances.goals]})


def goal_of(name: str, amount_dollars: int, months: int, today: date) -> Goal | None:
    """Return a goal with a cleaned name and bounded values; None without a name or an amount."""
    cleaned = " ".join(name.split())[:MAX_NAME_CHARS]
    if not cleaned or not cleaned.isprintable() or amount_dollars < 1:
        return None
    until = months_after(today, min(max(months, 1), MAX_MONTHS))
    return Goal(cleaned, min(amount_dollars, MAX_DOLLARS) * 100, until)


def _needs(goal: Goal, today: date) -> dict[str, str]:
    per_month = -(-goal.cents // months_until(today, goal.until))
    return {
        "goal": goal.name,
        "amount": dollars(goal.cents),
        "until": goal.until.isoformat(),
        "needed_per_month": dollars(per_month),
    }


def _choice(name: str, question: str, values: Any) -> StructuredInputMultipleChoice:
    options = [StructuredInputMultipleChoiceOption(value=value) for value in values]
    return StructuredInputMultipleChoice(id=name, question=question, options=options)
