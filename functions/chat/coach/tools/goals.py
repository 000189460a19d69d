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
from coach.accounts import ACCOUNTS, Ledger, dollars, mean_month
from coach.context import CoachContext

HORIZONS = ("6 months", "12 months", "24 months", "60 months")


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
    context = run.context
    questions = [
        StructuredInputFreeform(id="amount", question=f"{goal}: how much does it cost, in dollars?"),
        _choice("horizon", "When do you need the money?", HORIZONS),
        _choice("account", "Which account should the money come from?", [name.capitalize() for name in ACCOUNTS]),
    ]
    item = item_fields("message", context.thread, context.store, context.request_context)
    await context.stream(ThreadItemDoneEvent(item=StructuredInputItem(**item, inputs=questions)))
    return "The form is shown. The answers arrive with the next turn."


@function_tool
async def plan_goal(run: RunContextWrapper[CoachContext], amount_dollars: int, months: int) -> str:
    """Compute the monthly amount that a goal needs, and the amounts that the user saves and has left over now.

    Args:
        amount_dollars: The cost of the goal.
        months: The number of months in which to reach it.
    """
    ledger = (await run.context.finances()).ledger
    return json.dumps(goal_plan(ledger, run.context.today, amount_dollars, months))


def _choice(name: str, question: str, values: Any) -> StructuredInputMultipleChoice:
    options = [StructuredInputMultipleChoiceOption(value=value) for value in values]
    return StructuredInputMultipleChoice(id=name, question=question, options=options)
