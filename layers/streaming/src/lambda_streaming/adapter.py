"""`StreamingMangum`: Mangum whose responses leave while the application runs.

    handler = StreamingMangum(app)

Mangum recognises the event and builds scope and body; this module adds the event loop, the lifespan and the choice
between streaming and buffering. A response is streamed if the event came through our runtime client (its marshaller
marks it, see `client`) from an entry that can stream (see `wire.Entry`). Every other HTTP event gets a buffered
response in Mangum's own format, and an event that is not HTTP a short JSON message.

The constructor starts the event loop and the lifespan, so they start when Lambda imports the handler's module:
before the first `next`, before a SnapStart snapshot, and with failures reported as init errors.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import Any, ClassVar, cast

from mangum import Mangum
from mangum.protocols import LifespanCycle
from mangum.types import ASGI, LambdaHandler, LifespanMode, Response, Scope

from lambda_streaming.cycle import FAILURE_BODY, FAILURE_HEADERS, HTTPCycle, ResponseWriter
from lambda_streaming.deadline import Deadline
from lambda_streaming.logs import logger_of
from lambda_streaming.request_tasks import RequestTasks, task_factory
from lambda_streaming.request_threads import LoopThreads
from lambda_streaming.response import StreamingResponse
from lambda_streaming.wire import ENTRY_VARIABLE, Entry, Headers

# The application is cancelled this long before Lambda's limit, which leaves time for clean-up, logs and the body's end.
DEADLINE_MARGIN_SECONDS = 0.5
MAX_DEADLINE_MARGIN = 0.2  # of the time that is left
NOT_HTTP = {"message": "not an HTTP event: nothing was done"}
MALFORMED = {
    "statusCode": 400,
    "headers": {"content-type": "application/json"},
    "body": '{"message": "malformed HTTP event: nothing was done"}',
}

_logger = logger_of(__name__)


class StreamableEvent(dict[str, Any]):
    """An event from a runtime client that can stream the response."""


class BufferedResponse:
    """A `ResponseWriter` that collects a whole response, for entries that cannot stream."""

    rejected = False

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[list[bytes]] = []
        self._body = bytearray()

    def start(self, status: int, headers: Headers) -> None:
        self._status = status
        # Mangum decodes values as UTF-8 and raises on values that are only latin-1.
        self._headers = [[bytes(name), value.decode("latin-1").encode()] for name, value in headers]

    def write(self, data: bytes) -> None:
        self._body += data

    def end(self) -> None:
        """Do nothing: the adapter calls `collected` when the application has returned."""

    def fail(self, error: BaseException) -> None:
        """Replace the collected response; none of it has left yet, so the client can have a complete error."""
        self.start(500, FAILURE_HEADERS)
        self._body = bytearray(FAILURE_BODY)

    async def drain(self) -> None:
        """Return at once: memory never makes a sender wait."""

    def collected(self) -> Response:
        """Return the response in the form that Mangum's handlers take."""
        return Response(status=self._status, headers=self._headers, body=bytes(self._body))


