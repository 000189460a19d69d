"""The proxy of `make soak` over real sockets: it forwards requests without a fault unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import boto3
import h11
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tools.local.http_server import HttpConnection, HttpServer
from tools.soak.proxy import Deed, Fault, FaultyProxy, dynamodb, s3


class Upstream:
    """A server that records its requests and responds with chunks."""

    def __init__(self) -> None:
        self.heads: list[dict[bytes, bytes]] = []
        self.bodies: list[bytes] = []
        self.server = HttpServer(self._handle)

    async def _handle(self, connection: HttpConnection, request: h11.Request) -> None:
        self.heads.append(dict(request.headers.raw_items()))
        self.bodies.append(await connection.body(10**6) or b"")
        await connection.send(h11.Response(status_code=200, headers=[("content-type", "application/json")]))
        for _ in range(3):
            await connection.send(h11.Data(data=b"{}"))
            await asyncio.sleep(0)
        await connection.send(h11.EndOfMessage())


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    await upstream.server.start()
    yield upstream
    await upstream.server.stop()


@pytest.fixture
async def proxy(upstream: Upstream) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(f"http://{upstream.server.address}/v1") as proxy:
        yield proxy


async def put_item(proxy: FaultyProxy) -> str:
    """Send one DynamoDB request with botocore and return its outcome."""

    def send() -> str:
        client = boto3.client(
            "dynamodb",
            endpoint_url=proxy.url,
            region_name="eu-west-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=5),
        )
        try:
            client.put_item(TableName="t", Item={"pk": {"S": "x"}})
        except ClientError as error:
            return str(error.response.get("Error", {}).get("Code"))
        except BotoCoreError as error:
            return type(error).__name__
        finally:
            client.close()
        return "ok"

    return await asyncio.to_thread(send)


async def test_request_and_answer_pass_untouched(upstream: Upstream, proxy: FaultyProxy) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{proxy.url}/things", content=b"some bytes", headers={"x-one": "1"})

    assert (answer.status_code, answer.content) == (200, b"{}" * 3)
    assert upstream.bodies == [b"some bytes"]
    assert upstream.heads[0][b"x-one"] == b"1"
    assert upstream.heads[0][b"Host"].decode() == proxy.url.split("/")[2]  # signatures cover it


@pytest.mark.parametrize(
    ("deed", "seen", "carried_out"),
    [
        (Deed.THROTTLE, "ThrottlingException", 0),
        (Deed.FAIL, "InternalServerError", 0),
        (Deed.HANG_UP, "ConnectionClosedError", 0),
        (Deed.LOSE, "ConnectionClosedError", 1),
        (Deed.DELAY, "ok", 1),
    ],
)
async def test_botocore_sees_each_fault(
    upstream: Upstream, proxy: FaultyProxy, deed: Deed, seen: str, carried_out: int
) -> None:
    proxy.fault = Fault((deed,), dynamodb)

    assert await put_item(proxy) == seen
    assert len(upstream.bodies) == carried_out
    assert proxy.done == {deed: 1}


async def test_only_what_is_meant_is_broken(upstream: Upstream, proxy: FaultyProxy) -> None:
    proxy.fault = Fault((Deed.FAIL,), s3)

    assert await put_item(proxy) == "ok"
    assert len(upstream.bodies) == 1


async def test_what_comes_again_is_counted(proxy: FaultyProxy) -> None:
    proxy.fault = Fault((Deed.FAIL,), dynamodb)
    await put_item(proxy)
    proxy.fault = None
    await put_item(proxy)
    await put_item(proxy)

    assert proxy.take_counts() == {"requests": 3, "answered with a 500": 1, "retried": 1}
    assert proxy.take_counts() == {"requests": 0, "retried": 0}


async def test_stream_is_cut(proxy: FaultyProxy) -> None:
    proxy.fault = Fault((Deed.CUT,), lambda _: True, chunks=0)
    async with httpx.AsyncClient() as http:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await http.get(proxy.url)


async def test_silence_lasts_until_the_client_goes(proxy: FaultyProxy) -> None:
    proxy.fault = Fault((Deed.SILENCE,), lambda _: True, chunks=0)
    async with httpx.AsyncClient(timeout=0.2) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(proxy.url)

    while proxy._tasks:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
