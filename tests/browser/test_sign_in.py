"""Sign-in, token renewal and sign-out with real tokens of the local user pool."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import Enter, House
from tests.browser.visitor import Visitor


def authorization_request(visitor: Visitor) -> dict[str, list[str]]:
    (request,) = (each for each in visitor.requests if "/oauth2/authorize" in each.url)
    return parse_qs(urlsplit(request.url).query)


@pytest.mark.promise("H1")
@pytest.mark.feature("page-sign-in")
@pytest.mark.scenario("sign in: code and PKCE")
async def test_sign_in_by_code_and_pkce(house: House, enter: Enter, wiring: str) -> None:
    email, visitor = house.person(), await enter(wiring)
    await visitor.page.goto(house.site.url)
    await visitor.page.get_by_role("button", name="Sign in").click()
    await visitor.fill_in(email, "a wrong password")
    await expect(visitor.alert).to_contain_text("Incorrect")
    await visitor.fill_in(email)

    await expect(visitor.message).to_be_visible()
    await expect(visitor.page).to_have_url(f"{house.site.url}/")
    query = authorization_request(visitor)
    assert query["code_challenge_method"] == ["S256"]
    assert query["state"]
    state = await visitor.page.context.storage_state()
    assert [origin["localStorage"] for origin in state["origins"] if "token" in json.dumps(origin)] == []


@pytest.mark.feature("page-sign-in")
@pytest.mark.scenario("back after the sign-in")
async def test_back_from_the_chat_never_leads_to_the_used_form(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring)
    await visitor.page.goto("data:text/html,before")
    await visitor.sign_in_by_form(house.person())

    await visitor.page.go_back()

    await expect(visitor.page).to_have_url("data:text/html,before")


@pytest.mark.feature("page-sign-in")
@pytest.mark.scenario("a new tab of a signed-in user")
async def test_new_tab_of_a_signed_in_user_asks_cognito_at_once(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring)
    await visitor.sign_in_by_form(house.person())
    tab = await visitor.page.context.new_page()

    async with tab.expect_request("**/oauth2/authorize?*"):
        await tab.goto(house.site.url)  # without a click
    await expect(tab.get_by_label("Password")).to_be_visible()

    await visitor.page.get_by_role("button", name="Account").click()
    await visitor.page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    await tab.goto(house.site.url)
    await expect(tab.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.feature("page-sign-in")
@pytest.mark.scenario("sign out")
async def test_sign_out_revokes_and_forgets(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring)
    await visitor.sign_in_by_form(house.person())

    await visitor.page.get_by_role("button", name="Account").click()
    async with visitor.page.expect_event("load"):  # of the site, to which Cognito's sign-out leads back
        await visitor.page.get_by_role("button", name="Sign out", exact=True).click()

    await expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    await visitor.page.reload()
    await expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    (revoked,) = (each for each in visitor.requests if each.url.endswith("/oauth2/revoke"))
    assert (await revoked.response()).status == 200  # pyright: ignore[reportOptionalMemberAccess]


async def damage_first_token(visitor: Visitor) -> list[str]:
    """Damage the first access token: the API refuses it like an expired one. Return the requested grant types."""
    grants: list[str] = []

    async def token(route: Route) -> None:
        grants.append(parse_qs(route.request.post_data or "")["grant_type"][0])
        answer = await route.fetch()
        tokens: dict[str, Any] = await answer.json()
        if len(grants) == 1:
            tokens["access_token"] = tokens["access_token"][:-8] + "damaged0"
        await route.fulfill(response=answer, json=tokens)

    await visitor.page.route("**/oauth2/token", token)
    return grants


@pytest.mark.promise("H1")
@pytest.mark.feature("page-sign-in")
@pytest.mark.scenario("401: token renewed, request retried")
async def test_refused_token_is_renewed_and_nobody_notices(house: House, enter: Enter, wiring: str) -> None:
    visitor: Visitor = await enter(wiring)
    grants = await damage_first_token(visitor)
    await visitor.sign_in_by_form(house.person())

    await visitor.send("What are my balances?")

    await expect(visitor.answer).to_contain_text("in total")
    assert grants == ["authorization_code", "refresh_token"]


@pytest.mark.feature("page-sign-in")
@pytest.mark.scenario("session ended: sign in again")
async def test_expired_session_asks_to_sign_in_again(house: House, enter: Enter, wiring: str) -> None:
    email, visitor = house.person(), await enter(wiring)
    await visitor.sign_in_by_form(email)
    house.sign_out_everywhere(email)
    await expire_the_token(visitor)

    await visitor.page.reload()

    await expect(visitor.page.get_by_text("Your session has ended")).to_be_visible()
    await visitor.page.get_by_role("button", name="Sign in").click()
    await visitor.fill_in(email)
    await expect(visitor.message).to_be_visible()


async def expire_the_token(visitor: Visitor) -> None:
    """Mark the token in the tab's storage as expired."""
    await visitor.run("""
      for (const key of Object.keys(sessionStorage).filter((each) => each.startsWith("oidc.user:"))) {
        const user = JSON.parse(sessionStorage[key]);
        sessionStorage[key] = JSON.stringify({ ...user, expires_at: 1 });
      }""")
