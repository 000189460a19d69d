"""The assistant's widgets, client tools, effects, mentions and forms."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor


@pytest.mark.feature("budgets")
@pytest.mark.feature("page-panel")
@pytest.mark.scenario("widget action: set a budget")
async def test_cards_form_is_filled_in_and_becomes_the_budget(visitor: Visitor) -> None:
    await visitor.send("Set a budget for dining")
    await visitor.page.get_by_label("Dollars a month").fill("400")
    await visitor.page.get_by_role("button", name="Save", exact=True).click()

    await expect(visitor.page.get_by_role("button", name="Change")).to_be_visible()
    await expect(visitor.page.get_by_text("$400.00").first).to_be_visible()
    await visitor.panel.get_by_role("tab", name="Budgets").click()
    await expect(visitor.panel).to_contain_text("$400")


@pytest.mark.feature("client-tools")
@pytest.mark.feature("page-panel")
@pytest.mark.scenario("client tool: open a page")
async def test_client_tool_opens_the_page_and_the_turn_goes_on(visitor: Visitor) -> None:
    await visitor.submit("Open my budgets")

    await expect(visitor.panel.get_by_role("tab", name="Budgets")).to_have_attribute("aria-selected", "true")
    await expect(visitor.answer).to_contain_text("opened")
    await visitor.wait_until_idle()
    (output,) = visitor.posts("threads.add_client_tool_output")
    assert json.loads(output.post_data or "")["params"]["result"] == {"opened": "budgets"}


@pytest.mark.feature("client-effects")
@pytest.mark.scenario("effect: highlight a category")
async def test_effect_reaches_the_page(visitor: Visitor) -> None:
    await visitor.send("Highlight dining")

    await expect(visitor.page.get_by_text("dining is highlighted").first).to_be_attached()


@pytest.mark.feature("mentions")
@pytest.mark.scenario("mention an account")
async def test_mention_is_found_chosen_and_sent(visitor: Visitor) -> None:
    await visitor.message.press_sequentially("How is @cas")
    await visitor.page.get_by_role("option", name="Cash").click()
    await visitor.page.get_by_role("button", name="Send", exact=True).click()
    await visitor.wait_until_idle()

    (sent,) = visitor.posts("threads.create")
    content = json.loads(sent.post_data or "")["params"]["input"]["content"]
    assert [part["id"] for part in content if part["type"] == "input_tag"] == ["account:cash"]
    await expect(visitor.said).to_contain_text("@Cash")


@pytest.mark.feature("goals")
@pytest.mark.scenario("answer the questions of a form")
async def test_questions_are_answered_and_become_a_plan(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain")
    await visitor.sign_in(house.person())
    await visitor.send("I am saving for a boat")
    form = visitor.page.get_by_role("form", name="Questions")
    await form.get_by_role("textbox").first.fill("5000")
    await form.get_by_label("12 months").check()
    await form.get_by_role("button", name="Send answers").click()

    await expect(visitor.answer).to_contain_text("$416.67")
