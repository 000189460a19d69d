"""The page shows an error when something is missing or refused, and recovers when it can."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from chat_api.settings import LimitSettings
from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor


@pytest.mark.feature("page-plain")
@pytest.mark.scenario("ChatKit's script blocked")
async def test_blocked_script_brings_the_plain_chat(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain")
    await visitor.sign_in(house.person())

    failed = [each.url for each in visitor.requests if each.failure]
    assert set(failed) == {"https://cdn.platform.openai.com/deployments/chatkit/chatkit.js"}
    await expect(visitor.page.get_by_text("simplified chat").first).to_be_visible()
    await visitor.send("What are my balances?")
    await expect(visitor.answer).to_contain_text("in total")


@pytest.mark.feature("page-trouble")
@pytest.mark.scenario("configuration unreachable")
async def test_unreachable_configuration_is_said_and_tried_again(house: House, enter: Enter) -> None:
    visitor: Visitor = await enter("plain")
    await visitor.page.route("**/config.json", lambda route: route.abort())
    await visitor.page.goto(house.site.url)
    await expect(visitor.alert).to_contain_text("failed to load")

    await visitor.page.unroute("**/config.json")
    await visitor.page.get_by_role("button", name="Try again").click()

    await expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.feature("page-trouble")
@pytest.mark.scenario("offline")
async def test_offline_is_said_and_over_when_it_is_over(visitor: Visitor) -> None:
    await visitor.page.context.set_offline(True)
    await visitor.submit("What are my balances?")
    await expect(visitor.alert.first).to_contain_text("offline")

    await visitor.page.context.set_offline(False)
    await visitor.submit("What are my balances?")  # replaces the message that may not have arrived

    await expect(visitor.answer).to_contain_text("in total")


@pytest.mark.promise("H7")
@pytest.mark.feature("rate-limits")
@pytest.mark.feature("page-trouble")
@pytest.mark.scenario("rate limit")
async def test_limit_is_said_with_the_time_to_wait(house: House, enter: Enter, wiring: str) -> None:
    email, visitor = house.person(), await enter(wiring)
    await visitor.sign_in(email)
    await use_up_the_day(house, house.id_of(email))

    await visitor.submit("What are my balances?")

    await expect(visitor.alert.first).to_contain_text("Try again in")
    assert len(visitor.posts("threads.create")) == 1


async def use_up_the_day(house: House, user_id: str) -> None:
    limit = LimitSettings().turns_per_day
    assert limit is not None
    with house.store() as store:
        await store.rates.count("turns per day", limit, timedelta(days=1), user_id, amount=limit)
