"""The site's Content Security Policy blocks injected scripts, images, frames, connections and forms."""

from __future__ import annotations

import pytest

from tests.browser.conftest import House
from tests.browser.visitor import Visitor

ATTACKS = {
    "script-src-elem inline": "append('script', { textContent: 'window.stolen = 1' })",
    "script-src-elem https://evil.example.com/x.js": "append('script', { src: 'https://evil.example.com/x.js' })",
    "script-src-attr inline": "append('b', {}).setAttribute('onclick', 'window.stolen = 1'), last.click()",
    "img-src https://evil.example.com/x.png": "append('img', { src: 'https://evil.example.com/x.png' })",
    "frame-src https://evil.example.com": "append('iframe', { src: 'https://evil.example.com/' })",
    "connect-src https://evil.example.com/": "fetch('https://evil.example.com/', { mode: 'no-cors' }).catch(() => 0)",
    "object-src https://evil.example.com": "append('object', { data: 'https://evil.example.com/' })",
    "form-action https://evil.example.com/?": "append('form', { action: 'https://evil.example.com/' }).submit()",
    "base-uri https://evil.example.com/": "append('base', { href: 'https://evil.example.com/' })",
}


@pytest.mark.feature("page-policy")
@pytest.mark.scenario("CSP: injected script, image, frame …")
async def test_nothing_foreign_runs_or_loads(house: House, visitor: Visitor) -> None:
    await visitor.run("""
      var last;
      var append = (tag, properties) =>
        document.body.appendChild(last = Object.assign(document.createElement(tag), properties));""")
    for attack in ATTACKS.values():
        await visitor.run(f"void ({attack})")
    stolen = await visitor.run("typeof window.stolen")

    for _ in range(100):
        if len(visitor.violations) >= len(ATTACKS):
            break
        await visitor.page.wait_for_timeout(50)
    assert sorted(visitor.violations) == sorted(ATTACKS)
    assert stolen == "undefined"
    visitor.violations.clear()


@pytest.mark.scenario("CSP: the site cannot be framed")
async def test_site_cannot_be_framed(house: House, visitor: Visitor) -> None:
    answer = await visitor.page.request.get(house.site.url)

    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
