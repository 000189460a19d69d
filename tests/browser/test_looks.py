"""Layout and accessibility: widths, themes, keyboard, axe, and screenshots for review.

`SCREENSHOTS=1 make test ARGS=tests/browser` writes screenshots to `.local/screenshots`; `tests.browser.pictures`
makes the documentation's from them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import ViewportSize, expect

from tests.browser.conftest import SCREENSHOTS, Enter, House
from tests.browser.visitor import PASSWORD, Visitor
from tests.pace import Pace
from tools import ROOT

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
TOUCH = {"device_scale_factor": 2, "has_touch": True, "is_mobile": True}
PHONE = {"viewport": {"width": 375, "height": 740}, **TOUCH}
OPTIONS: dict[str, dict[str, Any]] = {"screen": {}, "phone": TOUCH}
DEVICES: dict[str, dict[str, ViewportSize]] = {
    "screen": {
        "desktop": {"width": 1280, "height": 800},
        "wide": {"width": 1920, "height": 1080},
        "tablet": {"width": 768, "height": 1024},
    },
    "phone": {
        "phone": {"width": 375, "height": 740},
        "small-phone": {"width": 320, "height": 568},
        "landscape-keyboard": {"width": 740, "height": 200},
    },
}
NEXT_TO_CHAT = 960
AT_THE_END = ("conversation", "budget", "files-to-send", "files")
SERIOUS = ("serious", "critical")


async def found_by_axe(visitor: Visitor) -> list[str]:
    """Return axe's serious findings on the current page. The debugger injects axe under the active content policy."""
    if not await visitor.run("'axe' in window"):
        await visitor.run(f"{AXE.read_text()}; 0")
    passed: int
    found: list[dict[str, Any]]
    # Only violations with all of their nodes: for the passes, whose number counts here, axe describes one.
    run = "axe.run({ resultTypes: ['violations'] })"
    passed, found = await visitor.run(f"{run}.then(({{ violations, passes }}) => [passes.length, violations])")
    assert passed > 10, "axe checked nothing"
    return [
        f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def picture_of_stripes() -> bytes:
    """Return a PNG image of 600 × 400 pixels, large enough to be seen."""
    image = Image.new("RGB", (600, 400), "#f4efe6")
    for top in range(40, 380, 60):
        image.paste("#3d6b54", (40, top, 560 - top // 2, top + 24))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


async def overflow(visitor: Visitor) -> int:
    """Return the number of pixels by which the page is wider than its window."""
    root = "document.documentElement"
    return int(await visitor.run(f"{root}.scrollWidth - {root}.clientWidth"))


async def picture(visitor: Visitor, name: str) -> None:
    """Take a screenshot, if the run was asked for them."""
    if "SCREENSHOTS" not in os.environ:
        return
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await visitor.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.timeout(300)  # thirteen views, three sizes each
@pytest.mark.feature("page-looks")
@pytest.mark.scenario("looks, axe: every view × 320, 375, 768, 1280, 1920 px, landscape with keyboard × light, dark")
async def test_every_view_is_accessible_and_fits(house: House, enter: Enter, device: str, theme: str) -> None:
    (_, first), *_ = sizes = list(DEVICES[device].items())
    email = house.person()
    visitor: Visitor = await enter("plain", viewport=first, color_scheme=theme, **OPTIONS[device])
    page, found = visitor.page, dict[str, list[str]]()

    async def look(view: str) -> None:
        for name, size in sizes:
            await page.set_viewport_size(size)
            await place_panel(visitor, is_open=view == "panel" or size["width"] >= NEXT_TO_CHAT)
            await expect(page.get_by_text("Loading", exact=True)).to_have_count(0)  # the history of wide windows
            assert await overflow(visitor) <= 0, f"{view} is too wide at {name}"
            assert await visitor.run(CLIPPED.replace("LOG", ".pc-log" if view in AT_THE_END else "nav")) == [], view
            if size == first:
                found[view] = await found_by_axe(visitor)
            await picture(visitor, f"{view}-{name}-{theme}")
        await page.set_viewport_size(first)
        await place_panel(visitor, is_open=view == "panel" or first["width"] >= NEXT_TO_CHAT)

    await page.goto(house.site.url)
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await look("welcome")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_label("Password")).to_be_visible()
    await look("sign-in")
    await visitor.fill_in(email)
    await expect(visitor.message).to_be_visible()
    await look("start")
    await visitor.send("What did I spend by category in the last 3 months?")
    await look("conversation")
    await visitor.send("Set a budget for dining")
    await page.get_by_label("Dollars a month").fill("400")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("button", name="Change")).to_be_visible()
    await visitor.wait_until_idle()
    await look("budget")
    await look_at_files(visitor, look)
    await look_at_history_and_help(visitor, look)
    await place_panel(visitor, is_open=True)
    await visitor.panel.get_by_role("tab", name="Budgets").click()
    await expect(visitor.panel).to_contain_text("$400")
    await look("panel")

    assert [each for view in found.values() for each in view] == []


CLIPPED = r"""(async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let frames = 0; frames < 3; frames++) await frame(); // the page follows a new size in the next frames
  const all = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
  const lines = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size;
  };
  return [
    ...all(".pc-sheet kbd").filter((each) => each.scrollWidth > each.clientWidth + 1),
    ...all(".pc-widget p").filter((each) => /^[−$\d.,]+$/.test(each.textContent) && lines(each) > 1),
    ...all(".pc-user .pc-file:not(:has(img))").filter((each) => each.offsetHeight > 100),
    ...all("LOG").filter((each) => each.scrollHeight - each.scrollTop - each.clientHeight > 24),
    ...all("button").filter((each) => each.offsetWidth < 56 && each.innerText.trim().length !== 1)
      .filter((each) => !each.title && !each.querySelector("img") && (!each.innerText || each.querySelector("svg"))),
    ...all("select").filter((each) => {
      const shown = each.offsetWidth;
      each.style.cssText = "flex: none; max-inline-size: none";
      const wanted = each.offsetWidth;
      each.style.cssText = "";
      return wanted > shown + 1;
    }),
    ...all(".menu").filter((each) => each.getBoundingClientRect().bottom > innerHeight),
  ].map((each) => each.className + each.textContent.slice(0, 80));
})()"""
"""Keys, amounts, files and choices that are cut off or broken in two, a conversation not at its end, icon buttons
without a tooltip, a menu out of sight."""
Look = Callable[[str], Coroutine[Any, Any, None]]


async def place_panel(visitor: Visitor, *, is_open: bool) -> None:
    """Open or close the panel, also behind a dialog; the sign-in pages have none."""
    button = "document.querySelector('.header [aria-controls=panel]')"
    await visitor.run(f"{button}?.ariaExpanded === '{str(not is_open).lower()}' && {button}.click()")


async def look_at_files(visitor: Visitor, look: Look) -> None:
    """Look at chips, one of them refused, at sent files, and at a large image."""
    page = visitor.page
    picture, notes = picture_of_stripes(), b"notes"
    lying = {"name": "lying.pdf", "mimeType": "application/pdf", "buffer": notes}
    await visitor.attach(
        {"name": "receipt.png", "mimeType": "image/png", "buffer": picture},
        {"name": "Notes with a rather long name for a small window.txt", "mimeType": "text/plain", "buffer": notes},
        lying,
    )
    chips = page.get_by_role("list", name="Files to send")
    await expect(chips.locator("[aria-busy=false]")).to_have_count(3)
    await visitor.submit("What is this?")
    await expect(chips).to_contain_text("Not accepted")
    await look("files-to-send")
    await chips.get_by_role("button", name="Remove lying.pdf").click()
    await visitor.send("What is this?")
    await look("files")
    await page.get_by_role("button", name="Enlarge receipt.png").click()
    await expect(page.get_by_role("dialog", name="receipt.png")).to_be_visible()
    await look("large-image")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def look_at_history_and_help(visitor: Visitor, look: Look) -> None:
    page = visitor.page
    # The window was wider just before, and had a place for the history.
    await expect(page.get_by_role("region", name="History")).to_have_count(0)
    await page.get_by_role("button", name="History").click()
    await look("history")
    await page.get_by_role("searchbox", name="Search conversations").fill("budget dining")
    await expect(page.locator("mark").first).to_be_visible()
    await look("search")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+/")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await look("shortcuts")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Account").click()
    await look("account")
    await page.keyboard.press("Escape")
    if await page.get_by_role("region", name="History").is_visible() and not await visitor.message.is_visible():
        await page.get_by_role("button", name="History").click()


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
async def test_everything_is_reached_by_keyboard(house: House, enter: Enter, pace: Pace) -> None:
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
    pace.hold()
    await keyboard.type("simulate long 60")
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
