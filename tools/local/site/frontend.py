"""The frontend in front of a running stack, with local replacements for CloudFront and Cognito's pages.

    async with running_stack(report, site_origin=site_origin(port)) as stack, running_site(stack, port) as site:
        site.url                                     # the address for a browser

The stack must be deployed with the site's origin, which is the client's callback and the bucket's CORS origin.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tools import ROOT
from tools.local.aws import LocalStack
from tools.local.sign_in.page import SignInServer
from tools.local.site.edge import Edge, read_timeout_seconds
from tools.local.site.files import SiteFiles
from tools.local.site.headers import security_headers
from tools.local.stack import Stack
from tools.stack.publish import site_config
from tools.stack.template import read_template

DIST = ROOT / "frontend" / "dist"


@dataclass(frozen=True)
class Site:
    """A running site: the origin of frontend and API, and the address of the sign-in page."""

    url: str
    sign_in_url: str
    config: Mapping[str, str | int]


def site_origin(port: int) -> str:
    """Return the origin of a site on `port`, the template's parameter SiteOrigin."""
    return f"http://localhost:{port}"


@asynccontextmanager
async def running_site(
    stack: Stack, port: int, demo_user: tuple[str, str] | None = None, edge_port: int | None = None
) -> AsyncGenerator[Site]:
    """Serve the built frontend and the API on `port`, and a sign-in page on a free port.

    `edge_port` is a different port for the edge if another server (Vite) listens on `port` and forwards to it.
    """
    template = read_template()
    async with SignInServer(stack.aws, demo_user) as page:
        config = local_config(stack.aws, site_origin(port), page.authority, page.url)
        headers = security_headers(template, page.url, stack.aws.endpoint)
        timeout = read_timeout_seconds(template)
        listening = port if edge_port is None else edge_port
        async with Edge(SiteFiles(DIST, config), stack.url, headers, listening, timeout) as edge:
            yield Site(edge.url, page.url, config)


def local_config(aws: LocalStack, site_url: str, authority: str, sign_in_url: str) -> dict[str, str | int]:
    """Return the content of `/config.json` that `make publish` would upload, with the local sign-in addresses."""
    outputs = {
        "UserPoolId": aws.user_pool_id,
        "UserPoolClientId": aws.client_id,
        "SignInDomain": sign_in_url,
        "SiteUrl": site_url,
    }
    key = os.environ.get("CHATKIT_DOMAIN_KEY", "localhost")  # ChatKit accepts any key on localhost
    return {**site_config(outputs, key), "authority": authority}
