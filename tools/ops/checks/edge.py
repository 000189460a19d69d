"""What a browser gets from CloudFront: the site, its headers, and the API beside it."""

from __future__ import annotations

import json

import httpx

from tools.ops.doctor import Check, FailedError, Stack, UnknownError
from tools.stack.publish import site_config

WANTED = {
    "content-security-policy": ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"),
    "strict-transport-security": ("max-age=",),
    "x-content-type-options": ("nosniff",),
    "referrer-policy": ("strict-origin",),
    "x-frame-options": ("DENY",),
}


async def headers(stack: Stack) -> str:
    """The site comes with the template's security headers."""
    async with stack.site() as site:
        answer = await site.get("/")
    missing = [
        name for name, parts in WANTED.items() if not all(part in answer.headers.get(name, "") for part in parts)
    ]
    if missing:
        raise FailedError(f"missing or weak: {', '.join(missing)}")
    return f"{len(WANTED)} headers, CSP among them"


async def site(stack: Stack) -> str:
    """The published frontend belongs to this stack, and its views are index.html."""
    async with stack.site() as http:
        page, view, config = [await http.get(path) for path in ("/", "/threads/any", "/config.json")]
    if page.status_code in (403, 404):
        raise UnknownError("no frontend is published", "make publish ENV=… after the frontend was built")
    if page.status_code != 200 or view.text != page.text:
        raise FailedError(f"/ is {page.status_code}, a view of the app {view.status_code}")
    wanted = site_config(stack.outputs)
    wrong = [name for name, value in wanted.items() if name != "domainKey" and config.json().get(name) != value]
    if wrong:
        raise FailedError(f"config.json is of another stack: {', '.join(wrong)}")
    return "index.html, also for the app's views; config.json names this stack"


async def api_errors(stack: Stack) -> str:
    """An error of the API stays one: it never becomes index.html."""
    if stack.local:
        raise UnknownError("the local front is not behind CloudFront", "make doctor ENV=…")
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.get(f"{stack.api}/chatkit/no-such-route")
    if answer.status_code < 400 or "html" in answer.headers.get("content-type", ""):
        raise FailedError(f"{answer.status_code} {answer.headers.get('content-type')}")
    return f"an unknown route of the API is {answer.status_code}, as JSON"


async def closed_url(stack: Stack) -> str:
    """The Function URL takes nothing that CloudFront did not sign."""
    if stack.local:
        raise UnknownError("the local front checks no signature", "make doctor ENV=…")
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.get(f"{stack.outputs['ChatUrl'].rstrip('/')}/chatkit")
    if answer.status_code != 403:
        raise FailedError(f"the Function URL answered a stranger with {answer.status_code}")
    return "the Function URL refuses a stranger: 403"


async def domain_key(stack: Stack) -> str:
    """ChatKit's script accepts this host name."""
    host = httpx.URL(stack.origin).host
    key = None
    async with stack.site() as http:
        answer = await http.get("/config.json")
        if answer.status_code == 200:
            key = json.loads(answer.text).get("domainKey")
    if not key and not stack.local:
        raise FailedError(f"config.json has no domain key for {host}")
    raise UnknownError(
        "only OpenAI knows whether the key fits the host; on localhost any key does",
        f"platform.openai.com, settings, domain allow-list: {host}; then open the site",
    )


CHECKS = (
    Check("site", site, "make publish ENV=…"),
    Check("security headers", headers, "deploy template.yaml again: resource SecurityHeaders on both behaviours"),
    Check("API errors stay errors", api_errors, "no ResponsePagePath in CustomErrorResponses; see SiteViews"),
    Check(
        "the Function URL is closed", closed_url, "FunctionUrlConfig AuthType AWS_IAM, no permission but CloudFront's"
    ),
    Check(
        "domain key", domain_key, "CHATKIT_DOMAIN_KEY=… make publish ENV=…; the key is on platform.openai.com, domains"
    ),
)
