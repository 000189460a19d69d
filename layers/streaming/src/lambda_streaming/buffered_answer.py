"""A response that is collected whole, for entries that cannot stream."""

from __future__ import annotations

from mangum.types import Response

from lambda_streaming.cycle import FAILURE_BODY, FAILURE_HEADERS
from lambda_streaming.prelude import Headers


class BufferedAnswer:
    """Collects a response for one of Mangum's event handlers to format."""

    rejected = False

    def __init__(self) -> None:
        self._status = 500
        self._headers: list[list[bytes]] = []
        self._body = bytearray()

    def start(self, status: int, headers: Headers) -> None:
        self._status = status
        # Mangum decodes values as UTF-8 and raises on what is only latin-1.
        self._headers = [[bytes(name), value.decode("latin-1").encode()] for name, value in headers]

    def write(self, data: bytes) -> None:
        self._body += data

    def end(self) -> None:
        """Do nothing: `response` is asked for when the application has returned."""

    def fail(self, error: BaseException) -> None:
        """Replace what was collected: none of it has left yet, so the client can have a clean error."""
        self.start(500, FAILURE_HEADERS)
        self._body = bytearray(FAILURE_BODY)

    async def drain(self) -> None:
        """Return at once: memory is all there is to wait for."""

    def response(self) -> Response:
        """Return what was collected in Mangum's form."""
        return Response(status=self._status, headers=self._headers, body=bytes(self._body))
