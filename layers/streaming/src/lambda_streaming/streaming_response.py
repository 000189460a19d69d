"""What the handler returns for a streamed request: a response whose application has not run yet.

`awslambdaric` calls the handler, marshals what it returns and posts it. Posting this response runs the application: its
messages leave while it runs, the tasks it started are waited for, and only then does the process poll again.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Collection

from lambda_streaming.cycle import Answer
from lambda_streaming.prelude import Entry
from lambda_streaming.response_stream import ResponseStream

_logger = logging.getLogger(__name__)


class StreamingResponse:
    """A response to be streamed; `post` sends it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        entry: Entry,
        deadline: float | None,
        run: Callable[[Answer], Awaitable[None]],
        excluded_headers: Collection[str] = (),
    ) -> None:
        """Take `run`, which runs the application and its tasks, and `deadline` in the time of `loop`."""
        self._loop = loop
        self._entry = entry
        self._deadline = deadline
        self._run = run
        self._excluded_headers = excluded_headers

    def post(
        self, address: str, request_id: str, invocation_id: str | None, connection: socket.socket | None = None
    ) -> socket.socket | None:
        """Run the application and stream its response to the Runtime API at `address`.

        `connection` is one to it that is free; without, a new one is made. Returns it if it is free again. A refusal is
        logged, never raised: this invocation is over for Lambda, and the next one may come.
        """
        try:
            return self._loop.run_until_complete(self._stream(address, request_id, invocation_id, connection))
        except OSError as error:
            _logger.warning("the streamed answer to %s was not taken: %s", request_id, error)
            return None

    async def _stream(
        self, address: str, request_id: str, invocation_id: str | None, connection: socket.socket | None
    ) -> socket.socket | None:
        stream = ResponseStream(address, self._entry, request_id, invocation_id, connection, self._excluded_headers)
        try:
            await self._run(stream)
            async with asyncio.timeout_at(self._deadline):  # a TimeoutError is an OSError
                await stream.accepted()
            return stream.detach()
        finally:
            stream.close()
