"""A user at a browser: actions and locators that are the same for both chats.

    visitor = await enter("plain")
    await visitor.sign_in(house.person())
    await visitor.send("What are my balances?")
    await expect(visitor.answer).to_contain_text("in total")

The stand-in for ChatKit's element uses the plain chat's roles and names.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import BrowserContext, Locator, Page, Request, expect

from tools.client.sign_in import PASSWORD

WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  window.testViolated(`${event.effectiveDirective} ${event.blockedURI}`));
new MutationObserver(() => {
  if (window.testUnwatched) return;
  const answers = document.querySelectorAll("article[aria-label=Answer]");
  const length = answers.length ? answers[answers.length - 1].textContent.length : 0;
  if (length) window.testGrew(length);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Reports policy violations and the growing length of an answer to the test. Runs before the page's own code."""


@dataclass
class Visitor:
    """A page and its record: `violations` (`directive url`), `growth` (epoch seconds, length) and `requests`."""

    page: Page
    site: str
    violations: list[str] = field(default_factory=list[str])
    growth: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    requests: list[Request] = field(default_factory=list[Request])

    @classmethod
    async def enter(cls, context: BrowserContext, site: str) -> Visitor:
        """Open a page in `context` and record its events from the start."""
        page = await context.new_page()
        visitor = cls(page, site)
        await page.expose_function("testViolated", lambda text: visitor.violations.append(text))
        await page.expose_function("testGrew", lambda length: visitor.growth.append((time.time(), length)))
        await page.add_init_script(WATCH)
        page.on("request", lambda request: visitor.requests.append(request))
        return visitor

    async def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression or its promise. The debugger bypasses the content policy."""
        cdp = await self.page.context.new_cdp_session(self.page)
        answer = await cdp.send(
            "Runtime.evaluate", {"expression": expression, "awaitPromise": True, "returnByValue": True}
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    # --- sign-in ---

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Open the site, sign in and wait for the chat."""
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
