"""Transfers between the user's own accounts, which the user approves on a card first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from agents import function_tool
from agents.tool_context import ToolContext
from chatkit.agents import AgentContext

from assistant_kit.approvals import Terms, at_most, bounded
from coach.accounts import ACCOUNTS, Account, Transfer, dollars
from coach.context import CoachContext
from coach.widgets.cards import money, transfer_card
from languages import Speech

MAX_DOLLARS = 1_000_000


def cents_of(amount: object) -> int | None:
    """Return an amount of dollars in whole cents; None unless it is between one cent and MAX_DOLLARS."""
    try:
        cents = Decimal(str(amount)) * 100
    except InvalidOperation:
        return None
    return int(cents) if cents.is_finite() and cents == int(cents) and 1 <= cents <= MAX_DOLLARS * 100 else None


def transfer_words(arguments: Mapping[str, Any], speech: Speech) -> str:
    """Return the question on the card. Raises ValueError for arguments that are not a transfer."""
    return speech("Move {amount} from {source} to {target}?", **_words(arguments, speech))


def always_words(arguments: Mapping[str, Any], speech: Speech) -> str:
    """Return the transfers that "Always allow" covers. Raises ValueError for arguments that are not a transfer."""
    return speech("transfers from {source} to {target}, each up to {amount}", **_words(arguments, speech))


def _words(arguments: Mapping[str, Any], speech: Speech) -> dict[str, str]:
    cents, source, target = (arguments.get(name) for name in ("amount_dollars", "source", "target"))
    whole = cents_of(cents)
    if whole is None or source not in ACCOUNTS or target not in ACCOUNTS or source == target:
        raise ValueError("not a transfer between two accounts")
    names = {name: speech.term(str(account).capitalize()) for name, account in (("source", source), ("target", target))}
    return {"amount": money(dollars(whole), speech), **names}


@function_tool(needs_approval=True)
async def transfer(run: ToolContext[CoachContext], amount_dollars: float, source: Account, target: Account) -> str:
    """Move money between two of the user's own accounts. The user approves it on a card before anything moves.

    Args:
        amount_dollars: The amount in dollars, with cents as decimals.
        source: The account that the money leaves.
        target: The account that gets the money.
    """
    context, cents = run.context, cents_of(amount_dollars)
    if cents is None or source == target:
        return json.dumps({"moved": False, "why": "the amount or the accounts are not valid"})
    booked = Transfer(run.tool_call_id, context.today, source, target, cents)
    # Days may have passed since the question, so the balance counts as it is now.
    if not await context.accounts.transfer(context.request_context.user_id, booked):
        return json.dumps({"moved": False, "why": f"{source} has less than {dollars(cents)}"})
    await context.stream_widget(transfer_card(booked, context.speech))
    return outcome_of(booked)


def outcome_of(booked: Transfer) -> str:
    """Return the tool's output for a transfer that is booked."""
    return json.dumps({"moved": dollars(booked.cents), "from": booked.source, "to": booked.target})


async def find_outcome(context: AgentContext[Any], key: str) -> str | None:
    """Return the output of the transfer with this key, if it is booked."""
    assert isinstance(context, CoachContext)
    booked = await context.accounts.find_transfer(context.request_context.user_id, key)
    return outcome_of(booked) if booked else None


TRANSFER_TERMS = Terms(
    transfer.name,
    transfer_words,
    version="dollars",
    find_outcome=find_outcome,
    always_allow=bounded("source", "target", amount_dollars=at_most),
    always_words=always_words,
)
