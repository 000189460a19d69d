"""One exchange with an ASGI application, without a socket."""

from __future__ import annotations

import asyncio

import pytest

from lambda_streaming.adapter import BufferedResponse
from lambda_streaming.cycle import HTTPCycle
from lambda_streaming.deadline import Deadline
from lambda_streaming.errors import UnexpectedMessageError

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-name", "Zoë".encode("latin-1"))]}
LAST = {"type": "http.response.body", "body": b"done", "more_body": False}


async def run(app, method: str = "GET", seconds: float = 5) -> dict:
    writer = BufferedResponse()
    deadline = Deadline(asyncio.get_running_loop().time() + seconds)
    await HTTPCycle({"type": "http", "method": method, "path": "/"}, b"body", writer).run(app, deadline)
    return dict(writer.collected())


async def test_the_request_comes_once_then_receive_waits_for_the_end_of_the_response():
    received = []

    async def app(scope, receive, send):
        received.append(await receive())
        waiting = asyncio.create_task(receive())
        await send(START)
        assert not waiting.done()
        await send(LAST)
        received.append(await waiting)

    await run(app)

    assert received == [{"type": "http.request", "body": b"body", "more_body": False}, {"type": "http.disconnect"}]


@pytest.mark.parametrize("messages", [[LAST], [START, START], [START, LAST, LAST], [{"type": "websocket.accept"}]])
async def test_a_message_out_of_order_is_rejected(messages):
    rejected = []

    async def app(scope, receive, send):
        try:
            for message in messages:
                await send(message)
        except UnexpectedMessageError as error:
            rejected.append(error.message_type)

    await run(app)

    assert rejected == [messages[-1]["type"]]


@pytest.mark.promise("L3")
async def test_a_buffered_response_that_fails_late_becomes_a_clean_500(caplog):
    async def app(scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b"secret", "more_body": True})
        raise ValueError("secret")

    response = await run(app)

    assert response["status"] == 500
    assert b"secret" not in response["body"]
    assert "ValueError: secret" in caplog.text


@pytest.mark.promise("L3")
async def test_an_application_that_returns_without_a_response_has_failed(caplog):
    async def app(scope, receive, send):
        """Forget to answer."""

    response = await run(app)

    assert response["status"] == 500
    assert "IncompleteResponseError" in caplog.text


@pytest.mark.promise("L4")
async def test_an_application_that_overruns_the_deadline_is_cancelled(caplog):
    cancelled = []

    async def app(scope, receive, send):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    response = await run(app, seconds=0.01)

    assert cancelled
    assert response["status"] == 500
    assert "TimeoutError" in caplog.text


@pytest.mark.promise("L6")
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_a_response_without_a_body_gets_none(method, status):
    async def app(scope, receive, send):
        await send(START | {"status": status})
        await send(LAST)

    assert (await run(app, method))["body"] == b""


@pytest.mark.promise("L6")
async def test_a_failing_head_request_gets_no_body(caplog):
    async def app(scope, receive, send):
        raise ValueError

    response = await run(app, "HEAD")

    assert (response["status"], response["body"]) == (500, b"")


async def test_the_process_can_be_left_from_inside_the_application():
    async def app(scope, receive, send):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await run(app)
