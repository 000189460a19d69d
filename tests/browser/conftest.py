"""Fixtures: the local stack with its site, and Chromium, started once for each test worker."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright, expect

from store_dynamo import DynamoStore
from store_dynamo.expressions import Clock, utc_now
from tests.browser.cdn import ChatKitCdn
from tests.browser.visitor import PASSWORD, Visitor
from tests.pace import QUICK_SECONDS, Pace, paced
from tools import ROOT
from tools.client.sign_in import SCOPES, create_user, sign_in
from tools.local.ministack import free_port
from tools.local.site.frontend import DIST, Site, running_site, site_origin
from tools.local.stack import Stack, running_stack

LIMIT_MS = 30_000  # generous, for a busy machine; no test normally waits this long
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NOWHERE_ELSE = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
SCREENSHOTS = ROOT / ".local" / "screenshots"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if (ROOT / "app" / "web").is_dir():
                item.add_marker(pytest.mark.skip("the page has the texts of app/web, which these tests do not know"))


@dataclass
class House:
    """The stack, its site, and one browser for each chat (`wiring`)."""

    stack: Stack
    site: Site
    browsers: dict[str, Browser]

    def person(self, name: str = "ana") -> str:
        """Create a user in the pool and return the email address."""
        email = f"{name}-{uuid.uuid4().hex[:8]}@example.com"
        create_user(self.stack.aws, email, PASSWORD)
        return email

    async def session_of(self, email: str) -> dict[str, str]:
        """Sign a user in as the page does, and return the record that oidc-client-ts keeps in the tab's storage."""
        tokens = await asyncio.to_thread(sign_in, self.stack.aws, email, PASSWORD)
        payload = tokens.id_token.split(".")[1]
        user = {
            "access_token": tokens.access_token,
            "id_token": tokens.id_token,
            "refresh_token": tokens.refresh_token,
            "token_type": "Bearer",
            "scope": SCOPES,
            "profile": json.loads(base64.urlsafe_b64decode(f"{payload}==")),
            "expires_at": int(time.time()) + tokens.expires_in,
        }
        config = self.site.config
        return {f"oidc.user:{config['authority']}:{config['clientId']}": json.dumps(user)}

    def id_of(self, email: str) -> str:
        """Return a user's id: the `sub` of the pool."""
        with closing(self.stack.server.client("cognito-idp")) as cognito:
            user = cognito.admin_get_user(UserPoolId=self.stack.aws.user_pool_id, Username=email)
        return next(each["Value"] for each in user["UserAttributes"] if each["Name"] == "sub")

    def sign_out_everywhere(self, email: str) -> None:
        """Revoke every refresh token of a user."""
        with closing(self.stack.server.client("cognito-idp")) as cognito:
            cognito.admin_user_global_sign_out(UserPoolId=self.stack.aws.user_pool_id, Username=email)

    @contextmanager
    def store(self, clock: Clock = utc_now) -> Iterator[DynamoStore[str]]:
        """Yield the stack's store for an operator; its contexts are the ids of users."""
        with closing(self.stack.server.client("dynamodb")) as client:
            yield DynamoStore[str](table=self.stack.aws.table, client=client, user_of=lambda user: user, clock=clock)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert chromium, "chromium is not on the PATH: run the tests by make test, which installs one"
    assert (DIST / "index.html").exists(), "the frontend is not built: run make frontend"
    expect.set_options(timeout=LIMIT_MS)
    port = free_port()
    log = tmp_path_factory.mktemp("browser") / "function.log"
    async with AsyncExitStack() as parts:
        stack = await parts.enter_async_context(running_stack(lambda _: None, log=log, site_origin=site_origin(port)))
        assert stack.model is not None
        stack.model.delay_seconds = QUICK_SECONDS
        # A page sends several requests at once, while turns that the test before has left still run. On a busy machine,
        # cold starts for all of them reach the usual limit of four: 429, and the page offers to try again.
        stack.function.max_processes = 8
        await stack.function.start_processes(2)
        site = await parts.enter_async_context(running_site(stack, port))
        cdn = await parts.enter_async_context(ChatKitCdn())
        playwright = await parts.enter_async_context(async_playwright())
        # One browser cannot reach OpenAI's CDN; the other one reaches the stand-in in its place.
        blocked = await _launched(parts, playwright, chromium, NOWHERE_ELSE)
        official = await _launched(parts, playwright, chromium, f"{cdn.resolver_rule}, {NOWHERE_ELSE}")
        yield House(stack, site, {"plain": blocked, "official": official})


async def _launched(parts: AsyncExitStack, playwright: Playwright, chromium: str, resolver_rules: str) -> Browser:
    flags = [*FLAGS, f"--host-resolver-rules={resolver_rules}"]
    return await parts.enter_async_context(await playwright.chromium.launch(executable_path=chromium, args=flags))


@pytest.fixture
def pace(house: House) -> Iterator[Pace]:
    """The pace of the model's answers."""
    with paced(house.stack.model) as pace:
        yield pace


@pytest.fixture(params=["plain", "official"])
def wiring(request: pytest.FixtureRequest) -> str:
    """The chat that the page shows."""
    return str(request.param)


Enter = Callable[..., Any]


@pytest_asyncio.fixture(loop_scope="session")
async def enter(house: House) -> AsyncIterator[Enter]:
    """Return a function that opens the site for a new visitor, in a separate browser profile.

    Fails if a visitor saw a violation of the Content Security Policy. A test that provokes violations clears the list.
    """
    visitors: list[Visitor] = []
    async with AsyncExitStack() as contexts:

        async def enter_as(wiring: str, **options: Any) -> Visitor:
            options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", **options}
            made = await house.browsers[wiring].new_context(ignore_https_errors=True, **options)
            context = await contexts.enter_async_context(made)
            context.set_default_timeout(LIMIT_MS)
            visitors.append(await Visitor.enter(context, house.site.url, house.session_of))
            return visitors[-1]

        yield enter_as
    assert [each.violations for each in visitors] == [[] for _ in visitors]


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(house: House, enter: Enter, wiring: str) -> Visitor:
    """A new user, signed in, with an empty chat."""
    visitor: Visitor = await enter(wiring)
    await visitor.sign_in(house.person())
    return visitor
