"""Geometry and computed styles: widths from 320 to 1,920 px, low windows, zoom, right-to-left, forced colors.

One visitor resizes the window, so that a size costs no sign-in. The pictures are written to `.local/screenshots`.
"""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter, House
from tests.browser.test_looks import found_by_axe, overflow, picture
from tests.browser.visitor import Visitor

SIZES = {
    "small phone": (320, 568),
    "phone": (375, 740),
    "phone, open keyboard": (375, 420),
    "phone, landscape": (740, 360),
    "phone, landscape, open keyboard": (740, 200),
    "tablet": (768, 1024),
    "zoom 200 %": (640, 400),
    "zoom 400 %": (320, 256),
    "desktop": (1280, 800),
    "wide": (1920, 1080),
}
PICTURED = ("small phone", "phone", "phone, landscape", "tablet", "wide")
MEASURE = """(() => {
  const box = (selector) => document.querySelector(selector)?.getBoundingClientRect().toJSON();
  const shown = [...document.querySelectorAll(".header button")].map((each) => each.getBoundingClientRect())
    .filter(({ width }) => width > 1).sort((a, b) => a.left - b.left);
  return {
    header: box(".header"), log: box(".pc-log"), composer: box(".pc-composer"), disclaimer: box(".pc-disclaimer"),
    outside: shown.filter(({ left, right }) => left < 0 || right > innerWidth).length,
    overlapping: shown.filter((each, n) => n > 0 && each.left < shown[n - 1].right - 1).length,
    small: shown.filter(({ width, height }) => width < 24 || height < 24).length,
    scrolls: document.scrollingElement.scrollHeight > innerHeight,
  };
})()"""


async def faults_of(visitor: Visitor, height: int) -> list[str]:
    """Return what does not fit at the window's current size."""
    at = await visitor.run(MEASURE)
    found = [f"{name}: {at[name]} buttons of the header" for name in ("outside", "overlapping", "small") if at[name]]
    if (wider := await overflow(visitor)) > 0:
        found.append(f"{wider} px wider than the window")
    if at["header"]["height"] > 60:
        found.append(f"the header has {at['header']['height']} px")
    if at["log"]["height"] < min(height * 0.4, 300):
        found.append(f"the conversation has {at['log']['height']} of {height} px")
    if at["log"]["bottom"] > at["composer"]["top"] + 1:
        found.append("the conversation is below the composer")
    if at["disclaimer"]["height"] and at["composer"]["bottom"] > at["disclaimer"]["top"] + 1:
        found.append("composer and disclaimer overlap")
    if at["composer"]["bottom"] > height and not at["scrolls"]:
        found.append("the composer cannot be reached")
    return found


async def settled(visitor: Visitor, height: int) -> list[str]:
    """Return what does not fit one second after a change of the size; the page reacts to it in the next frames."""
    for _ in range(10):
        if not await faults_of(visitor, height):
            return []
        await asyncio.sleep(0.1)
    return await faults_of(visitor, height)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.feature("page-looks")
@pytest.mark.scenario("320 to 1,920 px, landscape, keyboard, zoom, right to left")
async def test_the_chat_fits_every_window(house: House, enter: Enter, theme: str) -> None:
    visitor: Visitor = await enter("plain", color_scheme=theme, reduced_motion="reduce")
    await visitor.sign_in(house.person())
    await visitor.send("What did I spend by category in the last 3 months?")
    await visitor.page.get_by_role("button", name="My money").click()  # it would cover the chat in a small window
    faults: dict[str, list[str]] = {}
    for direction in ("ltr", "rtl"):
        await visitor.run(f"document.documentElement.dir = '{direction}'")
        for name, (width, height) in SIZES.items():
            await visitor.page.set_viewport_size({"width": width, "height": height})
            if found := await settled(visitor, height):
                faults[f"{name}, {direction}"] = found
            if name in PICTURED and (direction == "ltr" or name == "phone"):
                await picture(visitor, f"window-{name.replace(', ', '-').replace(' ', '-')}-{theme}-{direction}")

    assert faults == {}


@pytest.mark.feature("page-looks")
@pytest.mark.scenario("computed styles: rhythm, one composer box, disabled Send, placeholder, motion")
async def test_styles_are_computed_as_designed(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain", color_scheme="dark", reduced_motion="reduce")
    await visitor.sign_in(house.person())

    async def style(selector: str, name: str, pseudo: str = "") -> str:
        element = f"document.querySelector({selector!r})"
        return str(await visitor.run(f"getComputedStyle({element}, {pseudo!r}).getPropertyValue({name!r})"))

    line, muted = await style(".header", "border-bottom-color"), await style(".pc-disclaimer", "color")
    await visitor.run("document.activeElement.blur()")
    assert await style(".pc-mentions textarea", "border-top-color") == line
    assert await style(".pc-tools", "border-bottom-color") == line
    assert await style(".pc-mentions textarea", "border-bottom-width") == "0px"
    assert await style(".pc-mentions textarea", "color", "::placeholder") == muted
    assert await style(".pc-main", "color") == muted  # Send without a text
    assert await style(".pc-start ul", "display") == "grid"
    assert await style(".pc-disclaimer", "padding-bottom") == "8px"
    assert await style(".toolbar .pc-header h2", "text-overflow") == "ellipsis"
    bars = await visitor.run("[...document.querySelectorAll('meta[name=theme-color]')].map(({ content }) => content)")
    assert bars == ["#1a1f1c", "#1a1f1c"]
    assert await visitor.run("document.getAnimations().length") == 0


@pytest.mark.feature("page-looks")
@pytest.mark.scenario("forced colors")
async def test_forced_colors_keep_what_colors_mean(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain", forced_colors="active")
    await visitor.sign_in(house.person())
    await expect(visitor.panel.get_by_role("heading", name="Balances")).to_be_visible()
    colors = await visitor.run(
        "['.bar', '.bar > span'].map((each) => getComputedStyle(document.querySelector(each)).backgroundColor)"
    )

    assert colors[0] != colors[1]
    await picture(visitor, "forced-colors-desktop")
    assert await found_by_axe(visitor) == []
