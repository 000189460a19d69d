"""Streaming, history, stop, retries of a turn, feedback, and isolation between users."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor
from tests.pace import Pace
from tools.local.openai.simulations import LONG


@pytest.mark.promise("L1")
@pytest.mark.feature("page-streaming")
@pytest.mark.feature("page-official")
@pytest.mark.scenario("text grows token by token")
async def test_text_grows_while_the_model_still_sends(visitor: Visitor, pace: Pace) -> None:
    """The model sends a word only when the page shows the one before."""
    words = LONG.split()
    pace.hold(1)
    await visitor.submit(f"simulate long {len(words)}")
    for count in range(1, len(words) + 1):
        pace.hold(count)
        await expect(visitor.answer.locator("p").first).to_have_text(" ".join(words[:count]))
    pace.finish()
    await visitor.wait_until_idle()


@pytest.mark.feature("page-history")
@pytest.mark.scenario("reload: the conversation returns")
async def test_conversation_outlives_a_reload_and_is_in_the_history(visitor: Visitor) -> None:
    await visitor.send("What are my balances?")
    said = await visitor.answer.locator("p").first.text_content()

    await visitor.page.reload()

    await expect(visitor.answer).to_contain_text(said or "?")
    await visitor.page.get_by_role("button", name="New conversation").click()
    await expect(visitor.answers).to_have_count(0)
    history = await visitor.open_history()
    await history.get_by_role("button", name="balances").first.click()
    await expect(visitor.answer).to_contain_text(said or "?")


@pytest.mark.promise("H6")
@pytest.mark.feature("stop")
@pytest.mark.scenario("stop during an answer")
async def test_stop_ends_the_model_and_keeps_the_answer_so_far(house: House, visitor: Visitor, pace: Pace) -> None:
    assert house.stack.model is not None
    async with httpx.AsyncClient(base_url=house.stack.url, timeout=60) as http:  # two warm processes
        await asyncio.gather(http.get("/chatkit"), http.get("/chatkit"))
    pace.hold(3)
    await visitor.submit("simulate long 60")
    await expect(visitor.answer).to_contain_text("Saving is a")
    await visitor.stop()
    stopped_at = time.time()
    await visitor.wait_until_idle()
    call = [each for each in list(house.stack.model.requests) if "long 60" in str(each.body) and each.delta_times][-1]
    async with asyncio.timeout(30):
        while not call.closed_early_at:  # noqa: ASYNC110 - the model runs in its own thread
            await asyncio.sleep(0.05)
    shown = (await visitor.answer.locator("p").first.text_content() or "").strip()

    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text("Saving is a")

    stored = (await visitor.answer.locator("p").first.text_content() or "").strip()
    assert stored.startswith("Saving is a")
    assert stored.startswith(shown) or shown.startswith(stored)
    assert len(stored.split()) < 50  # of sixty
    assert call.closed_early_at - stopped_at < 10  # the promise is one second; allow for a busy machine


@pytest.mark.promise("S1")
@pytest.mark.feature("isolation")
@pytest.mark.scenario("two users in two browsers")
async def test_two_users_never_see_each_other(house: House, enter: Enter, wiring: str) -> None:
    ana, bob = await enter(wiring), await enter(wiring)
    await ana.sign_in(house.person("ana"))
    await bob.sign_in(house.person("bob"))
    await ana.send("Purple elephants, and what are my balances?")
    await bob.send("Hello")

    histories = [await ana.open_history(), await bob.open_history()]
    for history in histories:
        await expect(history.get_by_role("button").filter(has_text="Purple elephants")).to_have_count(
            1 if history is histories[0] else 0
        )
    stolen = await tab_storage(ana)
    await set_tab_storage(bob, stolen)
    await bob.run(f"history.replaceState(null, '', {json.dumps(ana.page.url)})")  # the link as well
    async with bob.page.expect_response(lambda answer: "threads.get_by_id" in (answer.request.post_data or "")) as got:
        await bob.page.reload()

    assert any(value.startswith("thr_") for value in stolen.values())
    assert (await got.value).status == 404
    await expect(bob.message).to_be_visible()
    await expect(bob.page.get_by_text("elephants")).to_have_count(0)
    await expect(bob.page.get_by_text("What would you like to know")).to_be_visible()  # a new thread starts


async def tab_storage(visitor: Visitor) -> dict[str, str]:
    """Return the tab's storage without the sign-in session: the id of the open thread."""
    entries: dict[str, str] = await visitor.run("({ ...sessionStorage })")
    return {name: value for name, value in entries.items() if not name.startswith("oidc.")}


async def set_tab_storage(visitor: Visitor, entries: dict[str, str]) -> None:
    await visitor.run(f"void Object.assign(sessionStorage, {json.dumps(entries)})")


@pytest.mark.promise("H10")
@pytest.mark.feature("one-turn-once")
@pytest.mark.scenario("5xx: the turn is retried and runs once")
async def test_repeated_post_is_the_same_turn(visitor: Visitor) -> None:
    """ChatKit.js retries after a 5xx; the plain chat offers a Retry button."""
    refused = 0

    async def unavailable_once(route: Route) -> None:
        nonlocal refused
        if refused or '"threads.create"' not in (route.request.post_data or ""):
            await route.continue_()
            return
        refused += 1
        await route.fulfill(status=503, body="<h1>503</h1>")

    await visitor.page.route("**/chatkit", unavailable_once)
    await visitor.submit("What are my balances?")
    retry = visitor.page.get_by_role("button", name="Retry")
    await expect(visitor.answer.or_(retry).first).to_be_visible()
    if await retry.count():
        await retry.click()
    await expect(visitor.answer).to_contain_text("in total")
    await visitor.wait_until_idle()

    turns = [request.headers["x-turn-id"] for request in visitor.posts("threads.create")]
    assert len(turns) == 2
    assert len(set(turns)) == 1
    await expect(visitor.said).to_have_count(1)


@pytest.mark.feature("items.feedback")
@pytest.mark.scenario("feedback")
async def test_feedback_reaches_the_server(visitor: Visitor) -> None:
    await visitor.send("What are my balances?")
    async with visitor.page.expect_response(
        lambda answer: "items.feedback" in (answer.request.post_data or "")
    ) as rated:
        await visitor.answer.get_by_role("button", name="Good answer").click()

    assert (await rated.value).status == 200
