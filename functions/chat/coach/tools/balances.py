"""Account balances."""

from __future__ import annotations

import json
from typing import Any

from agents import RunContextWrapper, function_tool

from coach.accounts import ACCOUNTS, Ledger, dollars
from coach.context import CoachContext
from coach.widgets.cards import as_text, balances_card


def balance_sheet(ledger: Ledger) -> dict[str, Any]:
    """Return each account's balance and their sum."""
    cents = {account: ledger.balance(account) for account in ACCOUNTS}
    return {
        "accounts": [{"name": name.capitalize(), "balance": dollars(amount)} for name, amount in cents.items()],
        "total": dollars(sum(cents.values())),
    }


@function_tool
async def balances(run: RunContextWrapper[CoachContext]) -> str:
    """Read the user's account balances: cash, savings and investing, and their total."""
    sheet = balance_sheet((await run.context.finances()).ledger)
    await run.context.stream_widget(balances_card(sheet, run.context.speech), as_text(sheet, run.context.speech))
    return json.dumps(sheet)
