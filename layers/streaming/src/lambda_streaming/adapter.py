"""`StreamingMangum`: Mangum whose responses leave while the application runs.

    handler = StreamingMangum(app)

Mangum infers the kind of event and builds scope and body; here live the event loop, the lifespan and the choice between
streaming and buffering. A response is streamed if the event came through our runtime client (its marshaller marks it,
see `client`) from an entry that can stream (see `prelude.Entry`). Everything else is answered as buffered JSON, in
Mangum's own formats, and an event that is not HTTP with a short JSON message.

The event loop and the lifespan start in the constructor, so when Lambda imports the handler's module: that is before
the first `next`, before a SnapStart snapshot, and a failure there is reported as an init error.
"""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from typing import Any, ClassVar, cast

from mangum import Mangum
from mangum.protocols import LifespanCycle
from mangum.types import ASGI, LambdaHandler, LifespanMode, Scope

from lambda_streaming.buffered_answer import BufferedAnswer
from lambda_streaming.cycle import Answer, HTTPCycle
from lambda_streaming.prelude import Entry
from lambda_streaming.request_tasks import RequestTasks, task_factory
from lambda_streaming.streaming_response import StreamingResponse

# Set in the function's environment: which kind of entry may stream.
ENTRY_VARIABLE = "LAMBDA_STREAMING_ENTRY"
# What is left of the invocation when the application is cancelled: for clean-up, logs and the end of the body.
DEADLINE_MARGIN_SECONDS = 0.5
MAX_DEADLINE_MARGIN = 0.2  # of the time that is left
NOT_HTTP = {"message": "not an HTTP event: nothing was done"}
MALFORMED = {
    "statusCode": 400,
    "headers": {"content-type": "application/json"},
    "body": '{"message": "this is not an event of an HTTP entry: nothing was done"}',
}

_logger = logging.getLogger(__name__)


class StreamableEvent(dict[str, Any]):
    """An event that was polled by a client which can stream the answer."""


class StreamingMangum(Mangum):
    """An ASGI application as the handler of a Lambda function; `app` and options as for Mangum."""

    _started: ClassVar[list[StreamingMangum]] = []  # those with a lifespan, for SIGTERM

    def __init__(self, app: ASGI, lifespan: LifespanMode = "auto", **options: Any) -> None:
        super().__init__(app, lifespan=lifespan, **options)
        self._entry_setting = os.environ.get(ENTRY_VARIABLE, Entry.FUNCTION_URL.value)
        self._lifespan: LifespanCycle | None = None
        if lifespan == "off":
            weakref.finalize(self, self.loop.close)
        else:
            self._lifespan = self._start_lifespan()
            self._started.append(self)

    def _setup_event_loop(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(task_factory)
        asyncio.set_event_loop(self.loop)  # LifespanCycle looks for it there

    def _start_lifespan(self) -> LifespanCycle:
        cycle = LifespanCycle(self.app, self.lifespan)
        try:
            cycle.__enter__()
        except BaseException:
            self.loop.close()
            raise
        return cycle

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer one event: with a StreamingResponse, a dict for the entry, `NOT_HTTP` or `MALFORMED`."""
        try:
            handler = self._handler_of(event, context)
            if handler is None:
                return NOT_HTTP
            scope, body = handler.scope, handler.body
            entry = self._streaming_entry(event, handler)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # Entries make whole events; this is from somebody who may invoke the function himself.
            _logger.warning("an event that no entry makes was refused: %s", type(error).__name__)
            return MALFORMED
        scope["asgi"]["spec_version"] = "2.4"  # below it Starlette listens for a disconnect while it streams
        if self._lifespan is not None:
            scope["state"] = self._lifespan.lifespan_state.copy()
        deadline = self._deadline(context)
        if entry is None:
            answer = BufferedAnswer()
            self.loop.run_until_complete(self._run(scope, body, deadline, answer))
            return handler(answer.response())
        # Function URLs strip content-encoding, so the application must not be invited to compress.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        return StreamingResponse(
            self.loop,
            entry,
            deadline,
            lambda answer: self._run(scope, body, deadline, answer),
            self.config["exclude_headers"],
        )

    def _handler_of(self, event: Any, context: Any) -> LambdaHandler | None:
        if not isinstance(event, dict):
            return None
        try:
            return self.infer(cast("dict[str, Any]", event), context)
        except RuntimeError:  # Mangum's word for "no handler knows this event"
            return None

    def _streaming_entry(self, event: Any, handler: LambdaHandler) -> Entry | None:
        # A custom handler formats the whole response itself.
        if not isinstance(event, StreamableEvent) or type(handler) in self.custom_handlers:
            return None
        return Entry.of(event, self._entry_setting)

    def _deadline(self, context: Any) -> float | None:
        """Return the loop time at which to cancel the application; None if `context` has no clock, as in unit tests."""
        try:
            milliseconds = context.get_remaining_time_in_millis()
        except (AttributeError, NotImplementedError):
            return None
        if not isinstance(milliseconds, int | float):  # a mock's
            return None
        seconds = milliseconds / 1000
        return self.loop.time() + seconds - min(DEADLINE_MARGIN_SECONDS, seconds * MAX_DEADLINE_MARGIN)

    async def _run(self, scope: Scope, body: bytes, deadline: float | None, answer: Answer) -> None:
        tasks = RequestTasks()
        with tasks.collecting():
            await HTTPCycle(scope, body, answer).run(self.app, deadline)
        await tasks.finish(deadline)

    def close(self) -> None:
        """Stop the lifespan and close the loop."""
        try:
            if self._lifespan is not None:
                self._started.remove(self)
                self._lifespan.__exit__(None, None, None)
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    @classmethod
    def close_all(cls) -> None:
        """Stop every lifespan of this process, unless an invocation is running: then nothing can be awaited."""
        for adapter in [*cls._started]:
            if not adapter.loop.is_running():
                adapter.close()
