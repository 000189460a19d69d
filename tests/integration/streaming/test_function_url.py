"""The local Function URL with real processes behind it, as an HTTP client sees it."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from tests.integration.streaming.conftest import ORDINARY, eventually
from tools.local.function.url import FunctionUrl


@pytest.fixture
async def client():
    async with httpx.AsyncClient(timeout=20) as client:
        yield client


@pytest.mark.promise("L1")
async def test_a_response_is_streamed_chunk_by_chunk(function, client):
    async with FunctionUrl(function()) as front, client.stream("GET", f"{front.url}/slow") as response:
        loop = asyncio.get_running_loop()
        times = [loop.time() async for _ in response.aiter_raw()]

    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["x-amzn-requestid"]
    assert len(times) == 3
    assert times[2] - times[0] > 0.08


@pytest.mark.promise("L6")
async def test_request_and_response_arrive_whole(function, client):
    async with FunctionUrl(function()) as front:
        text = await client.post(f"{front.url}/echo", content="ä", headers={"content-type": "text/plain"})
        binary = await client.post(f"{front.url}/echo", content=bytes(range(256)))
        headers = [("x-one", "1"), ("x-one", "2"), ("cookie", "c=1; d=2")]
        echoed = await client.get(f"{front.url}/headers?a=1&a=2", headers=headers)

    assert (text.status_code, text.text) == (201, "ä")
    assert binary.content == bytes(range(256))
    assert text.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert [value for name, value in text.headers.raw if name == b"x-name"] == [b"Zo\xeb"]
    lines = echoed.text.splitlines()
    assert {"x-one: 1,2", "cookie: c=1; d=2", "host: localfunctionurl.lambda-url.eu-west-1.on.aws"} <= {*lines}
    assert not any(line.startswith("accept-encoding") for line in lines)


async def test_processes_are_reused_and_a_stop_makes_the_next_start_cold(function, client):
    served = function()
    async with FunctionUrl(served) as front:
        bodies = [(await client.get(f"{front.url}/hello")).text for _ in range(3)]
        await served.stop_processes()
        bodies.append((await client.get(f"{front.url}/hello")).text)

    pids = [f"hello from {start.pid}" for start in served.cold_starts]
    assert bodies == [pids[0]] * 3 + [pids[1]]
    assert all(start.first_next_ms > 0 for start in served.cold_starts)
    assert served.lines.count("lifespan stopped") == 2


async def test_concurrent_requests_get_a_process_each_up_to_the_limit(function, client):
    served = function(max_processes=2)
    async with FunctionUrl(served) as front:
        responses = await asyncio.gather(*(client.get(f"{front.url}/slow") for _ in range(3)))

    assert sorted(response.status_code for response in responses) == [200, 200, 429]
    assert len(served.cold_starts) == 2


@pytest.mark.promise("L4")
async def test_a_process_is_busy_until_its_tasks_have_ended(function, client):
    served = function(max_processes=1)
    async with FunctionUrl(served) as front:
        answered = await client.get(f"{front.url}/task")
        throttled = await client.get(f"{front.url}/hello")
        await eventually(lambda: served.logged("the task has ended"))

    assert (answered.status_code, throttled.status_code) == (200, 429)


async def test_a_function_is_idle_when_the_tasks_behind_its_answers_have_ended(function, client):
    served = function(max_processes=1)
    async with FunctionUrl(served) as front:
        await client.get(f"{front.url}/task")
        await served.idle()
        logged, next_answer = served.logged("the task has ended"), await client.get(f"{front.url}/hello")

    assert logged
    assert next_answer.status_code == 200


@pytest.mark.parametrize("path", ["/crash", "/hang_before"])
async def test_a_function_lost_before_its_response_is_a_502_and_its_successor_works(function, client, path):
    async with FunctionUrl(served := function(timeout_seconds=0.5)) as front:
        lost = await client.get(front.url + path)
        next_one = await client.get(f"{front.url}/hello")

    assert (lost.status_code, next_one.status_code) == (502, 200)
    assert served.logged("exit status 7" if path == "/crash" else "Task timed out after 0.50 seconds")


@pytest.mark.parametrize("path", ["/crash_late", "/hang", "/fail_late"])
async def test_a_function_lost_after_its_start_is_a_cut_body(function, client, path):
    async with FunctionUrl(function(timeout_seconds=0.5)) as front:
        request = client.build_request("GET", front.url + path)
        response = await client.send(request, stream=True)
        pieces = response.aiter_raw()
        received = await anext(pieces)
        with pytest.raises(httpx.RemoteProtocolError):
            await anext(pieces)

    assert (response.status_code, received) == (200, b"some")


@pytest.mark.promise("L3")
async def test_a_failure_before_the_start_is_a_json_500(function, client):
    async with FunctionUrl(served := function()) as front:
        response = await client.get(f"{front.url}/fail")

    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})
    assert served.logged("ValueError: before the start")


async def test_an_init_error_is_a_502(function, client):
    async with FunctionUrl(function(environment={"FAIL_AT_START": "1"})) as front:
        assert (await client.get(f"{front.url}/hello")).status_code == 502


async def test_a_request_over_6_mb_is_a_413(function, client):
    async with FunctionUrl(served := function()) as front:
        plain = await client.post(f"{front.url}/echo", content=b"." * 6_400_000)
        as_base64 = await client.post(f"{front.url}/echo", content=b"\0" * 5_000_000)

    assert (plain.status_code, as_base64.status_code) == (413, 413)
    assert served.cold_starts == []


async def test_a_client_that_leaves_does_not_reach_the_function(function, client):
    async with FunctionUrl(served := function()) as front:
        async with client.stream("GET", f"{front.url}/large") as response:
            await anext(response.aiter_raw())
        await eventually(lambda: served.lines.count("sent") == 1000)

    assert not served.logged("stopped by")


@pytest.mark.promise("L2")
async def test_a_client_that_stops_reading_stops_the_function(function, client):
    async with FunctionUrl(served := function()) as front, client.stream("GET", f"{front.url}/large") as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        sent = -1
        while sent != served.lines.count("sent"):
            sent = served.lines.count("sent")
            await asyncio.sleep(0.2)  # long against the microseconds that a send takes
        assert sent < 300
        received = sum([len(piece) async for piece in pieces])

    assert received > 990 * 65536


async def test_answers_of_a_function_that_does_not_stream(function, client):
    async with FunctionUrl(function(layer=None, environment=ORDINARY)) as front:
        structured = await client.post(f"{front.url}/echo", content=bytes(range(256)))
        status = (await client.head(f"{front.url}/echo")).status_code
    async with FunctionUrl(function(handler="tests.integration.streaming.apps.plain_handler")) as front:
        inferred = await client.get(f"{front.url}/any")

    assert (structured.status_code, structured.text.encode("utf-8")[:10]) == (201, bytes(range(10)))
    assert status == 201
    assert inferred.status_code == 200
    assert inferred.headers["content-type"] == "application/json"
    assert json.loads(inferred.text)["rawPath"] == "/any"
