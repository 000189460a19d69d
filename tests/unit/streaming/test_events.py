"""Malformed events: each gets a JSON answer without detail, and the next event is answered as usual."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator

import pytest

from lambda_streaming import StreamingMangum
from lambda_streaming.adapter import StreamableEvent
from lambda_streaming.response import StreamingResponse
from tests.fakes.asgi_exchange import LambdaContext
from tests.integration.streaming.conftest import event

JUNK = [None, 0, True, "", "junk", "\ud800", [], {}, [None], {"a": None}, ["a:b:c"], "host:port:1"]
GONE = object()
DOCUMENTED = ("function_url_get", "function_url_post", "rest_api_post", "http_api_get")


async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"fine"})


@pytest.fixture
def handler() -> Iterator[StreamingMangum]:
    handler = StreamingMangum(app, lifespan="off")
    yield handler
    handler.close()
    asyncio.set_event_loop(None)


def paths(value, path=()):
    """Yield the path of every field of an event."""
    for name, inner in value.items():
        yield (*path, name)
        if isinstance(inner, dict):
            yield from paths(inner, (*path, name))


def changed(documented: dict, path: tuple, junk) -> dict:
    event = copy.deepcopy(documented)
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    if junk is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = junk
    return event


def status_of(answer) -> int:
    """Return the status of an answer, after checking that it is JSON and does not name the error."""
    text = json.dumps(answer)
    assert "Error" not in text
    assert "Traceback" not in text
    return answer.get("statusCode", 0)


@pytest.mark.promise("L5")
@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_field_that_is_missing_or_wrong_is_answered(handler, name):
    documented = event(name)
    for path in paths(documented):
        for junk in (GONE, *JUNK):
            answer = handler(changed(documented, path, junk), LambdaContext(5000))

            assert status_of(answer) in (0, 200, 400), (path, junk, answer)
        assert status_of(handler(documented, LambdaContext(5000))) == 200


@pytest.mark.promise("L5")
@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_wrong_field_of_a_streamable_event_is_answered(handler, name):
    documented = event(name)
    for path in paths(documented):
        for junk in (GONE, *JUNK):
            answer = handler(StreamableEvent(changed(documented, path, junk)), LambdaContext(5000))

            assert isinstance(answer, StreamingResponse) or status_of(answer) in (0, 200, 400), (path, junk, answer)


@pytest.mark.promise("L5")
@pytest.mark.parametrize("body", ["some secret words", "secre", "secré", "secret\ud800"])
def test_a_body_that_is_not_base64_is_rejected(handler, body, caplog):
    answer = handler({**event("function_url_post"), "body": body, "isBase64Encoded": True}, LambdaContext(5000))

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["message"]
    assert "secr" not in caplog.text


@pytest.mark.promise("L5")
@pytest.mark.parametrize("junk", [*JUNK, {"version": "2.0", "requestContext": {}}, {"Records": [{"cf": {}}]}])
def test_any_other_event_is_not_http(handler, junk):
    assert status_of(handler(junk, LambdaContext(5000))) in (0, 400)
