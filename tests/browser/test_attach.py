"""A running answer survives reloads, lost connections and changes of tab or device, in both chats."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from playwright.async_api import Locator, expect

from chat_api.attach.entries import load
from store_dynamo import DynamoStore
from store_dynamo.running import DEAD_AFTER, RunningTurn
from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor
from tests.fakes.dead_turn import Past
from tests.pace import ARGUMENTS, Pace
from tools.local.openai.simulations import LONG

WORDS = 60
QUESTION = f"simulate long {WORDS}"
WHOLE = " ".join((LONG * 3).split()[:WORDS])
START = "Saving is a habit"
FIRST_WORDS = 10
COLD_MS = 90_000
"""Limit for the first words of a process that has just started, on a busy machine."""

pytestmark = [pytest.mark.feature("running-answers"), pytest.mark.timeout(300)]


def stop_button(visitor: Visitor) -> Locator:
    return visitor.page.get_by_role("button", name="Stop", exact=True)


async def text_of(answer: Locator) -> str:
    return (await answer.locator("p").first.text_content() or "").strip()


async def shows_the_whole_answer_once(visitor: Visitor) -> None:
    """Wait for the end, then compare what the page shows with what is stored."""
    await expect(visitor.answer.locator("p").first).to_have_text(WHOLE)
    await visitor.wait_until_idle()
    await expect(visitor.alert).to_have_count(0)
    await visitor.page.reload()
    await expect(visitor.answer.locator("p").first).to_have_text(WHOLE)
    await expect(visitor.answers).to_have_count(1)
    await expect(visitor.said).to_have_count(1)


async def begin(visitor: Visitor, pace: Pace, words: str = START) -> None:
    """Send a message and wait for `words` of its long answer and the address of its conversation."""
    pace.hold(FIRST_WORDS)
    await visitor.submit(QUESTION)
    await expect(visitor.answer).to_contain_text(words, timeout=COLD_MS)
    await visitor.page.wait_for_url("**/#/c/**")


async def elsewhere(house: House, enter: Enter, wiring: str, email: str, address: str) -> Visitor:
    """Open a conversation on a second device."""
    other: Visitor = await enter(wiring)
    await other.sign_in(email)
    await other.page.goto(address)
    await other.page.reload()
    return other


@pytest.mark.promise("R1")
@pytest.mark.scenario("reload during an answer")
async def test_a_reload_shows_the_words_so_far_and_goes_on(visitor: Visitor, pace: Pace) -> None:
    await begin(visitor, pace)

    await visitor.page.reload()
    loaded = time.monotonic()
    await expect(visitor.answer).to_contain_text(START)
    print(f"\nwords so far {time.monotonic() - loaded:.2f} s after the reload")
    await expect(stop_button(visitor)).to_be_visible()
    pace.finish()

    await shows_the_whole_answer_once(visitor)
    assert len(visitor.posts("threads.create")) == 1


@pytest.mark.promise("R1")
@pytest.mark.scenario("stop after a reload")
async def test_stop_works_after_a_reload(visitor: Visitor, pace: Pace) -> None:
    await begin(visitor, pace)
    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text(START)

    await visitor.stop()

    await visitor.wait_until_idle()
    await pace.stopped()
    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text(START)
    await visitor.wait_until_idle()
    assert len((await text_of(visitor.answer)).split()) < WORDS


@pytest.mark.promise("R1")
@pytest.mark.scenario("a running answer on a second device")
async def test_a_second_device_shows_the_same_answer(house: House, enter: Enter, wiring: str, pace: Pace) -> None:
    email, first = house.person(), await enter(wiring)
    await first.sign_in(email)
    await begin(first, pace)

    second = await elsewhere(house, enter, wiring, email, first.page.url)

    await expect(second.answer).to_contain_text(START)
    pace.finish()
    await shows_the_whole_answer_once(second)
    await shows_the_whole_answer_once(first)


@pytest.mark.promise("R1")
@pytest.mark.scenario("a running answer in a second tab")
async def test_a_second_tab_shows_the_same_answer_and_the_first_ones_next_message(
    house: House, enter: Enter, wiring: str, pace: Pace
) -> None:
    email, first = house.person(), await enter(wiring)
    await first.sign_in(email)
    await begin(first, pace)

    second = await Visitor.enter(first.page.context, house.site.url)
    await second.page.goto(first.page.url)
    sign_in = second.page.get_by_role("button", name="Sign in")
    await expect(sign_in.or_(second.message)).to_be_visible()
    if await sign_in.count():  # Cognito may remember the browser
        await sign_in.click()
        address = second.page.get_by_label("Email address")
        await expect(address.or_(second.message)).to_be_visible()
        if await address.count():
            await second.fill_in(email)
    await expect(second.answer).to_contain_text(START)
    pace.finish()
    await expect(second.answer.locator("p").first).to_have_text(WHOLE)
    await second.wait_until_idle()
    await first.wait_until_idle()

    await first.send("Hello")
    await second.run("void dispatchEvent(new Event('focus'))")

    await expect(second.said).to_have_count(2)
    await expect(second.answers).to_have_count(2)


@pytest.mark.promise("R2")
@pytest.mark.scenario("ten seconds offline during an answer")
async def test_ten_seconds_offline_lose_nothing(visitor: Visitor, pace: Pace) -> None:
    await begin(visitor, pace)

    await visitor.page.context.set_offline(True)
    pace.hold(WORDS // 2)
    await asyncio.sleep(10)
    await visitor.page.context.set_offline(False)
    pace.finish()

    await shows_the_whole_answer_once(visitor)
    assert len(visitor.posts("threads.create")) == 1


@pytest.mark.promise("R1")
@pytest.mark.scenario("another conversation during an answer, and back")
async def test_leaving_a_conversation_stops_nothing(visitor: Visitor, pace: Pace) -> None:
    await begin(visitor, pace)

    await visitor.page.get_by_role("button", name="New conversation").click()
    await expect(visitor.answers).to_have_count(0)
    await visitor.page.go_back()

    await expect(visitor.answer).to_contain_text(START)
    pace.finish()
    await shows_the_whole_answer_once(visitor)
    assert not [each for each in visitor.requests if each.url.endswith("/cancel")]


@pytest.mark.promise("R1")
@pytest.mark.scenario("reload while a card and a workflow are shown")
async def test_a_card_and_a_workflow_survive_a_reload(visitor: Visitor, pace: Pace) -> None:
    pace.hold(1)
    await visitor.submit("think: what are my balances?")
    await expect(visitor.page.get_by_text("Cash", exact=True).first).to_be_visible()
    await visitor.page.wait_for_url("**/#/c/**")

    await visitor.page.reload()

    await expect(visitor.page.get_by_text("Cash", exact=True).first).to_be_visible()
    await expect(stop_button(visitor)).to_be_visible()
    pace.finish()
    await expect(visitor.answer).to_contain_text("in total")
    await visitor.wait_until_idle()
    log = visitor.page.get_by_role("log")
    shown = ""
    while "in total" not in shown:  # ChatKit's wiring empties the log while it shows the finished thread again
        shown = await log.text_content() or ""
    await visitor.page.reload()
    await expect(log).to_have_text(shown)


@pytest.mark.promise("R1")
@pytest.mark.feature("client-tools")
@pytest.mark.scenario("a client tool with two readers")
async def test_a_client_tool_runs_in_one_tab(house: House, enter: Enter, wiring: str, pace: Pace) -> None:
    email, first = house.person(), await enter(wiring)
    await first.sign_in(email)
    pace.hold(0, ARGUMENTS)
    await first.submit("think: open my budgets")
    await first.page.wait_for_url("**/#/c/**")
    second = await elsewhere(house, enter, wiring, email, first.page.url)
    await expect(stop_button(second)).to_be_visible()
    pace.finish()
    for visitor in (first, second):
        await expect(visitor.answer).to_contain_text("opened")
        await visitor.wait_until_idle()

    assert len(first.posts("threads.add_client_tool_output") + second.posts("threads.add_client_tool_output")) == 1
    await second.page.reload()
    await expect(second.answers).to_have_count(1)


@pytest.mark.promise("R4")
@pytest.mark.scenario("a message while another tab's answer runs")
async def test_a_message_waits_for_another_tabs_answer(house: House, enter: Enter, wiring: str, pace: Pace) -> None:
    email, first = house.person(), await enter(wiring)
    await first.sign_in(email)
    await first.send("Hello")
    second = await elsewhere(house, enter, wiring, email, first.page.url)
    await expect(second.answers).to_have_count(1)
    await begin(first, pace)

    async with second.page.expect_response(lambda answer: answer.status == 409 or "/events" in answer.url):
        await second.submit("What are my balances?")
    pace.finish()

    await expect(second.answer).to_contain_text("in total", timeout=60_000)
    await second.wait_until_idle()
    await second.page.reload()
    await expect(second.said).to_have_text(["Hello", QUESTION, "What are my balances?"])
    await expect(second.answers.nth(1)).to_contain_text(WHOLE)


async def killed(house: House, user_id: str) -> None:
    """Kill the process of the user's turn once its journal has its first words, and let all but 3 s of silence pass."""
    with house.store() as store, house.store(clock=Past(DEAD_AFTER.total_seconds() - 3)) as past:
        [turn] = await store.running.list(user_id)
        async with asyncio.timeout(60):
            while START not in await words_in_journal(store, turn, user_id):  # noqa: ASYNC110 (another process writes)
                await asyncio.sleep(0.1)
        for process in house.stack.function.processes:
            if process.running:
                os.kill(process.pid, signal.SIGKILL)
        assert await past.running.beat(turn.thread_id, turn.claim, user_id)


