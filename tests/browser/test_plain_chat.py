"""The plain chat's own features: search, edit, shortcuts, export, and the history next to the conversation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.parametrize("wiring", ["plain"])

WIDE = {"width": 1500, "height": 900}


async def wide(house: House, enter: Enter, wiring: str) -> Visitor:
    visitor: Visitor = await enter(wiring, viewport=WIDE)
    await visitor.sign_in(house.person())
    return visitor


@pytest.mark.promise("F1")
@pytest.mark.feature("search")
@pytest.mark.scenario("search in the history")
async def test_search_leads_to_the_message(house: House, enter: Enter, wiring: str) -> None:
    visitor = await wide(house, enter, wiring)
    await visitor.send("What did the Café in LISBON cost?")
    await visitor.page.get_by_role("button", name="New conversation").click()

    await visitor.page.keyboard.press("Control+k")
    await visitor.page.keyboard.type("lisbon cafe")

    history = visitor.page.get_by_role("region", name="History")
    await expect(history.locator("mark")).to_have_text(["Café", "LISBON"])
    await visitor.page.keyboard.press("ArrowDown")
    await visitor.page.keyboard.press("Enter")
    await expect(visitor.said).to_have_text("What did the Café in LISBON cost?")
    assert visitor.page.url.partition("#")[2].startswith("/c/thr_")


@pytest.mark.feature("edit-message")
@pytest.mark.scenario("edit a message and send it again")
async def test_edit_replaces_message_and_answer(house: House, enter: Enter, wiring: str) -> None:
    visitor = await wide(house, enter, wiring)
    await visitor.send("Hello")
    await visitor.send("What are my balances?")

    await visitor.message.press("ArrowUp")
    editor = visitor.page.get_by_role("textbox", name="Edit message")
    await editor.fill("Hello again")
    await editor.press("Enter")
    await visitor.wait_until_idle()

    await expect(visitor.said).to_have_text(["Hello", "Hello again"])
    await visitor.page.reload()
    await expect(visitor.said).to_have_text(["Hello", "Hello again"])
    await expect(visitor.answers).to_have_count(2)


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("save a conversation as Markdown")
async def test_conversation_is_saved_as_a_file(house: House, enter: Enter, wiring: str, tmp_path: Path) -> None:
    visitor = await wide(house, enter, wiring)
    await visitor.send("Hello")

    async with visitor.page.expect_download() as started:
        await visitor.page.get_by_role("button", name="Save as Markdown").click()
    download = await started.value
    await download.save_as(tmp_path / "chat.md")

    assert download.suggested_filename.endswith(".md")
    text = (tmp_path / "chat.md").read_text()
    assert "## You\n\nHello\n\n## Answer\n\n" in text


@pytest.mark.feature("page-history")
@pytest.mark.scenario("history next to the conversation on a wide screen")
async def test_history_stands_next_to_the_conversation(house: House, enter: Enter, wiring: str) -> None:
    visitor = await wide(house, enter, wiring)
    history = visitor.page.get_by_role("region", name="History")
    await visitor.send("Hello")

    await expect(history.locator("[aria-current]")).to_have_count(1)
    await expect(history.get_by_role("heading", name="Today")).to_be_visible()
    left = await history.bounding_box()
    right = await visitor.message.bounding_box()
    assert left is not None
    assert right is not None
    assert left["x"] + left["width"] <= right["x"]

    await visitor.page.set_viewport_size({"width": 900, "height": 800})
    await expect(history).to_have_count(0)
    await expect(visitor.message).to_be_visible()


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("parts that load later: on demand, when idle, offline")
async def test_parts_that_load_later_are_there_when_used(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring, viewport=WIDE, locale="de-DE")
    page = visitor.page
    await page.route("**/assets/extras-*.js*", lambda route: route.abort())
    await page.goto(house.site.url)
    await page.get_by_role("button", name="Anmelden").click()
    await visitor.fill_in(house.person())
    await expect(page.get_by_role("textbox", name="Nachricht")).to_be_visible()

    await page.get_by_role("button", name="Tastenkürzel").click()
    await expect(visitor.alert).to_contain_text("nicht erreichbar")
    await page.unroute("**/assets/extras-*.js*")
    # At another address: not every browser requests one again whose import has failed.
    async with page.expect_request(re.compile(r"/assets/extras-[^/]*\.js\?")):
        await page.get_by_role("button", name="Tastenkürzel").click()
    await expect(page.get_by_role("dialog", name="Tastenkürzel")).to_be_visible()

    async with page.expect_response("**/assets/extras-*.js") as got:  # without a click
        await page.reload()
    await (await got.value).finished()
    await expect(page.get_by_role("textbox", name="Nachricht")).to_be_visible()
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Tastenkürzel").click()
    await expect(page.get_by_role("dialog", name="Tastenkürzel")).to_be_visible()
