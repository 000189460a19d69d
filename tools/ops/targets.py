"""The stacks that the doctor examines: the one of `make dev`, any stack in a MiniStack, or a deployed one.

target = in_ministack(endpoint, stack_name, api=front.url)
target = deployed(Deployment.of("dev"))
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import httpx

from tools.client.sign_in import PASSWORD, create_user, sign_in
from tools.ops.doctor import Target
from tools.stack.clients import local_client, operator_client
from tools.stack.deployment import Deployment
from tools.stack.description import describe

SITE_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class _Pool:
    """A local user pool as `create_user` and `sign_in` take it."""

    endpoint: str
    user_pool_id: str
    client_id: str
    redirect_uri: str

    def token(self, user: str) -> str:
        create_user(self, user, PASSWORD)
        return sign_in(self, user, PASSWORD).access_token


def in_ministack(endpoint: str, stack_name: str, api: str) -> Target:
    """Return a local stack whose API is at `api`, and create two users for the checks in it."""
    with closing(local_client("cloudformation", endpoint)) as cloudformation:
        described = describe(cloudformation, stack_name)
    outputs = described.outputs
    pool_id, client_id = outputs["UserPoolId"], outputs["UserPoolClientId"]
    with closing(local_client("cognito-idp", endpoint)) as cognito:
        client = cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)["UserPoolClient"]
    pool = _Pool(endpoint, pool_id, client_id, client["CallbackURLs"][0])
    return Target(
        outputs=outputs,
        parameters=described.parameters,
        api=api,
        site=lambda: _local_edge(endpoint, outputs["DistributionDomain"]),
        client=partial(local_client, endpoint=endpoint),
        token=pool.token("doctor@example.com"),
        other_token=pool.token("patient@example.com"),
        local=True,
    )


def _local_edge(endpoint: str, domain: str) -> httpx.AsyncClient:
    """Return a client of MiniStack's CloudFront, which selects the distribution by host and trusts the proxy header."""
    headers = {"host": domain, "x-forwarded-proto": "https"}
    return httpx.AsyncClient(base_url=endpoint, headers=headers, timeout=SITE_TIMEOUT_SECONDS)


def deployed(deployment: Deployment) -> Target:
    """Return a deployed stack. CHATKIT_TOKEN and CHATKIT_OTHER_TOKEN are the users' access tokens."""
    outputs = deployment.outputs()
    site = outputs["SiteUrl"]
    return Target(
        outputs=outputs,
        parameters=deployment.parameters(),
        api=site,
        site=lambda: httpx.AsyncClient(base_url=site, timeout=SITE_TIMEOUT_SECONDS),
        client=operator_client,
        token=os.environ.get("CHATKIT_TOKEN"),
        other_token=os.environ.get("CHATKIT_OTHER_TOKEN"),
    )