async def words_in_journal(store: DynamoStore[str], turn: RunningTurn, user_id: str) -> str:
    segments = await store.journal.read(turn.thread_id, turn.turn_id, user_id)
    entries = [entry for segment in segments for entry in load(segment.body)]
    return "".join(delta for kind, *_, deltas in entries if kind == "t" for delta in deltas)


@pytest.mark.promise("R3")
@pytest.mark.feature("interrupted")
@pytest.mark.scenario("the process dies during an answer")
async def test_a_killed_process_leaves_the_words_so_far_and_a_note(
    house: House, visitor: Visitor, wiring: str, pace: Pace
) -> None:
    await begin(visitor, pace)
    await killed(house, house.id_of(visitor.email))

    await expect(visitor.alert.first).to_contain_text("was interrupted", timeout=60_000)
    await expect(visitor.answer).to_contain_text(START)

    await visitor.page.reload()
    await expect(visitor.answer).to_contain_text(START)
    await expect(visitor.alert.first).to_contain_text("was interrupted")
    if wiring == "plain":
        pace.finish()
        await visitor.page.get_by_role("button", name="Retry").click()
        await expect(visitor.answer).not_to_contain_text("interrupted")
        await expect(visitor.answer).to_contain_text(START, timeout=COLD_MS)
        await expect(visitor.answers).to_have_count(1)
