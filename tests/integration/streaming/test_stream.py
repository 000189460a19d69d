"""The bytes that the Runtime API receives, their timing, and the effects of its replies on the application."""

from __future__ import annotations

import asyncio
import base64
import json
import socket

import psutil
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from lambda_streaming import StreamingMangum
from lambda_streaming.client import StreamingMarshaller, StreamingRuntimeClient
from tests.integration.streaming.conftest import Gate, Runtime, Script, body_of, context, event, eventually, prelude_of
from tools.local.function.runtime_api import INVOCATION_ID, Refusal

PLAIN = [(b"content-type", b"text/plain")]


async def start(send, status: int = 200, headers=PLAIN) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send, data: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": more})


@pytest.mark.promise("L1")
async def test_prelude_and_chunks_leave_at_once(runtime: Runtime):
    gates = [Gate(), Gate(), Gate()]

    async def app(scope, receive, send):
        await start(send)
        await gates[0].wait()
        await body(send, b"one")
        await gates[1].wait()
        await body(send, b"two")
        await gates[2].wait()
        await body(send, b"", more=False)

    sink = Script()
    invocation = asyncio.create_task(runtime.run(app, sink=sink))
    for number, gate in enumerate(gates, start=1):  # the application continues only after the message has arrived
        await eventually(lambda number=number: len(sink.chunks) == number)
        gate.open()
    await invocation

    assert prelude_of(sink) == {"statusCode": 200, "headers": {"content-type": "text/plain"}, "cookies": []}
    assert sink.chunks[1:] == [b"one", b"two"]
    assert sink.trailers == {}


@pytest.mark.promise("L1")
async def test_an_empty_message_ends_nothing(runtime: Runtime):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"")
        await body(send, b"all", more=False)

    assert body_of(await runtime.run(app)) == b"all"


@pytest.mark.promise("L2")
async def test_a_reader_that_stops_stops_the_sender_but_not_its_loop(runtime: Runtime):
    sent_bytes = ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def app(scope, receive, send):
        nonlocal sent_bytes
        ticking = asyncio.create_task(tick())
        await start(send)
        for _ in range(1000):
            await body(send, b"." * 65536)
            sent_bytes += 65536
        await body(send, b"", more=False)
        ticking.cancel()

    sink = Script(chunks_before=3)
    invocation = asyncio.create_task(runtime.run(app, sink=sink, timeout_seconds=60))
    await eventually(lambda: len(sink.chunks) > 3)
    stopped_at = -1
    while stopped_at != sent_bytes:
        stopped_at, ticks_before = sent_bytes, ticks
        await eventually(lambda before=ticks_before: ticks > before + 50)
    assert stopped_at < 4_000_000, "kernel and process hold more than their buffers"

    sink.read.set()
    await invocation
    assert len(body_of(sink)) == 1000 * 65536


@pytest.mark.promise("L2")
async def test_senders_that_wait_together_all_go_on(runtime: Runtime):
    async def app(scope, receive, send):
        await start(send)
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(body(send, bytes([number]) * 500_000))
        await body(send, b"", more=False)

    sink = Script(chunks_before=1)
    invocation = asyncio.create_task(runtime.run(app, sink=sink))
    await eventually(lambda: len(sink.chunks) > 1)
    sink.read.set()
    await invocation

    assert sorted(sink.chunks[1:]) == [bytes([number]) * 500_000 for number in range(20)]


