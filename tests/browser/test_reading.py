"""Reading and writing in the plain chat: places, spaces, drafts and addresses, as geometry and computed styles."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor
from tests.pace import Pace

PARAGRAPHS = "repeat: " + "\n\n".join(f"paragraph {n}" for n in range(60))
LEFT = "(() => { const l = document.querySelector('.pc-log'); return l.scrollHeight - l.scrollTop - l.clientHeight })()"


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(house: House, enter: Enter) -> Visitor:
    visitor: Visitor = await enter("plain")
    await visitor.sign_in(house.person())
    return visitor


async def style(visitor: Visitor, selector: str, name: str) -> str:
    """Return a computed style of the first element."""
    return str(await visitor.run(f"getComputedStyle(document.querySelector({selector!r})).getPropertyValue({name!r})"))


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("stop keeps the draft")
async def test_stop_does_not_send_the_draft(visitor: Visitor, pace: Pace) -> None:
    pace.hold()
    await visitor.submit("simulate long 60")
    await expect(visitor.answer).to_contain_text("Saving")
    await visitor.message.fill("a draft that is not finished")

    await visitor.stop()
    await visitor.wait_until_idle()

    await expect(visitor.message).to_have_value("a draft that is not finished")
    await expect(visitor.said).to_have_count(1)
    assert visitor.posts("threads.add_user_message") == []


@pytest.mark.feature("page-looks")
@pytest.mark.scenario("space between the parts of an answer")
async def test_paragraphs_lists_and_notices_have_space(visitor: Visitor) -> None:
    await visitor.send("repeat: One.\n\nTwo.\n\n- a\n- b\n\n| x | y |\n|---|--:|\n| 1 | 2 |")

    gaps = await visitor.run(
        "[...document.querySelectorAll('article.pc-answer .pc-markdown')].at(-1).children.length > 3 &&"
        "[...[...document.querySelectorAll('article.pc-answer .pc-markdown')].at(-1).children].slice(1)"
        ".map((part) => part.getBoundingClientRect().top -"
        " part.previousElementSibling.getBoundingClientRect().bottom)"
    )
    assert gaps
    assert all(gap >= 8 for gap in gaps)
    assert await style(visitor, ".pc-disclaimer", "padding-left") == "12px"
    assert await style(visitor, "td[data-align=right]", "text-align") == "end"
    assert await style(visitor, ".pc-mentions textarea", "border-bottom-width") == "0px"  # one box with the tools


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("own message in sight, jump to latest")
async def test_own_message_is_in_sight_and_a_reader_is_left_alone(visitor: Visitor, pace: Pace) -> None:
    await visitor.send(PARAGRAPHS)
    log = visitor.page.locator(".pc-log")
    latest = visitor.page.get_by_role("button", name="Jump to latest")
    await expect(latest).to_have_count(0)

    await log.evaluate("log => { log.scrollTop -= 60 }")  # a little way up is up
    await expect(latest).to_be_visible()
    pace.hold()
    await visitor.submit("simulate long 60")
    await expect(visitor.answer).to_contain_text("Saving")
    assert await visitor.run(LEFT) < 30

    await log.evaluate("log => { log.scrollTop = 0 }")
    pace.finish()
    await visitor.wait_until_idle()
    assert await log.evaluate("log => log.scrollTop") == 0
    await latest.click()
    assert await visitor.run(LEFT) < 30


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("a form taller than the window is shown from its start")
async def test_a_tall_form_is_shown_from_its_first_question(house: House, enter: Enter) -> None:
    """U29: it was shown from its end, with its first question out of sight."""
    visitor: Visitor = await enter("plain", viewport={"width": 375, "height": 420})
    await visitor.sign_in(house.person())
    await visitor.submit("I want to save for a bike")
    await expect(visitor.page.locator(".pc-log form")).to_be_visible()
    await visitor.wait_until_idle()

    above, below = await visitor.run(
        "(() => { const box = (name) => document.querySelector(name).getBoundingClientRect();"
        " const form = box('.pc-log form'), log = box('.pc-log');"
        " return [form.top - log.top, form.bottom - log.bottom] })()"
    )
    assert below > 0, "the form is not taller than the conversation"
    assert above >= 0


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("drafts by conversation")
async def test_a_draft_survives_reload_and_another_conversation(visitor: Visitor) -> None:
    await visitor.send("What are my balances?")
    await visitor.message.fill("line1\nline2")
    await visitor.page.reload()
    await expect(visitor.message).to_have_value("line1\nline2")

    await visitor.page.get_by_role("button", name="New conversation").click()
    await expect(visitor.message).to_have_value("")
    await visitor.page.go_back()
    await expect(visitor.message).to_have_value("line1\nline2")


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("links, back, forward, tab title")
async def test_conversations_have_addresses_and_titles(visitor: Visitor) -> None:
    await visitor.send("What are my balances?")
    await expect(visitor.page).to_have_url(re.compile(r"#/c/thr_\w+$"))
    first = visitor.page.url
    await expect(visitor.page).to_have_title(re.compile(r"balances · Spendo", re.IGNORECASE))
    await visitor.page.get_by_role("button", name="New conversation").click()
    await visitor.send("What did I spend by category?")

    await visitor.page.go_back()
    await visitor.page.go_back()
    await expect(visitor.page).to_have_url(first)
    await expect(visitor.said).to_have_text("What are my balances?")
    await visitor.page.go_forward()
    await visitor.page.go_forward()
    await expect(visitor.said).to_have_text("What did I spend by category?")

    await visitor.page.goto(first)
    await visitor.page.reload()
    await expect(visitor.said).to_have_text("What are my balances?")


@pytest.mark.parametrize("size", [(320, 568), (667, 375), (320, 256), (1920, 1080)], ids=str)
@pytest.mark.feature("page-looks")
@pytest.mark.scenario("small windows: everything can be reached")
async def test_a_small_window_shows_the_greeting_and_the_conversation(
    house: House, enter: Enter, size: tuple[int, int]
) -> None:
    visitor: Visitor = await enter("plain", viewport={"width": size[0], "height": size[1]})
    await visitor.sign_in(house.person())
    above = await visitor.run(
        "(() => { const top = (name) => document.querySelector(name).getBoundingClientRect().top;"
        " document.querySelector('.pc-start').scrollTop = 0; return top('.pc-start') - top('.pc-greeting') })()"
    )
    assert above <= 0

    await visitor.send("What are my balances?")
    log = await visitor.page.locator(".pc-log").bounding_box()
    assert log is not None
    assert log["height"] >= min(120, size[1] / 3), f"the conversation has {log['height']} px"
    wider = await visitor.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0


@pytest.mark.feature("page-looks")
async def test_the_placeholder_can_be_read(house: House, enter: Enter) -> None:
    """4.5:1 on its background, in the dark as well (WCAG 1.4.3)."""
    visitor: Visitor = await enter("plain", color_scheme="dark")
    await visitor.sign_in(house.person())
    contrast = await visitor.run("""
      (() => {
        const field = document.querySelector('.pc-mentions textarea');
        const channels = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number).map((each) => {
          const share = each / 255;
          return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        const light = (color) => { const [r, g, b] = channels(color); return 0.2126 * r + 0.7152 * g + 0.0722 * b };
        const colors = [getComputedStyle(field, '::placeholder').color, getComputedStyle(field).backgroundColor];
        const [a, b] = colors.map(light);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      })()""")
    assert contrast >= 4.5
