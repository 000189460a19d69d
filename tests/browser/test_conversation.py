"""Talking: text as it comes, history, stop, a turn once, and nobody else's conversations."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor

SLOW = "simulate slow 0.1"  # sixty words


@pytest.mark.promise("L1")
@pytest.mark.feature("page-streaming")
@pytest.mark.feature("page-official")
@pytest.mark.scenario("text grows token by token")
async def test_text_grows_while_the_model_still_sends(house: House, visitor: Visitor) -> None:
    await visitor.send(SLOW)

    assert house.stack.model is not None
    told = [each for each in list(house.stack.model.requests) if SLOW in str(each.body) and each.delta_times][-1]
    seen_meanwhile = {length for at, length in visitor.growth if at < told.delta_times[-1]}
    assert len(told.delta_times) == 60
    assert len(seen_meanwhile) >= 20  # a busy browser draws several words at once


@pytest.mark.feature("page-history")
@pytest.mark.scenario("reload: the conversation is there")
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
@pytest.mark.scenario("stop in the middle of an answer")
async def test_stop_ends_the_model_and_keeps_the_answer_so_far(house: House, visitor: Visitor) -> None:
    assert house.stack.model is not None
    async with httpx.AsyncClient(base_url=house.stack.url, timeout=60) as http:  # two processes, both warm
        await asyncio.gather(http.get("/chatkit"), http.get("/chatkit"))
    await visitor.submit("simulate slow 0.4")
    await expect(visitor.answer).to_contain_text("Saving is a")
    await visitor.stop()
    stopped_at = time.time()
    await visitor.wait_until_idle()
    told = [each for each in list(house.stack.model.requests) if "slow 0.4" in str(each.body) and each.delta_times][-1]
    async with asyncio.timeout(30):
        while not told.closed_early_at:  # noqa: ASYNC110 - the model runs in a thread of its own
            await asyncio.sleep(0.05)
    heard = (await visitor.answer.locator("p").first.text_content() or "").strip()

    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text("Saving is a")

    stored = (await visitor.answer.locator("p").first.text_content() or "").strip()
    assert stored.startswith("Saving is a")
    assert stored.startswith(heard) or heard.startswith(stored)
    assert len(stored.split()) < 50  # of sixty
    assert told.closed_early_at - stopped_at < 10  # a second by promise; the machine may be busy


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
    stolen = await kept_in_tab(ana)
    await keep_in_tab(bob, stolen)
    async with bob.page.expect_response(lambda answer: "threads.get_by_id" in (answer.request.post_data or "")) as got:
        await bob.page.reload()

    assert any(value.startswith("thr_") for value in stolen.values())
    assert (await got.value).status == 404
    await expect(bob.message).to_be_visible()
    await expect(bob.page.get_by_text("elephants")).to_have_count(0)
    await expect(bob.page.get_by_text("What would you like to know")).to_be_visible()  # and a new conversation begins


async def kept_in_tab(visitor: Visitor) -> dict[str, str]:
    """Return what a tab remembers besides the session of its user: the conversation that is open."""
    entries: dict[str, str] = await visitor.run("({ ...sessionStorage })")
    return {name: value for name, value in entries.items() if not name.startswith("oidc.")}


async def keep_in_tab(visitor: Visitor, entries: dict[str, str]) -> None:
    await visitor.run(f"void Object.assign(sessionStorage, {json.dumps(entries)})")


@pytest.mark.promise("H10")
@pytest.mark.feature("one-turn-once")
@pytest.mark.scenario("5xx: the same turn again, once")
async def test_repeated_post_is_the_same_turn(visitor: Visitor) -> None:
    """ChatKit.js posts again after a 5xx; the plain chat offers it."""
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
