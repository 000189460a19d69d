"""The sign-in page and the OpenID endpoints of the local user pool, as a browser uses them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from tools.client.sign_in import challenge_of, create_user
from tools.local.aws import LocalStack
from tools.local.sign_in.page import SignInServer

USER, PASSWORD = "ana@example.com", "Groceries-2026"
VERIFIER = secrets.token_urlsafe(48)


@dataclass(frozen=True)
class Browser:
    stack: LocalStack
    page: SignInServer
    http: httpx.AsyncClient

    async def authorize(self, **changed: str) -> httpx.Response:
        query = {
            "response_type": "code",
            "client_id": self.stack.client_id,
            "redirect_uri": self.stack.redirect_uri,
            "scope": "openid email profile",
            "state": "the <state>",
            "nonce": "the nonce",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changed,
        }
        return await self.http.get("/oauth2/authorize", params=query)

    async def submit(self, password: str, **changed: str) -> httpx.Response:
        """Fill in and submit the form without changing its hidden fields."""
        url = (await self.authorize(**changed)).request.url
        return await self.http.post("/login", data={**dict(url.params), "username": USER, "password": password})

    async def token(self, **fields: str) -> httpx.Response:
        fields = {"client_id": self.stack.client_id, **fields}
        return await self.http.post("/oauth2/token", data=fields, headers={"origin": "http://localhost:5173"})

    async def signed_in(self) -> dict[str, str]:
        location = (await self.submit(PASSWORD)).headers["location"]
        code = parse_qs(urlsplit(location).query)["code"][0]
        fields = {"code": code, "redirect_uri": self.stack.redirect_uri, "code_verifier": VERIFIER}
        return (await self.token(grant_type="authorization_code", **fields)).json()


@pytest.fixture
async def browser(stack: LocalStack) -> AsyncIterator[Browser]:
    create_user(stack, USER, PASSWORD)
    async with (
        SignInServer(stack, (USER, "the demo's <password>")) as page,
        httpx.AsyncClient(base_url=page.url, timeout=20) as http,
    ):
        yield Browser(stack, page, http)


async def test_discovery_names_this_page_and_awss_issuer(browser: Browser) -> None:
    answer = await browser.http.get(f"{browser.page.authority}/.well-known/openid-configuration")
    document = answer.json()

    assert answer.headers["access-control-allow-origin"] == "*"
    assert document["issuer"] == browser.stack.issuer
    for name in ("authorization_endpoint", "token_endpoint", "revocation_endpoint", "end_session_endpoint", "jwks_uri"):
        assert document[name].startswith(browser.page.url)
    assert (await browser.http.get(document["jwks_uri"])).json()["keys"]


async def test_the_form_has_the_demo_user_in_it_and_escapes(browser: Browser) -> None:
    answer = await browser.authorize()

    assert f'value="{USER}"' in answer.text
    assert "the demo&#x27;s &lt;password&gt;" in answer.text
    assert "the &lt;state&gt;" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_code_comes_back_with_the_state_and_gives_tokens_with_the_nonce(browser: Browser) -> None:
    answer = await browser.submit(PASSWORD)
    location = urlsplit(answer.headers["location"])
    tokens = await browser.signed_in()

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(browser.stack.redirect_uri)
    assert parse_qs(location.query)["state"] == ["the <state>"]
    key = jwt.PyJWKClient(browser.stack.jwks_url).get_signing_key_from_jwt(tokens["id_token"])
    claims = jwt.decode(tokens["id_token"], key, algorithms=["RS256"], audience=browser.stack.client_id)
    assert claims["nonce"] == "the nonce"


async def test_a_code_without_its_verifier_gives_nothing(browser: Browser) -> None:
    location = (await browser.submit(PASSWORD)).headers["location"]
    code = parse_qs(urlsplit(location).query)["code"][0]
    fields = {"code": code, "redirect_uri": browser.stack.redirect_uri, "code_verifier": "another"}

    answer = await browser.token(grant_type="authorization_code", **fields)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_a_wrong_password_is_said_and_the_form_stays(browser: Browser) -> None:
    answer = await browser.submit("wrong")

    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert f'value="{USER}"' in answer.text
    assert "wrong" not in answer.text.partition("<form")[2].replace('"wrong"', "")
    assert 'name="code_challenge"' in answer.text


@pytest.mark.parametrize(
    "changed",
    [{"redirect_uri": "https://evil.example.com/"}, {"client_id": "unknown"}, {"response_type": "token"}],
    ids=["redirect address", "client", "flow"],
)
async def test_what_the_client_may_not_is_refused_on_the_page(browser: Browser, changed: dict[str, str]) -> None:
    answer = await browser.authorize(**changed)

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "location" not in answer.headers


async def test_a_form_cannot_send_the_code_elsewhere(browser: Browser) -> None:
    answer = await browser.submit(PASSWORD, redirect_uri="https://evil.example.com/")

    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_refresh_gives_a_new_access_token_until_it_is_revoked(browser: Browser) -> None:
    tokens = await browser.signed_in()
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    renewed = await browser.token(**refresh)
    revoked = await browser.http.post(
        "/oauth2/revoke", data={"token": tokens["refresh_token"], "client_id": browser.stack.client_id}
    )
    late = await browser.token(**refresh)

    assert renewed.status_code == 200
    assert renewed.headers["access-control-allow-origin"] == "*"
    assert renewed.json()["access_token"] not in ("", tokens["access_token"])
    assert "id_token" not in renewed.json()  # MiniStack's ID token would claim a new sign-in
    assert revoked.status_code == 200
    assert (late.status_code, late.json()["error"]) == (400, "invalid_grant")


async def test_sign_out_goes_back_to_the_app_only(browser: Browser) -> None:
    client = {"client_id": browser.stack.client_id}

    away = await browser.http.get("/logout", params={**client, "logout_uri": browser.stack.redirect_uri})
    elsewhere = await browser.http.get("/logout", params={**client, "logout_uri": "https://evil.example.com/"})

    assert (away.status_code, away.headers["location"]) == (302, browser.stack.redirect_uri)
    assert elsewhere.status_code == 400
