"""Approvals in both chats: asked on one device and approved on another, denied with a reason, by keyboard, once."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.test_looks import found_by_axe, press_until
from tests.browser.visitor import Visitor

ASK = "Move $200 to savings"


async def asked_on_one_device(house: House, enter: Enter, wiring: str) -> tuple[Visitor, Visitor]:
    """Ask for a transfer, and open its conversation on a second device."""
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
    return visitor, other


@pytest.mark.promise("P1")
@pytest.mark.feature("approvals")
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
    [denial] = visitor.posts("approval.deny")
    assert '"reason":"not this month"' in (denial.post_data or "")


@pytest.mark.promise("P2")
@pytest.mark.feature("approvals")
@pytest.mark.scenario("approval: a second click on an old card is told so")
async def test_second_click_is_told_that_it_was_decided(house: House, enter: Enter, wiring: str) -> None:
    visitor, other = await asked_on_one_device(house, enter, wiring)
    await other.page.get_by_role("button", name="Deny").click()
    await expect(other.answer).to_contain_text("I left it, as you said.")

    await visitor.page.get_by_role("button", name="Approve").click()

    await expect(visitor.page.get_by_text("This was decided before. Nothing was done again.")).to_be_visible()
    await expect(visitor.page.get_by_text("Denied; nothing was done").first).to_be_visible()
    await expect(visitor.page.get_by_text("Money moved")).to_have_count(0)


@pytest.mark.promise("P1")
@pytest.mark.feature("approvals")
@pytest.mark.scenario("approval: screen reader and keyboard only, axe")
async def test_card_is_read_and_decided_without_sight_and_mouse(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain")
    await visitor.sign_in(house.person())
    page, question = visitor.page, "Move $200.00 from Cash to Savings?"
    await visitor.message.focus()
    await page.keyboard.type(ASK)
    await page.keyboard.press("Enter")
    waiting = page.get_by_role("group", name=f"Your approval is needed: {question}")
    await expect(waiting).to_be_visible()
    await visitor.wait_until_idle()
    status = page.get_by_role("status").filter(has_text=question)
    await expect(status).to_have_text(f"Your approval is needed: {question}")
    await expect(waiting).to_match_aria_snapshot(WAITING)
    assert await found_by_axe(visitor) == []

    await press_until(visitor, "Shift+Tab", "Details")
    await page.keyboard.press("Enter")
    await expect(waiting.get_by_text('"amount_dollars":200')).to_be_visible()
    await visitor.wait_until_idle()
    await expect(waiting).to_be_focused()  # what comes next is the card's own field
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Reason, if you deny (optional)")).to_be_focused()
    await press_until(visitor, "Tab", "Approve")
    await page.keyboard.press("Enter")

    done = page.get_by_role("group", name=f"Approved and done: {question}")
    await expect(done).to_be_visible()
    await expect(status).to_have_text(f"Approved and done: {question}")
    await visitor.wait_until_idle()
    await expect(done.get_by_role("button")).to_have_count(0)
    await expect(visitor.message).to_be_focused()
    assert await found_by_axe(visitor) == []


WAITING = """
- 'group "Your approval is needed: Move $200.00 from Cash to Savings?"':
  - paragraph: Your approval is needed
  - paragraph: Move $200.00 from Cash to Savings?
  - paragraph: /You can decide until .* UTC\\./
  - paragraph: /“Always allow” covers from now on/
  - text: Reason, if you deny (optional)
  - textbox "Reason, if you deny (optional)"
  - button "Approve"
  - button "Always allow"
  - button "Deny"
  - button "Details"
"""


@pytest.mark.promise("P5")
@pytest.mark.feature("allowances")
@pytest.mark.scenario("approval: always allowed, then revoked")
async def test_transfers_are_always_allowed_until_they_are_revoked(visitor: Visitor) -> None:
    page, words = visitor.page, "transfers from Cash to Savings, each up to $200.00"
    await visitor.submit(ASK)
    await page.get_by_role("button", name="Always allow").click()
    await expect(visitor.answer).to_contain_text("$200.00 was moved")
    await visitor.wait_until_idle()

    await visitor.send("Move $150 to savings")
    await expect(page.get_by_text("Always allowed, and done").first).to_be_visible()
    await expect(visitor.answer).to_contain_text("$150.00 was moved")
    await expect(page.get_by_role("button", name="Approve")).to_have_count(0)

    await page.get_by_role("button", name="Account").click()
    await page.locator("summary", has_text="Always allowed").click()
    await expect(page.locator("#account").get_by_text(words)).to_be_visible()
    await page.get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("Revoked: the assistant asks again.")).to_be_visible()
    await page.keyboard.press("Escape")

    await visitor.submit("Move $150 to savings")
    await expect(page.get_by_role("button", name="Approve")).to_be_visible()


@pytest.mark.promise("P2")
@pytest.mark.promise("P3")
@pytest.mark.feature("approvals")
@pytest.mark.scenario("approval: asked on one device, approved on another")
async def test_call_is_approved_on_another_device(house: House, enter: Enter, wiring: str) -> None:
    _, other = await asked_on_one_device(house, enter, wiring)
    approve = other.page.get_by_role("button", name="Approve")
    await expect(approve).to_be_visible()
    await approve.dblclick()

    await expect(other.page.get_by_text("Approved and done").first).to_be_visible()
    await expect(other.answer).to_contain_text("$200.00 was moved")
    await other.wait_until_idle()
    await expect(other.page.get_by_text("Money moved")).to_have_count(1)
