"""Layout and accessibility: widths, themes, keyboard, axe, and screenshots for review.

The screenshots are written to `.local/screenshots`; `tests.browser.pictures` makes the documentation's from them.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import SCREENSHOTS, Enter, House
from tests.browser.visitor import PASSWORD, Visitor
from tools import ROOT

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 375, "height": 740}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
SIZES = {"desktop": DESKTOP, "phone": PHONE}
SERIOUS = ("serious", "critical")


async def found_by_axe(visitor: Visitor) -> list[str]:
    """Return axe's serious findings on the current page. The debugger injects axe under the active content policy."""
    await visitor.run(f"{AXE.read_text()}; 0")
    passed: int
    found: list[dict[str, Any]]
    passed, found = await visitor.run("axe.run().then(({ violations, passes }) => [passes.length, violations])")
    assert passed > 10, "axe checked nothing"
    return [
        f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


async def overflow(visitor: Visitor) -> int:
    """Return the number of pixels by which the page is wider than its window."""
    root = "document.documentElement"
    return int(await visitor.run(f"{root}.scrollWidth - {root}.clientWidth"))


async def picture(visitor: Visitor, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await visitor.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.feature("page-looks")
@pytest.mark.scenario("looks, axe: desktop, phone × light, dark")
async def test_every_view_is_accessible_and_fits(house: House, enter: Enter, size: str, theme: str) -> None:
    email, visitor = house.person(), await enter("plain", **SIZES[size], color_scheme=theme)
    found: dict[str, list[str]] = {}

    async def look(view: str) -> None:
        assert await overflow(visitor) <= 0, f"{view} is too wide"
        found[view] = await found_by_axe(visitor)
        await picture(visitor, f"{view}-{size}-{theme}")

    await visitor.page.goto(house.site.url)
    await expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    await look("welcome")
    await visitor.page.get_by_role("button", name="Sign in").click()
    await expect(visitor.page.get_by_label("Password")).to_be_visible()
    await look("sign-in")
    await visitor.fill_in(email)
    await expect(visitor.message).to_be_visible()
    await look("start")
    await visitor.send("What did I spend by category in the last 3 months?")
    await look("conversation")
    await visitor.send("Set a budget for dining")
    await visitor.page.get_by_label("Dollars a month").fill("400")
    await visitor.page.get_by_role("button", name="Save", exact=True).click()
    await expect(visitor.page.get_by_role("button", name="Change")).to_be_visible()
    await visitor.wait_until_idle()
    await look("budget")
    if not await visitor.panel.is_visible():
        await visitor.page.get_by_role("button", name="My money").click()
    await visitor.panel.get_by_role("tab", name="Budgets").click()
    await expect(visitor.panel).to_contain_text("$400")
    await look("panel")

    assert [each for view in found.values() for each in view] == []


@pytest.mark.feature("page-looks")
@pytest.mark.scenario("theme of the system, then of the user")
async def test_theme_follows_the_system_until_one_is_chosen(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring, color_scheme="dark")
    await visitor.sign_in(house.person())
    root = visitor.page.locator("html")
    await expect(root).to_have_attribute("data-theme", "dark")

    await visitor.page.get_by_role("button", name="Account").click()
    await visitor.page.get_by_role("radio", name="Light").check(force=True)
    await expect(root).to_have_attribute("data-theme", "light")
    await visitor.page.reload()

    await expect(root).to_have_attribute("data-theme", "light")


@pytest.mark.feature("page-looks")
@pytest.mark.scenario("375 px wide: no sideways scroll")
async def test_phone_shows_chat_and_panel_without_scrolling_sideways(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring, **PHONE)
    await visitor.sign_in(house.person())
    await visitor.send("What are my balances?")
    widths = [await overflow(visitor)]
    await visitor.page.get_by_role("button", name="My money").click()
    await expect(visitor.panel).to_be_visible()
    widths.append(await overflow(visitor))

    assert widths == [0, 0]


@pytest.mark.feature("page-looks")
@pytest.mark.scenario("keyboard only")
async def test_everything_is_reached_by_keyboard(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain")
    keyboard = visitor.page.keyboard
    await visitor.page.goto(house.site.url)
    await expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    await press_until(visitor, "Tab", "Sign in")
    await keyboard.press("Enter")
    await press_until(visitor, "Tab", "Email address")
    await keyboard.type(house.person())
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await expect(visitor.message).to_be_visible()
    await press_until(visitor, "Tab", "Skip to the chat")
    await keyboard.press("Enter")
    await press_until(visitor, "Tab", "Message")
    await keyboard.type("simulate slow 0.2")
    await keyboard.press("Enter")
    await expect(visitor.answer).to_contain_text("Saving")
    await keyboard.press("Escape")  # stops the turn
    await visitor.wait_until_idle()
    await press_until(visitor, "Tab", "Overview")
    await keyboard.press("ArrowRight")

    await expect(visitor.panel.get_by_role("tab", name="Transactions")).to_have_attribute("aria-selected", "true")


async def press_until(visitor: Visitor, key: str, name: str) -> None:
    """Press a key until the focused element has this name."""
    await expect(visitor.page.get_by_text(name).or_(visitor.page.get_by_label(name)).first).to_be_attached()
    focused = "(document.activeElement.labels?.[0] ?? document.activeElement)"
    for _ in range(40):
        await visitor.page.keyboard.press(key)
        if name in await visitor.run(f"{focused}.ariaLabel ?? {focused}.textContent"):
            return
    raise AssertionError(f"{name} did not get the focus after 40 times {key}")
