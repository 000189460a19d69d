"""Actions of the coach's cards.

    budget.save  {category, amount}   streamed: stores the budget and replaces the form by the budget's card
    budget.edit  {category}           immediate: replaces the card by the form
    transfer.undo {key}               streamed: takes a transfer back

Payloads come from the client and are validated like any input.
"""

from __future__ import annotations

import re
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

from assistant_kit.items import item_fields
from chat_api.assistant import Turn
from coach.accounts import CATEGORIES, Category, dollars
from coach.accounts_table import AccountsTable
from coach.tools.budgets import budget_report
from coach.widgets.cards import budget_card, budget_form, money, transfer_card
from languages import Speech

SAVE, EDIT, UNDO = "budget.save", "budget.edit", "transfer.undo"
TRANSFER_KEY = re.compile(r"apr_[0-9a-f]{36}")
MAX_DOLLARS = 1_000_000


class BudgetActions:
    """Saves budgets, and reopens their form."""

    def __init__(self, accounts: AccountsTable) -> None:
        self._accounts = accounts

    async def save(
        self, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn, today: date
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Store a budget, replace the form by its card, and inform the model by a hidden item.

        An invalid amount is reported at its field in the form.
        """
        category, cents = category_of(action), cents_of(action)
        speech = Speech(turn.context.locale)
        if category is None or cents is None:
            least, most = (money(f"${amount:,}", speech) for amount in (1, MAX_DOLLARS))
            fault = speech("Enter a budget between {least} and {most}.", least=least, most=most)
            if category is None or sender is None:
                yield NoticeEvent(level="warning", message=fault)
                return
            report = budget_report(await self._accounts.read(turn.context.user_id, today), today, category)
            form = budget_form(report, speech, fault)
            yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": form}))
            return
        await self._accounts.set_budget(turn.context.user_id, category, cents)
        report = budget_report(await self._accounts.read(turn.context.user_id, today), today, category)
        card = budget_card(report, speech)
        if sender is None:
            yield ThreadItemDoneEvent(item=WidgetItem(**_fields(thread, turn), widget=card))
        else:
            yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": card}))
        fact = f"The user set the monthly budget for {category} to {dollars(cents)}."
        yield ThreadItemDoneEvent(item=HiddenContextItem(**_fields(thread, turn), content=fact))

    async def edit(
        self, action: Action[str, Any], sender: WidgetItem | None, turn: Turn, today: date
    ) -> WidgetItem | None:
        """Replace the card by its form, store and return it; None for an unknown category or card."""
        category = category_of(action)
        if category is None or sender is None:
            return None
        report = budget_report(await self._accounts.read(turn.context.user_id, today), today, category)
        changed = sender.model_copy(update={"widget": budget_form(report, Speech(turn.context.locale))})
        await turn.store.save_item(sender.thread_id, changed, turn.context)
        return changed


async def undo_transfer(
    accounts: AccountsTable, thread: ThreadMetadata, action: Action[str, Any], sender: WidgetItem | None, turn: Turn
) -> AsyncIterator[ThreadStreamEvent]:
    """Take a transfer of the user back, change its card, and inform the model by a hidden item."""
    payload: Any = action.payload
    key = payload.get("key") if isinstance(payload, dict) else None  # pyright: ignore
    speech, undone = Speech(turn.context.locale), None
    if sender is not None and isinstance(key, str) and TRANSFER_KEY.fullmatch(key):
        undone = await accounts.undo_transfer(turn.context.user_id, key)
    if sender is None or undone is None:
        yield NoticeEvent(level="warning", message=speech("This transfer was taken back before, or does not exist."))
        return
    yield ThreadItemReplacedEvent(item=sender.model_copy(update={"widget": transfer_card(undone, speech, undone=True)}))
    fact = f"The user took back the transfer of {dollars(undone.cents)} from {undone.source} to {undone.target}."
    yield ThreadItemDoneEvent(item=HiddenContextItem(**_fields(thread, turn), content=fact))


def category_of(action: Action[str, Any]) -> Category | None:
    """Return the action's category; None for an unknown one."""
    named = action.payload.get("category") if isinstance(action.payload, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip
    return next((category for category in CATEGORIES if category == named), None)


def cents_of(action: Action[str, Any]) -> int | None:
    """Return the entered amount in cents; None if it is not a number between 1 and MAX_DOLLARS."""
    typed = action.payload.get("amount") if isinstance(action.payload, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip
    try:
        amount = Decimal(str(typed).strip().lstrip("$").replace(",", ""))  # pyright: ignore[reportUnknownArgumentType]
    except InvalidOperation:
        return None
    return round(amount * 100) if amount.is_finite() and 1 <= amount <= MAX_DOLLARS else None


def _fields(thread: ThreadMetadata, turn: Turn) -> dict[str, Any]:
    return item_fields("message", thread, turn.store, turn.context)
