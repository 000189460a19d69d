"""A minimal Runtime API for one function, so that its own cost does not affect the figures.

It serves all connections of the function in one thread, and the Web Adapter's calls to the Extensions API: the adapter
registers itself and then waits for an event.
"""

from __future__ import annotations

import json
import selectors
import socket
import time
from typing import Any

from tools import ROOT
from tools.bench.streaming.exchange import Arrival, Request, read_message, receive

LIMIT_SECONDS = 60
EVENT = json.loads((ROOT / "tests" / "events" / "function_url_get.json").read_text())
REGISTERED = b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: bench\r\nContent-Length: 2\r\n\r\n{}"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class RuntimeApi:
    """A Runtime API; its owner is the function's only client."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._poll: socket.socket | None = None
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for key in [*self._selector.get_map().values()]:
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def wait_for_poll(self, acknowledge: bool = True) -> None:
        """Serve until the function polls for the next event. Raises TimeoutError."""
        while self._poll is None:
            connection, data = self._next_request(acknowledge)
            if b"/runtime/invocation/next " in data:
                self._poll = connection
            else:
                raise RuntimeError(f"the function did not start: {data[:500]!r}")

    def invoke(self, request: Request) -> Arrival:
        """Send an event to the function, read the posted answer, and return when the function polls again."""
        event = function_url_event(request)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: bench\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:000000000000:function:bench\r\n"
            "Lambda-Runtime-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 60_000}\r\nContent-Length: {len(event)}\r\n\r\n"
        )
        poll, self._poll = self._poll, None
        assert poll is not None
        sent_ns = time.monotonic_ns()
        poll.sendall(head.encode() + event)
        connection, first = self._next_request(request.acknowledged_at_once)
        if b"/response " not in first[:200]:
            raise RuntimeError(f"the function failed: {first[:500]!r}")
        pieces = read_message(connection, request.acknowledged_at_once, first)
        connection.sendall(ACCEPTED)
        self.wait_for_poll(request.acknowledged_at_once)
        return Arrival(sent_ns, pieces)

    def _next_request(self, acknowledge: bool = True) -> tuple[socket.socket, bytes]:
        """Return the connection and the first bytes of the runtime's next request."""
        while ready := self._selector.select(LIMIT_SECONDS):
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._listener:
                    connection = self._listener.accept()[0]
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._selector.register(connection, selectors.EVENT_READ)
                elif data := receive(key.fileobj, 4096, acknowledge):
                    if b"/extension/" not in data[:100]:
                        return key.fileobj, data
                    if b"/extension/register " in data:
                        key.fileobj.sendall(REGISTERED)
                else:
                    self._selector.unregister(key.fileobj)
                    key.fileobj.close()
        raise TimeoutError("the function sent no request")


def function_url_event(request: Request) -> bytes:
    """Return a Function URL's event in Lambda's form."""
    event: dict[str, Any] = EVENT | {"rawQueryString": request.query}
    if request.body_bytes:
        http = EVENT["requestContext"]["http"] | {"method": "POST"}
        event["requestContext"] = EVENT["requestContext"] | {"http": http}
        event["headers"] = EVENT["headers"] | {"content-type": "text/plain", "content-length": str(request.body_bytes)}
        event["body"] = request.body.decode()
    return json.dumps(event).encode()
