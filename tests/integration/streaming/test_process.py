"""The real bootstrap in its own process, with AWS's loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.integration.streaming.conftest import (
    LIMIT_SECONDS,
    ORDINARY,
    Script,
    body_of,
    event,
    eventually,
    prelude_of,
    run_in,
)
from tools.local.function.errors import FunctionError
from tools.local.function.runtime_api import INVOCATION_ID, TENANT_ID, Kind, Refusal
from tools.workspace import source

PLAIN_HANDLER = "tests.integration.streaming.apps.plain_handler"


@pytest.mark.promise("L8")
async def test_one_process_serves_many_events_and_starts_its_lifespan_once(function):
    served = function()
    process = await served.start()
    await process.api.polled.wait()
    assert served.lines == ["lifespan started"]

    first = await run_in(process, event(path="/state"))
    await run_in(process, event(path="/fail_late"))
    second = await run_in(process, event(path="/state"))

    assert (body_of(first), body_of(second)) == (b"1", b"1")
    assert served.lines.count("lifespan started") == 1


@pytest.mark.promise("L8")
async def test_sigterm_while_polling_stops_the_lifespan(function):
    served = function()
    process = await served.start()
    await run_in(process, event(path="/hello"))

    os.kill(served.cold_starts[0].pid, signal.SIGTERM)

    assert await asyncio.wait_for(process.exited(), LIMIT_SECONDS) == 0
    assert served.lines[-1] == "lifespan stopped"


@pytest.mark.promise("L8")
@pytest.mark.parametrize("after", ["started", "ended"])
async def test_sigterm_in_the_tail_of_an_event_lets_it_end_and_stops_the_lifespan(function, after):
    """The body is complete, but the application, a task of it, or only the reply to the body is outstanding."""
    served = function()
    process = await served.start()
    invocation = asyncio.create_task(run_in(process, event(path="/tail"), Script()))
    await eventually(lambda: f"the background task has {after}" in served.lines)

    os.kill(served.cold_starts[0].pid, signal.SIGTERM)

    assert await asyncio.wait_for(process.exited(), LIMIT_SECONDS) == 0
    assert served.lines[-2:] == ["the created task has ended", "lifespan stopped"]
    with contextlib.suppress(FunctionError):  # the process ends instead of polling
        await invocation


@pytest.mark.promise("L8")
@pytest.mark.parametrize(
    ("path", "last"),
    [("/endless", "the endless task was cancelled"), ("/stream_endlessly", "the partial answer is stored")],
)
async def test_sigterm_cancels_work_that_exceeds_the_grace(function, path, last):
    served = function()
    process = await served.start()
    invocation = asyncio.create_task(run_in(process, event(path=path), sink := Script()))
    await eventually(lambda: len(sink.chunks) == 2)

    os.kill(served.cold_starts[0].pid, signal.SIGTERM)

    assert await asyncio.wait_for(process.exited(), LIMIT_SECONDS) == 0
    assert last in served.lines
    assert served.lines[-1] == "lifespan stopped"
    with contextlib.suppress(FunctionError):
        await invocation


@pytest.mark.promise("L8")
async def test_sigterm_during_an_event_ends_the_process(function):
    served = function()
    process = await served.start()
    invocation = asyncio.create_task(run_in(process, event(path="/hang"), sink := Script()))
    await eventually(lambda: len(sink.chunks) == 2)

    os.kill(served.cold_starts[0].pid, signal.SIGTERM)

    with pytest.raises(FunctionError, match="exit status 0"):
        await invocation


@pytest.mark.promise("L8")
async def test_a_lifespan_that_fails_is_an_init_error(function):
    served = function(environment={"FAIL_AT_START": "1"})

    with pytest.raises(FunctionError, match="no database"):
        await served.invoke({})


async def test_a_handler_that_cannot_be_imported_is_an_init_error(function):
    with pytest.raises(FunctionError, match="ImportModuleError"):
        await function(handler="tests.nowhere.handler").invoke({})


@pytest.mark.promise("L8")
async def test_snapstart_takes_the_snapshot_after_the_lifespan_has_started(function):
    served = function(environment={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"})
    process = await served.start()

    await asyncio.wait_for(process.api.snapshot_ready.wait(), LIMIT_SECONDS)
    await eventually(lambda: len(served.lines) == 2)
    assert served.lines == ["lifespan started", "before the snapshot"]
    assert not process.api.polled.is_set()
    process.api.restored.set()
    sink = await run_in(process, event(path="/hello"))

    assert served.lines[2] == "after the restore"
    assert prelude_of(sink)["statusCode"] == 200


@pytest.mark.promise("L5")
@pytest.mark.parametrize("sent", [{}, [], None, "warm", 1, {"Records": []}, event("schedule")])
async def test_an_event_that_is_not_http_gets_plain_json(function, sent):
    assert await function().invoke(sent) == {"message": "not an HTTP event: nothing was done"}


async def test_a_plain_handler_works_as_on_the_ordinary_runtime(function):
    process = await function(handler=PLAIN_HANDLER).start()

    answer = await run_in(process, {"a": 1}, headers={TENANT_ID: "blue"})
    failure = await run_in(process, {"fail": "secret"})

    assert (answer.kind, json.loads(answer.body)) == (Kind.BUFFERED, {"tenant": "blue", "a": 1})
    assert failure.kind is Kind.ERROR
    assert json.loads(failure.body)["errorMessage"] == "secret"


@pytest.mark.promise("L9")
async def test_a_broken_event_is_rejected_and_the_loop_continues(function):
    process = await function().start()

    broken = await run_in(process, event(body="a", isBase64Encoded=True))

    assert (broken.kind, json.loads(broken.body)["statusCode"]) == (Kind.BUFFERED, 400)
    assert prelude_of(await run_in(process, event(path="/hello")))["statusCode"] == 200


@pytest.mark.promise("L4")
async def test_the_process_polls_again_only_after_its_tasks(function):
    served = function()
    process = await served.start()

    await run_in(process, event(path="/task"))

    assert "the task has ended" in served.lines


@pytest.mark.promise("L7")
async def test_a_410_to_any_answer_is_logged_and_the_loop_goes_on(function):
    streaming, plain = function(), function(handler=PLAIN_HANDLER)
    streamer, plainer = await streaming.start(), await plain.start()

    def refused() -> Script:
        return Script(refuse=Refusal(410, "InvocationIdMismatch"))

    for _ in range(2):
        await run_in(streamer, event(path="/hello"), refused())  # streamed
        await run_in(streamer, {}, refused())  # buffered
        await run_in(plainer, {}, refused())
        await run_in(plainer, {"fail": "x"}, refused())  # error
    sink = await run_in(streamer, event(path="/hello"))

    assert prelude_of(sink)["statusCode"] == 200
    assert json.loads((await run_in(plainer, {})).body) == {"tenant": None}
    assert sum("was not accepted" in line for line in streaming.lines) == 4
    assert sum("was not accepted" in line for line in plain.lines) == 4


@pytest.mark.promise("L7")
async def test_the_invocation_id_is_echoed_on_every_answer(function):
    streamer, plainer = await function().start(), await function(handler=PLAIN_HANDLER).start()
    sinks = [
        await run_in(streamer, event(path="/hello"), headers={INVOCATION_ID: "7f"}),
        await run_in(streamer, {}, headers={INVOCATION_ID: "80"}),
        await run_in(plainer, {"fail": "x"}, headers={INVOCATION_ID: "81"}),
    ]

    assert [sink.headers["lambda-runtime-invocation-id"] for sink in sinks] == ["7f", "80", "81"]


async def test_a_rest_api_event_is_streamed_when_the_setting_says_so(function):
    streaming, buffered = function(environment={"LAMBDA_STREAMING_ENTRY": "rest-api"}), function()

    sink = await run_in(await streaming.start(), event("rest_api_post"))
    answer = await buffered.invoke(event("rest_api_post"))

    headers = {"content-type": ["text/plain"], "set-cookie": ["a=1", "b=2"], "x-name": ["Zoë"]}
    assert prelude_of(sink) == {"statusCode": 201, "multiValueHeaders": headers}
    assert body_of(sink) == b"hello"
    assert (answer["statusCode"], answer["body"]) == (201, "hello")
    assert answer["multiValueHeaders"]["set-cookie"] == ["a=1", "b=2"]


async def test_on_the_ordinary_runtime_the_same_handler_answers_buffered(function):
    answer = await function(layer=None, environment=ORDINARY).invoke(event("function_url_post"))

    assert answer == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain", "x-name": "Zoë"},
        "cookies": ["a=1", "b=2"],
        "body": '{"a": "ä"}',
        "isBase64Encoded": False,
    }


def test_the_client_refuses_to_run_without_its_c_module(tmp_path):
    """A copy of awslambdaric without `runtime_client` next to it, like a layer built for another Python."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from lambda_streaming.client import StreamingRuntimeClient\n"
        "StreamingRuntimeClient('127.0.0.1:9')"
    )
    import awslambdaric

    (tmp_path / "awslambdaric").symlink_to(os.path.dirname(awslambdaric.__file__))
    environment = os.environ | {"PYTHONPATH": str(source("lambda_streaming"))}
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, env=environment, check=False
    )

    assert "RuntimeClientError: runtime_client must be in" in ran.stderr


def test_the_handler_does_not_import_the_runtime_client():
    """On the ordinary runtime, and in a unit test, `awslambdaric` may be missing."""
    program = "import sys, lambda_streaming; sys.exit('awslambdaric' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(source("lambda_streaming"))}

    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0