class StreamingMangum(Mangum):
    """An ASGI application as the handler of a Lambda function; `app` and options are Mangum's."""

    # The adapters of this process, for SIGTERM: those that have a lifespan, and all.
    _started: ClassVar[list[StreamingMangum]] = []
    _adapters: ClassVar[weakref.WeakSet[StreamingMangum]] = weakref.WeakSet()

    def __init__(self, app: ASGI, lifespan: LifespanMode = "auto", **options: Any) -> None:
        super().__init__(app, lifespan=lifespan, **options)
        self._entry_setting = os.environ.get(ENTRY_VARIABLE, Entry.FUNCTION_URL.value)
        self._lifespan: LifespanCycle | None = None
        self._deadline = Deadline()
        self._adapters.add(self)
        if lifespan == "off":
            weakref.finalize(self, self.loop.close)
        else:
            self._lifespan = self._start_lifespan(lifespan)
            self._started.append(self)

    def _setup_event_loop(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(task_factory)
        self._threads = LoopThreads(self.loop)
        asyncio.set_event_loop(self.loop)  # LifespanCycle runs in the current loop

    def _start_lifespan(self, mode: LifespanMode) -> LifespanCycle:
        cycle = LifespanCycle(self.app, mode)
        try:
            cycle.__enter__()
        except BaseException:
            self.loop.close()
            raise
        return cycle

    def __call__(self, event: Any, context: Any) -> Any:
        """Return the result for one event: a StreamingResponse, a dict for the entry, `NOT_HTTP` or `MALFORMED`."""
        try:
            handler = self._handler_of(event, context)
            if handler is None:
                return NOT_HTTP
            scope, body = handler.scope, handler.body
            entry = self._streaming_entry(event, handler)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # Entries send complete events; only a caller with lambda:InvokeFunction can send one like this.
            _logger.warning("rejected an event that is not complete: %s", type(error).__name__)
            return MALFORMED
        scope["asgi"]["spec_version"] = "2.4"  # below it Starlette listens for a disconnect while it streams
        if self._lifespan is not None:
            scope["state"] = self._lifespan.lifespan_state.copy()
        self._deadline = deadline = Deadline(self._end_of(context))
        if entry is None:
            writer = BufferedResponse()
            self.loop.run_until_complete(self._run(scope, body, deadline, writer))
            return handler(writer.collected())
        # Function URLs strip content-encoding, so the application must not be invited to compress.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        excluded = self.config["exclude_headers"]
        return StreamingResponse(
            self.loop, entry, deadline, lambda writer: self._run(scope, body, deadline, writer), excluded
        )

    def _handler_of(self, event: Any, context: Any) -> LambdaHandler | None:
        if not isinstance(event, dict):
            return None
        try:
            return self.infer(cast("dict[str, Any]", event), context)
        except RuntimeError:  # Mangum's error if no handler recognises the event
            return None

    def _streaming_entry(self, event: Any, handler: LambdaHandler) -> Entry | None:
        # A custom handler formats the whole response itself.
        if not isinstance(event, StreamableEvent) or type(handler) in self.custom_handlers:
            return None
        return Entry.of(event, self._entry_setting)

    def _end_of(self, context: Any) -> float | None:
        """Return the loop time at which to cancel the application; None if `context` has no clock, as in unit tests."""
        try:
            milliseconds = context.get_remaining_time_in_millis()
        except (AttributeError, NotImplementedError):
            return None
        if not isinstance(milliseconds, int | float):  # a mock's
            return None
        seconds = milliseconds / 1000
        return self.loop.time() + seconds - min(DEADLINE_MARGIN_SECONDS, seconds * MAX_DEADLINE_MARGIN)

    async def _run(self, scope: Scope, body: bytes, deadline: Deadline, writer: ResponseWriter) -> None:
        tasks = RequestTasks()
        with tasks.collecting():
            await HTTPCycle(scope, body, writer).run(self.app, deadline)
        await tasks.finish(deadline)
        self._threads.leave_behind(tasks.calls)

    def close(self) -> None:
        """Stop the lifespan and close the loop."""
        try:
            if self._lifespan is not None:
                self._started.remove(self)
                self._lifespan.__exit__(None, None, None)
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self._threads.close()
            self.loop.close()

    @classmethod
    def end_running(cls, seconds: float) -> bool:
        """End running invocations within `seconds`, and return whether there are any. For signal handlers."""
        running = [adapter for adapter in cls._adapters if adapter.loop.is_running()]
        for adapter in running:
            end = adapter.loop.time() + seconds
            adapter.loop.call_soon_threadsafe(adapter._deadline.bring_forward, end)
        return bool(running)

    @classmethod
    def close_all(cls) -> None:
        """Stop every lifespan of this process, except where an invocation is running: its loop cannot be re-entered."""
        for adapter in [*cls._started]:
            if not adapter.loop.is_running():
                adapter.close()
