"""From the panel to the chat: questions by a click, budgets and goals changed in place, conversations found."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor


@pytest.mark.feature("page-panel-chat")
@pytest.mark.scenario("a click in the panel asks about it")
async def test_a_click_on_a_category_asks_about_it(visitor: Visitor) -> None:
    await visitor.panel.get_by_role("button", name="Dining").click()
    await expect(visitor.message).to_be_focused()
    await expect(visitor.message).to_have_value("How did my spending on @Dining develop in the last 6 months?")

    await visitor.page.get_by_role("button", name="Send", exact=True).click()

    await expect(visitor.answer).to_contain_text("on dining in the last 6 months")
    sent = visitor.posts("threads.create")[0].post_data or ""
    assert '"id":"category:dining"' in sent


@pytest.mark.feature("panel-changes")
@pytest.mark.scenario("a budget is set in the panel; a planned goal is saved and removed")
async def test_budgets_and_goals_change_in_the_panel(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain")
    await visitor.sign_in(house.person())
    panel = visitor.panel
    await panel.get_by_role("tab", name="Budgets").click()
    await panel.get_by_role("button", name="Set a budget for Dining").click()
    await panel.get_by_label("Budget for Dining").fill("412.50")
    await visitor.page.keyboard.press("Enter")
    await expect(panel).to_contain_text("of $412.50")
    assert visitor.posts("threads.create") == []

    await panel.get_by_role("tab", name="Goals").click()
    await panel.get_by_role("button", name="Plan a goal").click()
    form = visitor.page.get_by_role("form").filter(has_text="how much does it cost")
    await form.get_by_role("textbox").first.fill("3000")
    await form.get_by_role("radio", name="12 months").check()
    await form.get_by_role("radio", name="Savings").check()
    await form.get_by_role("button").last.click()
    await expect(panel).to_contain_text("$250.00 a month until")
    await visitor.page.reload()
    await expect(panel.get_by_role("tab", name="Goals")).to_be_visible()
    await panel.get_by_role("tab", name="Goals").click()
    await panel.get_by_role("button", name="Remove the goal").click()

    await expect(panel.get_by_role("button", name="Remove the goal")).to_have_count(0)


@pytest.mark.feature("page-commands")
@pytest.mark.scenario("ChatKit: conversations found from the header and from the / menu")
async def test_conversations_are_found_around_chatkits_component(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("official")
    await visitor.sign_in(house.person())
    await visitor.send("What are my balances?")
    await visitor.page.get_by_role("button", name="New conversation").click()
    await expect(visitor.said).to_have_count(0)

    await visitor.page.get_by_role("button", name="Find a conversation").click()
    dialog = visitor.page.get_by_role("dialog", name="Find a conversation")
    await dialog.get_by_role("searchbox").fill("balances")
    await dialog.get_by_role("listitem").first.get_by_role("button").click()
    await expect(visitor.said).to_have_text("What are my balances?")
    await expect(dialog).to_have_count(0)
    header = visitor.page.get_by_role("banner")
    await expect(header.get_by_role("heading", name="What are my balances")).to_be_visible()
    assert (await visitor.page.title()).startswith("What are my balances · ")

    await visitor.page.get_by_role("button", name="New conversation").click()
    await visitor.message.fill("/balances")
    await visitor.page.get_by_role("listbox", name="Commands").get_by_role("option").first.click()

    await expect(visitor.said).to_have_text("What are my balances?")
