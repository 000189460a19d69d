"""`StreamingMangum` as a drop-in replacement: Mangum's answers, log line and options. README.md has the differences."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from mangum import Mangum
from mangum.exceptions import ConfigurationError, LifespanFailure
from mangum.handlers import HTTPGateway

from lambda_streaming import StreamingMangum
from lambda_streaming.adapter import StreamableEvent
from lambda_streaming.response import StreamingResponse
from tests.integration.streaming.conftest import event

HTTP_EVENTS = ("function_url_get", "function_url_post", "rest_api_post", "http_api_get")


class NoClock:
    """The context of Mangum's own tests."""

    def get_remaining_time_in_millis(self) -> int:
        raise NotImplementedError


def responding(status: int, headers: list[tuple[bytes, bytes]], *bodies: bytes) -> Any:
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for body in bodies:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body"})

    return app


TEXT = [(b"content-type", b"text/plain")]
hello = responding(200, TEXT, b"hello")


async def failing(scope, receive, send):
    raise ValueError("broken")


async def failing_late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": TEXT})
    raise ValueError("broken")


@pytest.fixture
def adapter() -> Iterator[Callable[..., StreamingMangum]]:
    with contextlib.ExitStack() as closing:

        def make(app: Any = hello, **options: Any) -> StreamingMangum:
            return closing.enter_context(contextlib.closing(StreamingMangum(app, lifespan="off", **options)))

        yield make
    asyncio.set_event_loop(None)


@pytest.fixture
def loop() -> Iterator[None]:
    """Mangum itself uses the current event loop."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        yield
    asyncio.set_event_loop(None)


@pytest.mark.usefixtures("loop")
class TestAnswers:
    @pytest.mark.parametrize("name", HTTP_EVENTS)
    @pytest.mark.parametrize(
        "app",
        [
            hello,
            responding(
                201, [*TEXT, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-one", b"1"), (b"X-One", b"2")]
            ),
            responding(200, [(b"content-type", b"image/png")], b"\x89PNG\xff", b"\x00"),
            responding(200, [(b"content-type", b"application/json")], '{"a": "ä"}'.encode()),
            responding(204, []),
        ],
        ids=["text", "cookies and repeated headers", "binary", "utf-8", "empty"],
    )
    def test_a_buffered_answer_equals_mangums(self, adapter, name, app):
        assert adapter(app)(event(name), None) == Mangum(app, lifespan="off")(event(name), MagicMock())

    @pytest.mark.parametrize("name", HTTP_EVENTS)
    def test_the_application_gets_mangums_scope(self, adapter, name):
        scopes = []

        async def app(scope, receive, send):
            request = await receive()
            scopes.append((scope, request))
            await hello(scope, AsyncMock(return_value=request), send)

        adapter(app)(event(name), None)
        Mangum(app, lifespan="off")(event(name), None)  # pyright: ignore[reportArgumentType]

        (ours, our_request), (mangums, mangums_request) = scopes
        assert ours | {"asgi": None} == mangums | {"asgi": None}
        assert our_request == mangums_request

    def test_excluded_headers_are_left_out(self, adapter):
        options: dict[str, Any] = {"exclude_headers": ["X-Internal"], "text_mime_types": ["text/html"]}
        app = responding(200, [*TEXT, (b"x-internal", b"1")], b"hello")

        answer = adapter(app, **options)(event("rest_api_post"), None)

        assert answer == Mangum(app, lifespan="off", **options)(event("rest_api_post"), MagicMock())
        assert answer["isBase64Encoded"]
        assert "x-internal" not in answer["headers"]


class TestContexts:
    """Unit tests of Mangum applications pass None, a dict or a mock."""

    @pytest.mark.parametrize(
        "context", [None, {}, object(), NoClock(), MagicMock()], ids=lambda each: type(each).__name__
    )
    def test_a_context_without_a_clock_is_enough(self, adapter, context):
        assert adapter()(event(), context)["statusCode"] == 200

    def test_a_streamed_answer_needs_no_clock_either(self, adapter):
        assert isinstance(adapter()(StreamableEvent(event()), None), StreamingResponse)

    def test_without_a_clock_tasks_are_waited_for(self, adapter):
        ended = []

        async def app(scope, receive, send):
            async def task():
                await asyncio.sleep(0.01)
                ended.append(True)

            tasks.append(asyncio.create_task(task()))
            await hello(scope, receive, send)

        tasks: list[asyncio.Task] = []
        adapter(app)(event(), None)

        assert ended == [True]


class TestAccessLog:
    """The line of Mangum's logger `mangum.http`: method, path and status."""

    def line(self, caplog, handler: Any, sent: Any) -> list[str]:
        with caplog.at_level(logging.INFO, "mangum.http"):
            handler(sent, None)
        return [record.getMessage() for record in caplog.records if record.name == "mangum.http"]

    def test_a_complete_response_is_logged(self, adapter, caplog):
        app = responding(201, TEXT, b"some", b"more")

        assert self.line(caplog, adapter(app), event(path="/a/b", rawQueryString="token=secret")) == ["GET /a/b 201"]

    def test_a_failure_before_the_response_is_logged_as_500(self, adapter, caplog):
        assert self.line(caplog, adapter(failing), event(path="/a")) == ["GET /a 500"]

    def test_a_failure_within_the_response_has_no_line(self, adapter, caplog):
        """The log has its traceback instead, as with Mangum."""
        assert self.line(caplog, adapter(failing_late), event()) == []
        assert "ValueError: broken" in caplog.text

    @pytest.mark.parametrize(
        ("path", "logged"),
        [("/a%0AERROR forged", "/a%0AERROR%20forged"), ("/ä", "/%C3%A4"), ("/\ud800", "/%5Cud800")],
    )
    def test_a_path_cannot_forge_or_break_a_line(self, adapter, caplog, path, logged):
        assert self.line(caplog, adapter(), event(path=path)) == [f"GET {logged} 200"]


class TestOptions:
    def test_a_custom_handler_formats_its_own_answer(self, adapter):
        class Marked(HTTPGateway):
            def __call__(self, response):
                return {**super().__call__(response), "marked": True}

        assert adapter(custom_handlers=[Marked])(StreamableEvent(event()), None)["marked"]

    def test_an_unknown_lifespan_mode_is_a_configuration_error(self):
        for adapter in (Mangum, StreamingMangum):
            with pytest.raises(ConfigurationError, match="Choices are: auto"):
                adapter(hello, lifespan="sometimes")  # pyright: ignore[reportArgumentType]


class TestLoops:
    """An open loop is a ResourceWarning, which fails test runs with warnings as errors."""

    def test_a_lifespan_that_fails_closes_its_loop(self, loops):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        with pytest.raises(LifespanFailure, match="no database"):
            StreamingMangum(app)

        assert [loop.is_closed() for loop in loops] == [True]

    def test_a_handler_that_is_dropped_closes_its_loop(self, loops):
        StreamingMangum(hello, lifespan="off")
        gc.collect()

        assert [loop.is_closed() for loop in loops] == [True]

    @pytest.fixture
    def loops(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[asyncio.AbstractEventLoop]]:
        made: list[asyncio.AbstractEventLoop] = []
        new = asyncio.new_event_loop

        def make() -> asyncio.AbstractEventLoop:
            made.append(new())
            return made[-1]

        monkeypatch.setattr(asyncio, "new_event_loop", make)
        yield made
        asyncio.set_event_loop(None)
