"""Attachments: direct uploads under the bucket's CORS rules, generated images, and rejected files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import House
from tests.browser.visitor import Visitor
from tools.local.files import PNG

RECEIPT = {"name": "receipt.png", "mimeType": "image/png", "buffer": PNG}


@pytest.mark.promise("A1")
@pytest.mark.feature("two-phase-upload")
@pytest.mark.scenario("upload an image")
async def test_image_goes_straight_to_the_bucket(house: House, visitor: Visitor) -> None:
    preflights: list[str] = []
    cdp = await visitor.page.context.new_cdp_session(visitor.page)
    await cdp.send("Network.enable")

    def sent(event: dict[str, Any]) -> None:
        if event["request"]["method"] == "OPTIONS":
            preflights.append(event["request"]["url"].partition("?")[0])

    cdp.on("Network.requestWillBeSent", sent)
    await visitor.attach(RECEIPT)
    chips = visitor.page.get_by_role("list", name="Files to send")
    await expect(chips).to_contain_text("receipt.png")
    await expect(chips.locator("[aria-busy=true]")).to_have_count(0)
    await visitor.send("What is this?")

    (put,) = (each for each in visitor.requests if each.method == "PUT")
    assert put.url.startswith(house.stack.aws.endpoint)
    assert (await put.response()).status == 200  # pyright: ignore[reportOptionalMemberAccess]
    assert preflights == [put.url.partition("?")[0]]
    assert not {"x-auth-token", "authorization", "x-turn-id", "chatkit-frame-instance-id"} & put.headers.keys()
    await expect(visitor.answer).to_contain_text(f"(image/png, {len(PNG)} bytes)")
    await visitor.page.reload()
    await expect(visitor.said.get_by_role("img", name="receipt.png")).to_be_visible()
    await expect_drawn(visitor, "receipt.png")


async def expect_drawn(visitor: Visitor, name: str) -> None:
    """Wait until an image has loaded. Its URL is signed on each load, and the content policy allows the bucket."""
    decoded = "[...document.images].find((image) => image.alt === NAME).decode().then(() => true)"
    assert await visitor.run(decoded.replace("NAME", json.dumps(name)))


@pytest.mark.promise("A9")
@pytest.mark.feature("generated-images")
@pytest.mark.scenario("a generated image")
async def test_generated_picture_is_shown_from_the_bucket(house: House, visitor: Visitor) -> None:
    await visitor.send("Draw a picture of my boat")
    await visitor.page.reload()

    picture = visitor.page.get_by_role("img", name="Generated image")
    await expect(picture).to_be_visible()
    await expect_drawn(visitor, "Generated image")
    assert (await picture.get_attribute("src") or "").startswith(house.stack.aws.endpoint)


@pytest.mark.parametrize("wiring", ["plain"])
@pytest.mark.feature("page-images")
@pytest.mark.scenario("an enlarged image")
async def test_picture_is_shown_large_until_escape(visitor: Visitor) -> None:
    await visitor.send("Draw a picture of my boat")
    button = visitor.page.get_by_role("button", name="Enlarge Generated image")
    dialog = visitor.page.get_by_role("dialog", name="Generated image")
    for leave in ("Escape", "Enter", "outside"):
        await button.focus()
        await visitor.page.keyboard.press("Enter")
        await expect(dialog).to_be_visible()
        if leave == "outside":
            await visitor.page.mouse.click(4, 4)
        else:
            await visitor.page.keyboard.press(leave)  # Enter presses the button that has the focus: close
        await expect(dialog).to_have_count(0)
        await expect(button).to_be_focused()


@pytest.mark.parametrize("wiring", ["plain"])
@pytest.mark.promise("A5")
@pytest.mark.feature("file-open")
@pytest.mark.scenario("open a sent file")
async def test_sent_files_are_opened_again(house: House, visitor: Visitor) -> None:
    await visitor.attach({"name": "Notes ü.txt", "mimeType": "text/plain", "buffer": b"notes"})
    await visitor.send("What is this?")
    await visitor.page.reload()

    async with visitor.page.expect_download() as download:
        await visitor.page.get_by_role("button", name="Open Notes ü.txt").click()

    saved = await download.value
    assert saved.suggested_filename == "Notes ü.txt"
    assert saved.url.startswith(house.stack.aws.endpoint)
    assert (await saved.path()).read_bytes() == b"notes"


@pytest.mark.promise("A2")
@pytest.mark.scenario("a file over the limit")
async def test_file_over_the_limit_is_refused_before_it_leaves(visitor: Visitor, tmp_path: Path) -> None:
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.write(PNG)
        file.truncate(100_000_000)
    await visitor.attach(huge)

    await expect(visitor.alert).to_contain_text("huge.png")
    await expect(visitor.alert).to_contain_text("too large")
    assert visitor.posts("attachments.create") == []


@pytest.mark.promise("A2")
@pytest.mark.scenario("a file of an unsupported type")
async def test_file_of_a_forbidden_type_is_refused(visitor: Visitor) -> None:
    await visitor.attach({"name": "setup.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"})

    await expect(visitor.alert).to_contain_text("setup.exe")
    assert [each for each in visitor.requests if each.method == "PUT"] == []


@pytest.mark.parametrize("wiring", ["plain"])
@pytest.mark.promise("A3")
@pytest.mark.feature("page-images")
@pytest.mark.scenario("a file that lies about its type is marked")
async def test_file_at_fault_is_marked_and_the_message_comes_back(visitor: Visitor) -> None:
    lying = {"name": "lying.pdf", "mimeType": "application/pdf", "buffer": b"no PDF at all"}
    await visitor.attach({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}, lying)
    chips = visitor.page.get_by_role("list", name="Files to send")
    await expect(chips.locator("[aria-busy=false]")).to_have_count(2)
    await visitor.submit("What is this?")

    await expect(visitor.alert.first).to_contain_text("lying.pdf")
    await expect(chips.get_by_role("listitem").filter(has_text="Not accepted")).to_contain_text("lying.pdf")
    await expect(visitor.message).to_have_value("What is this?")
    await chips.get_by_role("button", name="Remove lying.pdf").click()
    await visitor.send("What is this?")
    await expect(visitor.answer).to_contain_text("notes.txt")
