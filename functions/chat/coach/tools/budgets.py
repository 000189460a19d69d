"""Budgets: monthly spending limits that the user sets in a form."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from agents import RunContextWrapper, function_tool

from coach.accounts import Category, Finances, dollars, months_before
from coach.context import CoachContext
from coach.widgets.cards import budget_form


def budget_report(finances: Finances, today: date, category: Category) -> dict[str, Any]:
    """Return a category's budget (None: not set) and its spending in the month up to today."""
    budget = finances.budgets.get(category)
    spent = finances.ledger.spent(category, months_before(today, 1)).cents
    report: dict[str, Any] = {"category": category, "spent_last_month": dollars(spent), "budget": None}
    if budget is not None:
        report |= {"budget": dollars(budget), "left": dollars(budget - spent)}
    return report


@function_tool
async def set_budget(run: RunContextWrapper[CoachContext], category: Category) -> str:
    """Show a form for the monthly budget of one category. The budget is set only when the user saves the form."""
    report = budget_report(await run.context.finances(), run.context.today, category)
    await run.context.stream_widget(budget_form(report, run.context.speech))
    return json.dumps(report | {"form": "shown, waiting for the user"})


@function_tool
async def budgets(run: RunContextWrapper[CoachContext]) -> str:
    """Read the user's monthly budgets and the spending in each budgeted category."""
    finances = await run.context.finances()
    return json.dumps({"budgets": [budget_report(finances, run.context.today, name) for name in finances.budgets]})