@pytest.mark.promise("L2")
async def test_a_reader_that_never_reads_on_costs_the_deadline_and_no_more(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        while True:
            await body(send, b"." * 65536)

    sink = Script(chunks_before=1)
    async with asyncio.timeout(5):
        await runtime.run(app, sink=sink, timeout_seconds=1)

    assert "TimeoutError" in caplog.text
    assert "was not accepted" in caplog.text


@pytest.mark.promise("L3")
async def test_a_failure_before_the_start_is_a_500_without_detail(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        raise ValueError("secret")

    sink = await runtime.run(app)

    assert prelude_of(sink)["statusCode"] == 500
    assert json.loads(body_of(sink)) == {"message": "Internal Server Error"}
    assert sink.trailers == {}
    assert "ValueError: secret" in caplog.text


@pytest.mark.promise("L3")
async def test_a_failure_after_the_start_ends_the_body_with_trailers(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"some")
        raise ValueError("broken\r\nhere")

    sink = await runtime.run(app)

    assert body_of(sink) == b"some"
    assert sink.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
    report = json.loads(base64.b64decode(sink.trailers["lambda-runtime-function-error-body"]))
    assert (report["errorType"], report["errorMessage"]) == ("ValueError", "broken\r\nhere")
    assert "Traceback" in caplog.text


@pytest.mark.promise("L3")
async def test_returning_without_the_end_of_the_body_is_a_failure(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"some")

    sink = await runtime.run(app)

    assert sink.trailers["lambda-runtime-function-error-type"] == "Function.IncompleteResponseError"


@pytest.mark.promise("L3")
async def test_a_failure_after_the_end_is_only_logged(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"all", more=False)
        raise ValueError("too late")

    sink = await runtime.run(app)

    assert (body_of(sink), sink.trailers) == (b"all", {})
    assert "ValueError: too late" in caplog.text


@pytest.mark.promise("L4")
async def test_the_body_ends_before_the_tasks_and_the_tasks_before_the_next_poll(runtime: Runtime):
    gate = Gate()
    ended = []

    async def descendant():
        await gate.wait()
        ended.append("descendant")

    async def task():
        tasks.append(asyncio.create_task(descendant()))

    async def app(scope, receive, send):
        tasks.append(asyncio.create_task(task()))
        await start(send)
        await body(send, b"all", more=False)

    tasks = []
    sink = Script()
    invocation = asyncio.create_task(runtime.run(app, sink=sink))
    await eventually(lambda: sink.ended)
    assert (ended, invocation.done()) == ([], False)
    gate.open()
    await invocation

    assert ended == ["descendant"]


@pytest.mark.promise("L4")
async def test_a_background_task_of_starlette_runs_after_the_body(runtime: Runtime):
    gate = Gate()

    async def endpoint(request):
        return Response("all", background=BackgroundTask(gate.wait))

    sink = Script()
    invocation = asyncio.create_task(runtime.run(Starlette(routes=[Route("/", endpoint)]), sink=sink))
    await eventually(lambda: sink.ended)
    assert not invocation.done()
    gate.open()
    await invocation


@pytest.mark.promise("L4")
async def test_a_task_that_does_not_end_is_cancelled_at_the_deadline(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        tasks.append(asyncio.create_task(asyncio.Event().wait(), name="endless"))
        await start(send)
        await body(send, b"all", more=False)

    tasks = []
    sink = await runtime.run(app, timeout_seconds=0.7)

    assert (body_of(sink), sink.trailers) == (b"all", {})
    assert tasks[0].cancelled()
    assert "cancelled at the deadline: endless (Event.wait)" in caplog.text


@pytest.mark.promise("L6")
@pytest.mark.parametrize(
    ("method", "response"),
    [
        ("GET", Response(status_code=204)),
        ("GET", Response(status_code=304)),
        ("GET", RedirectResponse("/elsewhere")),
        ("HEAD", Response("not for HEAD")),
        ("GET", Response("")),
    ],
)
async def test_an_empty_body_ends_at_once(runtime: Runtime, method, response):
    app = Starlette(routes=[Route("/", lambda request: response, methods=["GET", "HEAD"])])

    async with asyncio.timeout(5):
        sink = await runtime.run(app, event(method=method))

    assert prelude_of(sink)["statusCode"] == response.status_code
    assert "content-length" not in prelude_of(sink)["headers"]
    assert len(sink.chunks) == 1


@pytest.mark.promise("L6")
async def test_headers_and_cookies_arrive_whole(runtime: Runtime):
    async def app(scope, receive, send):
        headers = [(b"vary", b"a"), (b"Vary", b"b"), (b"set-cookie", b"c=1; Path=/"), (b"set-cookie", b"d=2")]
        await start(send, 200, [*headers, (b"x-name", b"Zo\xeb"), (b"content-length", b"3")])
        await body(send, b"all", more=False)

    assert prelude_of(await runtime.run(app)) == {
        "statusCode": 200,
        "headers": {"vary": "a, b", "x-name": "Zoë"},
        "cookies": ["c=1; Path=/", "d=2"],
    }


@pytest.mark.promise("L6")
async def test_headers_that_the_handler_excludes_do_not_leave(runtime: Runtime):
    async def app(scope, receive, send):
        await start(send, 200, [*PLAIN, (b"X-Internal", b"1")])
        await body(send, b"all", more=False)

    adapter = await asyncio.to_thread(StreamingMangum, app, lifespan="off", exclude_headers=["X-Internal"])
    await runtime.run_with(adapter, event(), sink := Script())
    await asyncio.to_thread(adapter.close)

    assert prelude_of(sink)["headers"] == {"content-type": "text/plain"}


@pytest.mark.promise("L4")
async def test_a_context_without_a_clock_streams_to_the_end_of_its_tasks(runtime: Runtime):
    async def app(scope, receive, send):
        async def task():
            await asyncio.sleep(0.01)
            ended.append("task")

        tasks.append(asyncio.create_task(task()))
        await start(send)
        await body(send, b"all", more=False)

    ended, tasks = [], []
    adapter = await asyncio.to_thread(StreamingMangum, app, lifespan="off")
    await runtime.run_with(lambda sent, context: adapter(sent, None), event(), sink := Script())
    await asyncio.to_thread(adapter.close)

    assert body_of(sink) == b"all"
    assert ended == ["task"]


async def test_a_streamed_response_has_mangums_access_line(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send, 201)
        await body(send, b"all", more=False)

    with caplog.at_level("INFO", "mangum.http"):
        await runtime.run(app, event(path="/a", rawQueryString="token=secret"))

    assert [record.getMessage() for record in caplog.records if record.name == "mangum.http"] == ["GET /a 201"]


@pytest.mark.promise("L6")
async def test_nothing_is_compressed(runtime: Runtime):
    app = Starlette(routes=[Route("/", lambda request: Response("." * 5000))], middleware=[Middleware(GZipMiddleware)])

    sink = await runtime.run(app)

    assert body_of(sink) == b"." * 5000
    assert "content-encoding" not in prelude_of(sink)["headers"]


async def test_starlette_streams_without_listening_for_a_disconnect(runtime: Runtime):
    async def endpoint(request):
        async def numbers():
            for number in range(3):
                await asyncio.sleep(0)
                yield str(number)

        return StreamingResponse(numbers())

    sink = await runtime.run(Starlette(routes=[Route("/", endpoint)]))

    assert sink.chunks[1:] == [b"0", b"1", b"2"]


@pytest.mark.promise("L7")
async def test_the_invocation_id_is_echoed(runtime: Runtime):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"all", more=False)

    sink = await runtime.run(app, headers={INVOCATION_ID: "7f"})
    assert sink.headers["lambda-runtime-invocation-id"] == "7f"

    sink = await runtime.run(app)
    assert "lambda-runtime-invocation-id" not in sink.headers


@pytest.mark.promise("L7")
@pytest.mark.parametrize("status", [410, 413, 500])
async def test_a_reply_before_the_end_stops_the_sender(runtime: Runtime, caplog, status):
    raised = []

    async def app(scope, receive, send):
        await start(send)
        try:
            while True:
                await body(send, b"." * 65536)
        except OSError as error:
            raised.append(error)
            raise

    async with asyncio.timeout(5):
        await runtime.run(app, sink=Script(chunks_before=2, refuse=Refusal(status, "Reason")))

    assert raised
    assert f"the Runtime API answered {status}" in caplog.text
    assert "Reason" in caplog.text
    assert "the application failed" not in caplog.text


@pytest.mark.promise("L7")
async def test_a_reply_before_the_end_stops_a_sender_that_only_waits(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"." * 50_000_000)

    async with asyncio.timeout(5):
        await runtime.run(app, sink=Script(chunks_before=0, refuse=Refusal(410, "Stale")))

    assert "the Runtime API answered 410" in caplog.text


@pytest.mark.promise("L7")
async def test_a_refusal_of_the_whole_body_is_logged(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"all", more=False)

    await runtime.run(app, sink=Script(refuse=Refusal(410, "Stale")))

    assert "was not accepted: the Runtime API answered 410" in caplog.text


@pytest.mark.promise("L7")
async def test_a_runtime_api_that_hangs_up_stops_the_sender(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        while True:
            await body(send, b"." * 65536)

    async with asyncio.timeout(5):
        await runtime.run(app, sink=Script(chunks_before=2, hang_up=True))

    assert "the Runtime API closed the connection" in caplog.text


@pytest.mark.promise("L9")
async def test_failed_invocations_leave_nothing_behind(runtime: Runtime, caplog):
    async def app(scope, receive, send):
        await start(send)
        await body(send, b"some")
        if scope["path"] == "/fail":
            raise ValueError
        if scope["path"] == "/wait":
            tasks.append(asyncio.create_task(asyncio.Event().wait()))
            await asyncio.Event().wait()
        await body(send, b"", more=False)

    tasks = []
    adapter = await asyncio.to_thread(StreamingMangum, app, lifespan="off")
    for path, script in [
        ("/fail", Script()),
        ("/wait", Script()),
        ("/", Script(refuse=Refusal(410, "Stale"))),
        ("/", Script(chunks_before=0, hang_up=True)),
    ]:
        await runtime.run_with(adapter, event(path=path), script, timeout_seconds=0.6)
        assert asyncio.all_tasks(adapter.loop) == set()
    await eventually(lambda: established(runtime.api.address) == [])

    sink = Script()
    await runtime.run_with(adapter, event(), sink)
    assert (body_of(sink), sink.trailers) == (b"some", {})
    await asyncio.to_thread(adapter.close)


def established(address: str) -> list:
    """Return this process's connections to `address`."""
    port = int(address.rpartition(":")[2])
    connections = psutil.Process().net_connections("tcp")
    return [one for one in connections if one.raddr and one.raddr.port == port and one.status == "ESTABLISHED"]


@pytest.mark.promise("L9")
async def test_without_a_runtime_api_the_answer_is_logged_as_lost(caplog):
    def post() -> None:
        async def app(scope, receive, send):
            raise AssertionError("must not run")

        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            client = StreamingRuntimeClient(f"127.0.0.1:{closed.getsockname()[1]}")
            adapter = StreamingMangum(app, lifespan="off")
            sent = client.marshaller.unmarshal_request(json.dumps(event()).encode())
            client.post_invocation_result("id", adapter(sent, context()))
            adapter.close()

    await asyncio.to_thread(post)

    assert "was not accepted" in caplog.text


async def test_http_api_events_are_not_streamed():
    """Their shape is a Function URL's, but API Gateway would send the prelude to the client as text."""

    async def app(scope, receive, send):
        await start(send, 200, [(b"content-type", b"text/plain"), (b"x-name", b"Zo\xeb")])
        await body(send, b"all", more=False)

    def answer():
        adapter = StreamingMangum(app, lifespan="off")
        sent = StreamingMarshaller().unmarshal_request(json.dumps(event("http_api_get")).encode())
        try:
            return adapter(sent, context())
        finally:
            adapter.close()

    assert await asyncio.to_thread(answer) == {
        "statusCode": 200,
        "headers": {"content-type": "text/plain", "x-name": "Zoë"},
        "body": "all",
        "isBase64Encoded": False,
    }
