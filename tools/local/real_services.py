"""Real AWS services for the local function: each request is signed again with the developer's own credentials.

    async with real_services(["bedrock-runtime"], function_key) as variables:
        variables                   # {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:43210"}

The assistant creates its clients as on Lambda, and botocore sends them to these addresses. The developer's credentials
(environment, profile, single sign-on) stay in this process, which accepts requests with the function's key only. The
function's role is not checked for these services: AWS sees the developer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import botocore.session
import h11
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, UnknownServiceError

from tools.app.folder import AppError
from tools.local.http_server import HttpConnection, HttpServer
from tools.stack.operator import REGION_VARIABLES

MAX_BODY_BYTES = 25 * 1024 * 1024
TIMEOUT = httpx.Timeout(10, read=300)
HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
OF_A_SIGNATURE = frozenset({"authorization", "host", "content-length", "x-amz-date", "x-amz-security-token"})
NO_CREDENTIALS = "this machine has no AWS credentials: set AWS_PROFILE, or run `aws configure` or `aws sso login`"
NO_REGION = "set AWS_REGION, or `region` in your profile"
_KEY = re.compile(r"Credential=([^/]+)/")


class NoOwnCredentialsError(BotoCoreError):
    """The developer has no credentials."""

    fmt = NO_CREDENTIALS


class RealService(HttpServer):
    """The address of one service. Requests go to AWS with the session's credentials; responses stream back."""

    def __init__(self, service: str, session: Any, region: str, function_key: str) -> None:
        super().__init__(self._forward)
        try:
            client: Any = session.create_client(service, region_name=region)
        except UnknownServiceError as error:
            raise AppError(f"app/app.toml: [aws] {service}: not a service of boto3, such as bedrock-runtime") from error
        self.endpoint: str = client.meta.endpoint_url
        self.variable = f"AWS_ENDPOINT_URL_{client.meta.service_model.service_id.replace(' ', '_').upper()}"
        self._signing_name: str = client.meta.service_model.signing_name
        client.close()
        self._session, self._region, self._function_key = session, region, function_key
        self._aws = httpx.AsyncClient(timeout=TIMEOUT, trust_env=True)

    async def stop(self) -> None:
        await super().stop()
        await self._aws.aclose()

    async def _forward(self, connection: HttpConnection, request: h11.Request) -> None:
        fields = [(name.decode().lower(), value.decode("latin-1")) for name, value in request.headers]
        body = await connection.body(MAX_BODY_BYTES)
        key = _KEY.search(dict(fields).get("authorization", ""))
        if key is None or key[1] != self._function_key:
            await _refuse(connection, 403, "AccessDeniedException", "only the local function may use this address")
        elif body is None:
            await _refuse(connection, 413, "ValidationException", f"the request exceeds {MAX_BODY_BYTES} bytes")
        else:
            await self._send(connection, request, fields, body)

    async def _send(
        self, connection: HttpConnection, request: h11.Request, fields: list[tuple[str, str]], body: bytes
    ) -> None:
        started = False
        try:
            headers = self._signed(request, fields, body)
            url = self.endpoint + request.target.decode("latin-1")
            sent = self._aws.build_request(request.method.decode(), url, headers=headers, content=body)
            answer = await self._aws.send(sent, stream=True)
            try:
                started = True
                await _relay(connection, answer)
            finally:
                await answer.aclose()
        except (httpx.TransportError, BotoCoreError) as error:
            if started:
                connection.abort()
            else:
                reason = f"{self.endpoint}: {error or type(error).__name__}"
                await _refuse(connection, 403, "AccessDeniedException", reason)

    def _signed(self, request: h11.Request, fields: list[tuple[str, str]], body: bytes) -> dict[str, str]:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoOwnCredentialsError
        headers = {name: value for name, value in fields if name not in HOP_BY_HOP | OF_A_SIGNATURE}
        url = self.endpoint + request.target.decode("latin-1")
        aws_request = AWSRequest(method=request.method.decode(), url=url, data=body, headers=headers)
        SigV4Auth(credentials.get_frozen_credentials(), self._signing_name, self._region).add_auth(aws_request)
        return dict(aws_request.headers.items())


@asynccontextmanager
async def real_services(services: Sequence[str], function_key: str) -> AsyncGenerator[dict[str, str]]:
    """Serve an address for each service, and yield the variables that point the function's clients there.

    Raises AppError for a service that boto3 does not know, or without a region.
    """
    session: Any = botocore.session.get_session()
    region = region_of(session)
    async with AsyncExitStack() as parts:
        variables: dict[str, str] = {}
        for name in services:
            server = await parts.enter_async_context(RealService(name, session, region, function_key))
            variables[server.variable] = server.url
        yield variables


def region_of(session: Any) -> str:
    """Return the developer's region. Raises AppError, which names the remedy."""
    for name in REGION_VARIABLES:
        if region := os.environ.get(name):
            return region
    if region := session.get_config_variable("region"):
        return region
    raise AppError(f"app/app.toml: real AWS services need a region: {NO_REGION}")


async def _relay(connection: HttpConnection, answer: httpx.Response) -> None:
    fields = [(name, value) for name, value in answer.headers.raw if name.decode().lower() not in HOP_BY_HOP]
    await connection.send(h11.Response(status_code=answer.status_code, headers=fields))
    async for chunk in answer.aiter_raw():
        if chunk:
            await connection.send(h11.Data(data=chunk))
    await connection.send(h11.EndOfMessage())


async def _refuse(connection: HttpConnection, status: int, kind: str, message: str) -> None:
    headers = [("content-type", "application/json"), ("x-amzn-errortype", kind)]
    await connection.respond(status, headers, json.dumps({"message": message}).encode())
