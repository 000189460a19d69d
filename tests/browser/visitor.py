"""A user at a browser: actions and locators that are the same for both chats.

    visitor = await enter("plain")
    await visitor.sign_in(house.person())
    await visitor.send("What are my balances?")
    await expect(visitor.answer).to_contain_text("in total")

The stand-in for ChatKit's element uses the plain chat's roles and names.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Locator, Page, Request, expect

from tools.client.sign_in import PASSWORD

SessionOf = Callable[[str], Awaitable[dict[str, str]]]
"""Signs a user in and returns entries for the tab's storage."""
WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  window.testViolated(`${event.effectiveDirective} ${event.blockedURI}`));
"""
"""Reports policy violations to the test. Runs before the page's own code."""


@dataclass
class Visitor:
    """A page and its record: `violations` (`directive url`) and `requests`."""

    page: Page
    site: str
    violations: list[str] = field(default_factory=list[str])
    requests: list[Request] = field(default_factory=list[Request])
    email: str = ""
    session_of: SessionOf | None = None
    _debugger: CDPSession | None = None

    @classmethod
    async def enter(cls, context: BrowserContext, site: str, session_of: SessionOf | None = None) -> Visitor:
        """Open a page in `context` and record its events from the start."""
        page = await context.new_page()
        visitor = cls(page, site, session_of=session_of)
        await page.expose_function("testViolated", lambda text: visitor.violations.append(text))
        await page.add_init_script(WATCH)
        page.on("request", lambda request: visitor.requests.append(request))
        # pytest shows these lines with a test that fails.
        page.on("requestfailed", lambda request: print("failed:", request.method, request.url, request.failure))
        page.on("pageerror", lambda error: print("error of the page:", error))
        page.on("console", lambda message: print("console:", message.type, message.text))
        return visitor

    async def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression or its promise. The debugger bypasses the content policy."""
        self._debugger = self._debugger or await self.page.context.new_cdp_session(self.page)
        answer = await self._debugger.send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    # --- sign-in ---

    async def sign_in(self, email: str) -> None:
        """Open the site as a user who has signed in, without the form, and wait for the chat."""
        assert self.session_of is not None
        self.email = email
        await self.page.goto(f"{self.site}/favicon.svg")  # the site's storage, without the page
        await self.run(f"void Object.assign(sessionStorage, {json.dumps(await self.session_of(email))})")
        await self.page.goto(self.site)
        await expect(self.message).to_be_visible()

    async def sign_in_by_form(self, email: str, password: str = PASSWORD) -> None:
        """Open the site, sign in and wait for the chat."""
        self.email = email
        await self.page.goto(self.site)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.fill_in(email, password)
        await expect(self.message).to_be_visible()

    async def fill_in(self, email: str, password: str = PASSWORD) -> None:
        """Fill in and submit the sign-in form."""
        await self.page.get_by_label("Email address").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()

    # --- the chat ---

    @property
    def message(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message")

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("article", name="Answer")

    @property
    def answer(self) -> Locator:
        return self.answers.last

    @property
    def said(self) -> Locator:
        return self.page.get_by_role("article", name="You said")

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    async def submit(self, text: str) -> None:
        """Send a message without waiting for the answer."""
        await self.message.fill(text)
        await self.page.get_by_role("button", name="Send", exact=True).click()

    async def send(self, text: str) -> None:
        """Send a message and wait for the end of its turn, client tools included."""
        before = await self.said.count()
        await self.submit(text)
        await expect(self.said).to_have_count(before + 1)
        await self.wait_until_idle()

    async def wait_until_idle(self) -> None:
        await expect(self.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
        await expect(self.page.locator("article[aria-busy=true]")).to_have_count(0)

    async def stop(self) -> None:
        await self.page.get_by_role("button", name="Stop", exact=True).click()

    async def attach(self, *files: Any) -> None:
        """Attach files: `{"name": …, "mimeType": …, "buffer": …}`."""
        await self.page.get_by_label("Files", exact=True).set_input_files(list(files))

    async def open_history(self) -> Locator:
        """Open the history and return it."""
        await self.page.get_by_role("button", name="History").click()
        return self.page.get_by_role("region", name="History")

    @property
    def panel(self) -> Locator:
        return self.page.get_by_role("complementary", name="My money")

    def posts(self, kind: str) -> list[Request]:
        """Return the ChatKit requests of one type so far."""
        return [each for each in self.requests if each.method == "POST" and f'"{kind}"' in (each.post_data or "")]
