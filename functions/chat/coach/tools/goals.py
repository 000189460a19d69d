"""Saving goals: questions asked in a form, and a plan that follows from the answers."""

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

from coach.accounts import ACCOUNTS, Ledger, dollars, mean_month
from coach.context import CoachContext
from coach.new_items import beginning

HORIZONS = ("6 months", "12 months", "24 months", "60 months")


def goal_plan(ledger: Ledger, today: date, amount_dollars: int, months: int) -> dict[str, Any]:
    """Return what a goal takes each month, beside what the user saved and had left in a mean month of the last six."""
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
    """Ask the user how much a goal costs, by when it should be reached and from which account. Ends your turn.

    Args:
        goal: The goal in a few words, in the user's language.
    """
    context = run.context
    questions = [
        StructuredInputFreeform(id="amount", question=f"{goal}: how much does it cost, in dollars?"),
        _choice("horizon", "When do you want to have the money?", HORIZONS),
        _choice("account", "Which account should it come from?", [name.capitalize() for name in ACCOUNTS]),
    ]
    item = beginning("message", context.thread, context.store, context.request_context)
    await context.stream(ThreadItemDoneEvent(item=StructuredInputItem(**item, inputs=questions)))
    return "The questions were shown; the answers come with the next turn."


@function_tool
async def plan_goal(run: RunContextWrapper[CoachContext], amount_dollars: int, months: int) -> str:
    """Work out what a goal takes each month, beside what the user saves and has left now.

    Args:
        amount_dollars: What the goal costs.
        months: In how many months it should be reached.
    """
    ledger = (await run.context.finances()).ledger
    return json.dumps(goal_plan(ledger, run.context.today, amount_dollars, months))


def _choice(name: str, question: str, values: Any) -> StructuredInputMultipleChoice:
    options = [StructuredInputMultipleChoiceOption(value=value) for value in values]
    return StructuredInputMultipleChoice(id=name, question=question, options=options)
