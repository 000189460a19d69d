"""Services that app/ declares as real: signed with the developer's key, streamed back, closed to everyone else."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import botocore.session
import h11
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStream
from botocore.exceptions import ClientError

from tools.app.folder import AppError
from tools.local.http_server import HttpConnection, HttpServer
from tools.local.real_services import real_services

DEVELOPER = Credentials("AKIADEVELOPER", "developers-secret", "developers-token")
FUNCTION_KEY = "ASIAFUNCTION"
MODEL = "eu.anthropic.claude-x:0"


def event(kind: str, payload: str) -> bytes:
    """Return one message of an AWS event stream."""
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in (
            (b":event-type", kind.encode()),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    body = payload.encode()
    prelude = struct.pack(">II", 12 + len(headers) + len(body) + 4, len(headers))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


class Aws(HttpServer):
    """A stand-in for Bedrock that streams two deltas, the second one when the test allows it."""

    def __init__(self) -> None:
        super().__init__(self._answer, any_caller=True)
        self.requests: list[tuple[h11.Request, bytes]] = []
        self.second = asyncio.Event()

    async def _answer(self, connection: HttpConnection, request: h11.Request) -> None:
        self.requests.append((request, await connection.body(1_000_000) or b""))
        head = [("content-type", "application/vnd.amazon.eventstream")]
        await connection.send(h11.Response(status_code=200, headers=head))
        await connection.send(
            h11.Data(data=event("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"Hello "}}'))
        )
        await asyncio.wait_for(self.second.wait(), 10)
        await connection.send(
            h11.Data(data=event("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"Ana"}}'))
        )
        await connection.send(h11.EndOfMessage())


@pytest.fixture
async def aws(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Aws]:
    async with Aws() as aws:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", aws.url)  # a VPC endpoint of the developer is respected
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEVELOPER.access_key or "")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", DEVELOPER.secret_key or "")
        monkeypatch.setenv("AWS_SESSION_TOKEN", DEVELOPER.token or "")
        monkeypatch.setenv("AWS_REGION", "eu-central-1")
        yield aws


OPENED: list[Any] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the clients of a test; an open connection would be a warning in a later one."""
    yield
    while OPENED:
        OPENED.pop().close()


def function_client(url: str, key: str = FUNCTION_KEY) -> Any:
    """Return the client that the local function has: another key, and the region of the local AWS."""
    session: Any = botocore.session.get_session()
    client = session.create_client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key="local",
        aws_session_token="local-token",
    )
    OPENED.append(client)
    return client


def ask(client: Any) -> EventStream:
    messages = [{"role": "user", "content": [{"text": "Hello"}]}]
    stream: EventStream = client.converse_stream(modelId=MODEL, messages=messages)["stream"]
    OPENED.append(stream)
    return stream


@pytest.mark.feature("real-aws")
async def test_a_stream_arrives_as_it_is_sent(aws: Aws) -> None:
    async with real_services(["bedrock-runtime"], FUNCTION_KEY) as variables:
        client = function_client(variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"])
        stream = iter(await asyncio.to_thread(ask, client))

        first: Any = await asyncio.to_thread(next, stream)
        aws.second.set()
        second: Any = await asyncio.to_thread(next, stream)

    assert first["contentBlockDelta"]["delta"]["text"] == "Hello "
    assert second["contentBlockDelta"]["delta"]["text"] == "Ana"


async def test_is_signed_by_the_developer_for_the_developers_region(aws: Aws) -> None:
    aws.second.set()
    async with real_services(["bedrock-runtime"], FUNCTION_KEY) as variables:
        client = function_client(variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"])
        await asyncio.to_thread(lambda: list(ask(client)))
    ((request, body),) = aws.requests

    sent = {name.decode(): value.decode() for name, value in request.headers}
    assert request.target.decode() == "/model/eu.anthropic.claude-x%3A0/converse-stream"
    assert "Credential=AKIADEVELOPER/" in sent["authorization"]
    assert "/eu-central-1/bedrock/aws4_request" in sent["authorization"]
    assert sent["x-amz-security-token"] == "developers-token"
    assert "local" not in str(sent)
    assert sent["authorization"] == expected_signature(aws.url + request.target.decode(), sent, body)


def expected_signature(url: str, sent: dict[str, str], body: bytes) -> str:
    """Sign the request that arrived once more, at its own time."""
    signed = sent["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: sent[name] for name in signed if name != "host"}
    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    auth = SigV4Auth(DEVELOPER, "bedrock", "eu-central-1")
    request.context["timestamp"] = sent["x-amz-date"]
    canonical = auth.canonical_request(request)
    text = auth.string_to_sign(request, canonical)
    assert hashlib.sha256(canonical.encode()).hexdigest() in text
    signature = auth.signature(text, request)
    return f"{sent['authorization'].partition('Signature=')[0]}Signature={signature}"


@pytest.mark.parametrize("key", ["ASIAOTHER", "test"])
async def test_another_program_cannot_use_the_developers_credentials(aws: Aws, key: str) -> None:
    async with real_services(["bedrock-runtime"], FUNCTION_KEY) as variables:
        client = function_client(variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"], key)
        with pytest.raises(ClientError, match="only the local function"):
            await asyncio.to_thread(ask, client)

    assert aws.requests == []


async def test_without_credentials_the_error_names_the_remedy(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async with real_services(["bedrock-runtime"], FUNCTION_KEY) as variables:
        client = function_client(variables["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"])
        with pytest.raises(ClientError, match="no AWS credentials: set AWS_PROFILE"):
            await asyncio.to_thread(ask, client)


async def test_without_a_region_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    with pytest.raises(AppError, match="set AWS_REGION"):
        async with real_services(["bedrock-runtime"], FUNCTION_KEY):
            pass


async def test_an_unknown_service_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")

    with pytest.raises(AppError, match="bedrok: not a service of boto3"):
        async with real_services(["bedrok"], FUNCTION_KEY):
            pass
