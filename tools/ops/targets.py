"""Which stack the doctor looks at: the one of `make dev`, any stack in a MiniStack, or a deployed one.

stack = in_ministack(endpoint, stack_name, api=front.url)
stack = deployed(Deployment.of("dev"))
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import boto3
import httpx

from tools.client.sign_in import create_user, sign_in
from tools.local.ministack import REGION, ROOT_KEY
from tools.ops.doctor import Stack
from tools.stack.deployment import Deployment, client

PASSWORD = "Correct-Horse-7-Battery"
SITE_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class _Pool:
    """What signing in to a local pool needs."""

    endpoint: str
    user_pool_id: str
    client_id: str
    redirect_uri: str

    def token(self, user: str) -> str:
        create_user(self, user, PASSWORD)
        return sign_in(self, user, PASSWORD).access_token


def in_ministack(endpoint: str, stack_name: str, api: str) -> Stack:
    """Return a local stack with two users of the doctor's own; its API answers at `api`."""
    clients = _clients(endpoint)
    with closing(clients("cloudformation")) as cloudformation:
        found = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}
    pool_id, client_id = outputs["UserPoolId"], outputs["UserPoolClientId"]
    with closing(clients("cognito-idp")) as cognito:
        described = cognito.describe_user_pool_client(UserPoolId=pool_id, ClientId=client_id)["UserPoolClient"]
    pool = _Pool(endpoint, pool_id, client_id, described["CallbackURLs"][0])
    return Stack(
        outputs=outputs,
        parameters={each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]},
        api=api,
        site=lambda: _local_edge(endpoint, outputs["DistributionDomain"]),
        client=clients,
        token=pool.token("doctor@example.com"),
        other_token=pool.token("patient@example.com"),
        local=True,
    )


def _clients(endpoint: str) -> Callable[[str], Any]:
    def of(service: str) -> Any:
        return boto3.client(  # pyright: ignore[reportCallIssue, reportUnknownMemberType, reportUnknownVariableType]
            service,  # pyright: ignore[reportArgumentType]
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=ROOT_KEY.access_key,
            aws_secret_access_key=ROOT_KEY.secret_key,
        )

    return of


def _local_edge(endpoint: str, domain: str) -> httpx.AsyncClient:
    """MiniStack's CloudFront: it goes by the host's name and believes the protocol that a proxy states."""
    headers = {"host": domain, "x-forwarded-proto": "https"}
    return httpx.AsyncClient(base_url=endpoint, headers=headers, timeout=SITE_TIMEOUT_SECONDS)


def deployed(deployment: Deployment) -> Stack:
    """Return a deployed stack; users' tokens come from CHATKIT_TOKEN and CHATKIT_OTHER_TOKEN."""
    outputs = deployment.outputs()
    site = outputs["SiteUrl"]
    return Stack(
        outputs=outputs,
        parameters=deployment.parameters(),
        api=site,
        site=lambda: httpx.AsyncClient(base_url=site, timeout=SITE_TIMEOUT_SECONDS),
        client=client,
        token=os.environ.get("CHATKIT_TOKEN"),
        other_token=os.environ.get("CHATKIT_OTHER_TOKEN"),
    )
