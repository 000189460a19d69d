"""Callers that the servers of the local stack accept: programs, and pages of this machine.

    refusal({"host": "evil.example:5173"})      # "the Host header …", or None

Every server listens on the loopback interface only, but any page that a browser on this machine has open can send
requests there: with its own origin, or, after it has pointed its host name at 127.0.0.1, with its own Host (DNS
rebinding). Standard library only, because MiniStack's process imports it (see `ministack_app`).
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
AWS_DOMAINS = (".amazonaws.com", ".cloudfront.net", ".on.aws")
"""Host names of AWS, which a page cannot point at this machine. MiniStack selects services by them."""
REMEDY = "requests to the local stack must come from this machine, http://localhost or http://127.0.0.1"


def refusal(headers: Mapping[str, str], query: str | None = None, domains: tuple[str, ...] = ()) -> str | None:
    """Return the reason to refuse a request, or None. The names in `headers` are in lower case.

    `domains` are accepted suffixes of the host besides this machine. `query` is given for a server with AWS's APIs: a
    page may send it a request without an Origin header, as for an image, only if the URL is signed by a user or role.
    """
    host, origin = headers.get("host", ""), headers.get("origin")
    if not (_is_local(name := _hostname(f"//{host}")) or name.endswith(domains or "\n")):
        return f"the Host header does not name this machine: {REMEDY}"
    if origin is not None:
        return None if _is_local(_hostname(origin)) else f"the Origin header names another site: {REMEDY}"
    if query is not None and headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _is_signed(query):
        return f"a page of another site sent the request: {REMEDY}"
    return None


def _hostname(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_local(name: str) -> bool:
    return name in LOOPBACK or name.endswith(".localhost")


def _is_signed(query: str) -> bool:
    """Return whether a URL is presigned with a key other than MiniStack's root key, which needs no signature."""
    fields = parse_qs(query)
    (credential,) = fields.get("X-Amz-Credential", [""])[:1]
    return "X-Amz-Signature" in fields and credential.partition("/")[0] not in ("", "test")
