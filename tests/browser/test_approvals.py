"""Approvals in both chats: asked on one device and approved on another, denied with a reason, by keyboard, once."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor

ASK = "Move $200 to savings"


@pytest.mark.promise("P1")
@pytest.mark.feature("approvals")
@pytest.mark.parametrize("wiring", ["plain"], indirect=True)  # the stand-in for ChatKit has no form
@pytest.mark.scenario("approval: details, deny with a reason by keyboard")
async def test_call_is_denied_with_a_reason_by_keyboard(visitor: Visitor) -> None:
    page = visitor.page
    await visitor.submit(ASK)
    await expect(page.get_by_text("Move $200.00 from Cash to Savings?").first).to_be_visible()
    await visitor.wait_until_idle()

    await page.get_by_role("button", name="Details").click()
    await expect(page.get_by_text('"amount_dollars":200').first).to_be_visible()
    await visitor.wait_until_idle()
    reason = page.get_by_label("Reason, if you deny (optional)")
    await reason.focus()
    await page.keyboard.type("not this month")
    await page.keyboard.press("Enter")

    await expect(page.get_by_text("Denied; nothing was done").first).to_be_visible()
    await expect(page.get_by_text("Reason: not this month").first).to_be_visible()
    await expect(visitor.answer).to_contain_text("I left it, as you said.")
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)


@pytest.mark.promise("P2")
@pytest.mark.promise("P3")
@pytest.mark.feature("approvals")
@pytest.mark.scenario("approval: asked on one device, approved on another")
async def test_call_is_approved_on_another_device(house: House, enter: Enter, wiring: str) -> None:
    email = house.person()
    visitor: Visitor = await enter(wiring)
    await visitor.sign_in(email)
    await visitor.submit(ASK)
    await expect(visitor.page.get_by_role("button", name="Approve")).to_be_visible()
    await visitor.wait_until_idle()

    other: Visitor = await enter("plain")
    await other.sign_in(email)
    history = await other.open_history()
    await history.get_by_role("button", name="to savings").first.click()
    approve = other.page.get_by_role("button", name="Approve")
    await expect(approve).to_be_visible()
    await approve.dblclick()

    await expect(other.page.get_by_text("Approved and done").first).to_be_visible()
    await expect(other.answer).to_contain_text("$200.00 was moved")
    await other.wait_until_idle()
    await expect(other.page.get_by_text("Money moved")).to_have_count(1)
