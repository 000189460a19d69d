"""What happens when the user works with the coach's cards.

    budget.save  {category, amount}   streamed: the budget is stored, the form becomes the budget's card
    budget.edit  {category}           at once: the card becomes the form again

A payload is the client's word: it is checked like any input.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from chatkit.actions import Action
from chatkit.types import (
    HiddenContextItem,
    NoticeEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    WidgetItem,
)

from chat_api.assistant import Turn
from coach.accounts import CATEGORIES, Category, dollars
from coach.accounts_table import AccountsTable
from coach.new_items import beginning
from coach.tools.budgets import budget_report
from coach.widgets.cards import budget_card, budget_form

SAVE, EDIT = "budget.save", "budget.edit"
MAX_DOLLARS = 1_000_000


class BudgetActions:
    """The actions of one assistant's budgets."""

    def __init__(self, accounts: AccountsTable) -> None:
        self._accounts = accounts

    async def save(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn, today: date
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Store a budget and show it where the form was; the model knows of it from now on."""
        category, cents = category_of(action), cents_of(action)
        if category is None or cents is None:
            yield NoticeEvent(level="warning", message=f"A budget is an amount from 1 to {MAX_DOLLARS:,} dollars.")
            return
        await self._accounts.set_budget(turn.context.user_id, category, cents)
        report = budget_report(await self._accounts.read(turn.context.user_id, today), today, category)
        card = budget_card(report)
        if sender is None:
            yield ThreadItemDoneEvent(item=WidgetItem(**_beginning(thread, turn), widget=card))
        else:
            yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card}))
        told = f"The user set the monthly budget for {category} to {dollars(cents)}."
        yield ThreadItemDoneEvent(item=HiddenContextItem(**_beginning(thread, turn), content=told))

    async def edit(
        self, action: Action[str, Any], sender: WidgetItem | None, turn: Turn, today: date
    ) -> WidgetItem | None:
        """Put the form in the card's place, and store that; None when there is nothing to change."""
        category = category_of(action)
        if category is None or sender is None:
            return None
        report = budget_report(await self._accounts.read(turn.context.user_id, today), today, category)
        changed = sender.model_copy(update={"widget": budget_form(report)})
        await turn.store.save_item(sender.thread_id, changed, turn.context)
        return changed


def category_of(action: Action[str, Any]) -> Category | None:
    """Return the category an action is about, if it is one of ours."""
    named = action.payload.get("category") if isinstance(action.payload, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip
    return next((category for category in CATEGORIES if category == named), None)


def cents_of(action: Action[str, Any]) -> int | None:
    """Return the amount that was filled in, in cents; None when it is no amount that a budget can have."""
    typed = action.payload.get("amount") if isinstance(action.payload, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip
    try:
        amount = Decimal(str(typed).strip().lstrip("$").replace(",", ""))  # pyright: ignore[reportUnknownArgumentType]
    except InvalidOperation:
        return None
    return round(amount * 100) if amount.is_finite() and 1 <= amount <= MAX_DOLLARS else None


def _beginning(thread: ThreadMetadata, turn: Turn) -> dict[str, Any]:
    return beginning("message", thread, turn.store, turn.context)
