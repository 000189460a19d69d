"""Checks of CloudFront: the site, its headers, and the API under the same origin."""

from __future__ import annotations

import json

import httpx

from tools.ops.doctor import Check, FailedError, Target, UnknownError
from tools.stack.publish import site_config

WANTED = {
    "content-security-policy": ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"),
    "strict-transport-security": ("max-age=",),
    "x-content-type-options": ("nosniff",),
    "referrer-policy": ("strict-origin",),
    "x-frame-options": ("DENY",),
}


async def headers(target: Target) -> str:
    """The site has the template's security headers."""
    async with target.site() as site:
        answer = await site.get("/")
    missing = [
        name for name, parts in WANTED.items() if not all(part in answer.headers.get(name, "") for part in parts)
    ]
    if missing:
        raise FailedError(f"missing or weaker than the template's: {', '.join(missing)}")
    return f"{len(WANTED)} headers, CSP among them"


async def site(target: Target) -> str:
    """The published frontend belongs to this stack, and its views are index.html."""
    async with target.site() as http:
        page, view, config = [await http.get(path) for path in ("/", "/threads/any", "/config.json")]
    if page.status_code in (403, 404) and target.local:
        raise UnknownError("make dev serves the page itself, from frontend/dist", "make doctor ENV=…")
    if page.status_code in (403, 404):
        raise UnknownError("no frontend has been published yet", "make publish ENV=…")
    if page.status_code != 200 or view.text != page.text:
        raise FailedError(f"/ returns {page.status_code}, a view of the app {view.status_code}")
    wanted = site_config(target.outputs)
    wrong = [name for name, value in wanted.items() if name != "domainKey" and config.json().get(name) != value]
    if wrong:
        raise FailedError(f"config.json belongs to another stack; different: {', '.join(wrong)}")
    return "index.html for / and the app's views; config.json belongs to this stack"


async def api_errors(target: Target) -> str:
    """CloudFront does not replace errors of the API by index.html."""
    if target.local:
        raise UnknownError("the local Function URL is not behind CloudFront", "make doctor ENV=…")
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.get(f"{target.api}/chatkit/no-such-route")
    if answer.status_code < 400 or "html" in answer.headers.get("content-type", ""):
        raise FailedError(
            f"an unknown route returns {answer.status_code} {answer.headers.get('content-type')} instead of an error"
        )
    return f"an unknown route of the API returns {answer.status_code} and JSON"


async def closed_url(target: Target) -> str:
    """The Function URL rejects requests that CloudFront did not sign."""
    if target.local:
        raise UnknownError("the local Function URL does not verify signatures", "make doctor ENV=…")
    async with httpx.AsyncClient(timeout=30) as http:
        answer = await http.get(f"{target.outputs['ChatUrl'].rstrip('/')}/chatkit")
    if answer.status_code != 403:
        raise FailedError(f"the Function URL returns {answer.status_code} for an unsigned request, not 403")
    return "the Function URL returns 403 for an unsigned request"


async def domain_key(target: Target) -> str:
    """ChatKit's script accepts this host name."""
    host = httpx.URL(target.origin).host
    key = None
    async with target.site() as http:
        answer = await http.get("/config.json")
        if answer.status_code == 200:
            key = json.loads(answer.text).get("domainKey")
    if not key and not target.local:
        raise FailedError(f"config.json contains no domain key for {host}")
    raise UnknownError(
        "only OpenAI can tell whether the key belongs to the host; on localhost every key works",
        f"add {host} to the domain allow-list in the settings of platform.openai.com, then open the site",
    )


CHECKS = (
    Check("site", site, "publish the frontend again: make publish ENV=…"),
    Check(
        "security headers", headers, "deploy again; template.yaml must attach SecurityHeaders to both cache behaviors"
    ),
    Check(
        "API errors stay errors",
        api_errors,
        "remove ResponsePagePath from CustomErrorResponses; the CloudFront function SiteViews maps the views",
        ("health",),
    ),
    Check(
        "the Function URL is closed",
        closed_url,
        "set FunctionUrlConfig.AuthType to AWS_IAM and permit invocation to CloudFront only",
    ),
    Check(
        "domain key",
        domain_key,
        "CHATKIT_DOMAIN_KEY=… make publish ENV=…; the key is in the domain settings of platform.openai.com",
    ),
)
