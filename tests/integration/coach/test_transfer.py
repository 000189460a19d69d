"""The coach's transfer, over HTTP with the local model: asked, approved, carried out once, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.coach.conftest import Reply, Talk
from tests.unit.chat_api.test_approvals import buttons, texts


async def press(talk: Talk, card: Any, label: str, **fields: str) -> Reply:
    action = buttons(card["widget"])[label]
    payload = action["payload"] | fields
    return await talk.stream(
        "threads.custom_action", item_id=card["id"], action={"type": action["type"], "payload": payload}
    )


async def cents(talk: Talk) -> dict[str, int]:
    async with talk.world.client() as client:
        accounts = (await client.get("/chatkit/overview")).json()["accounts"]
    return {account["id"]: account["cents"] for account in accounts}


@pytest.mark.promise("P1")
@pytest.mark.promise("P2")
@pytest.mark.feature("approvals")
async def test_money_moves_once_after_the_approval_and_can_be_taken_back(talk: Talk) -> None:
    card = (await talk.say("move $200 to savings")).item("widget")
    before = await cents(talk)
    assert "Move $200.00 from Cash to Savings?" in texts(card["widget"])

    done = await press(talk, card, "Approve")
    again = await press(talk, card, "Approve")
    moved = await cents(talk)

    assert moved == before | {"cash": before["cash"] - 20_000, "savings": before["savings"] + 20_000}
    assert done.text == "Done: $200.00 was moved."
    assert again.text == ""
    receipt = done.item("widget")
    assert await cents(talk) == moved
    taken = await press(talk, receipt, "Undo")
    once_more = await press(talk, receipt, "Undo")
    assert await cents(talk) == before
    assert "Transfer taken back" in str(taken.events)
    assert "taken back before" in str(once_more.events)


@pytest.mark.promise("P1")
async def test_a_denial_moves_nothing(talk: Talk) -> None:
    card = (await talk.say("transfer 50.25 from investing to cash")).item("widget")
    before = await cents(talk)
    assert "Move $50.25 from Investing to Cash?" in texts(card["widget"])

    denied = await press(talk, card, "Deny", reason="not now")

    assert (denied.text, await cents(talk)) == ("I left it, as you said.", before)


@pytest.mark.promise("P1")
async def test_what_is_missing_when_the_user_decides_is_not_moved(talk: Talk) -> None:
    """The balance is checked when the money moves, not when the question is asked."""
    card = (await talk.say("move $900000 to savings")).item("widget")
    before = await cents(talk)

    done = await press(talk, card, "Approve")

    assert (done.text, await cents(talk)) == ("You approved it; it was not possible.", before)


@pytest.mark.promise("P5")
@pytest.mark.feature("allowances")
async def test_money_moves_without_a_card_only_between_the_same_accounts_and_up_to_the_amount(talk: Talk) -> None:
    card = (await talk.say("move $200 to savings")).item("widget")
    await press(talk, card, "Always allow")
    before = await cents(talk)

    covered = await talk.say("move $150 to savings")
    moved = await cents(talk)
    assert moved == before | {"cash": before["cash"] - 15_000, "savings": before["savings"] + 15_000}
    assert covered.text == "Done: $150.00 was moved."
    assert "transfers from Cash to Savings, each up to $200.00" in str(covered.events)
    for order in ("move $201 to savings", "move $1 from investing to savings", "move $1 from savings to cash"):
        assert "Approve" in buttons((await talk.say(order)).item("widget")["widget"])
    assert await cents(talk) == moved
