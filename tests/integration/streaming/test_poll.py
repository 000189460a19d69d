"""Polling for events, against a server that sends scripted bytes."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from lambda_streaming.errors import PollError
from lambda_streaming.poll import Poll

EVENT = b'{"a": 1}'
HEAD = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: one\r\n"
WHOLE = HEAD + b"Content-Length: 8\r\n\r\n" + EVENT


class Server:
    """A server with scripted answers: a list per connection, an answer per request; then it closes the connection."""

    def __init__(self, *connections: list[list[bytes]]) -> None:
        self.requests: list[bytes] = []
        self.requested = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, args=(connections,))
        self._thread.start()

    def _serve(self, connections: tuple[list[list[bytes]], ...]) -> None:
        for answers in connections:
            connection = self._listener.accept()[0]
            with connection:
                for pieces in answers:
                    self.requests.append(connection.recv(4096))
                    self.requested.set()
                    self.go.wait()
                    for piece in pieces:
                        connection.sendall(piece)

    def close(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*connections: list[list[bytes]]) -> Server:
        servers.append(Server(*connections))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_one_connection_serves_many_events(serve) -> None:
    server = serve([[WHOLE], [WHOLE]])
    with closing(Poll(server.address)) as poll:
        answers = [poll.next(), poll.next()]
    assert [body for body, _ in answers] == [EVENT, EVENT]
    assert answers[0][1]["lambda-runtime-aws-request-id"] == "one"
    assert all(each.startswith(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n") for each in server.requests)


@pytest.mark.parametrize(
    "pieces",
    [
        [bytes([byte]) for byte in WHOLE],
        [
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n" + EVENT[:3] + b"\r\n5;x=y\r\n",
            EVENT[3:] + b"\r\n0\r\n\r\n",
        ],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\n" + EVENT + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"],
    ],
    ids=["byte by byte", "two chunks", "a trailer"],
)
def test_an_event_is_read_whole_however_it_is_framed(serve, pieces) -> None:
    server = serve([pieces, [WHOLE]])
    with closing(Poll(server.address)) as poll:
        assert poll.next()[0] == EVENT
        assert poll.next()[0] == EVENT  # nothing of it is left over for the next


def test_six_megabytes_arrive_whole(serve) -> None:
    body = os.urandom(6_000_000)
    server = serve([[HEAD + b"Content-Length: 6000000\r\n\r\n", body]])
    with closing(Poll(server.address)) as poll:
        assert poll.next()[0] == body


def test_a_closed_connection_is_replaced(serve) -> None:
    server = serve([[WHOLE]], [[WHOLE]])
    with closing(Poll(server.address)) as poll:
        assert [poll.next()[0], poll.next()[0]] == [EVENT, EVENT]


def test_a_server_that_sends_connection_close_gets_a_new_connection(serve) -> None:
    closed = HEAD + b"Connection: close\r\nContent-Length: 8\r\n\r\n" + EVENT
    server = serve([[closed]], [[WHOLE]])
    with closing(Poll(server.address)) as poll:
        assert [poll.next()[0], poll.next()[0]] == [EVENT, EVENT]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([], "the connection closed"),
        ([HEAD + b"Content-Length: 8\r\n\r\n" + EVENT[:4]], "the connection closed within an event"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n8\r\n" + EVENT[:4]], "the connection closed within an event"),
        (
            [HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n" + EVENT[:4] + b"\r\n"],
            "the connection closed within an event",
        ),
        ([b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\noops"], "500 No: b'oops'"),
    ],
)
def test_a_reply_that_is_not_an_event_is_an_error(serve, pieces, reason) -> None:
    server = serve([pieces])
    with closing(Poll(server.address)) as poll, pytest.raises(PollError, match=reason):
        poll.next()


def test_a_runtime_api_that_is_not_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(ConnectionRefusedError):
        Poll(address).next()


@pytest.mark.promise("L8")
def test_a_signal_is_handled_while_it_waits(serve) -> None:
    server = serve([[WHOLE]])
    server.go.clear()
    handled: list[int] = []

    def handler(number: int, _: object) -> None:
        handled.append(number)
        server.go.set()  # releases the event: without the signal the wait would not end

    previous = signal.signal(signal.SIGUSR1, handler)

    def send() -> None:
        server.requested.wait()
        os.kill(os.getpid(), signal.SIGUSR1)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with closing(Poll(server.address)) as poll:
            assert poll.next()[0] == EVENT
    finally:
        signal.signal(signal.SIGUSR1, previous)
        sender.join()
    assert handled == [signal.SIGUSR1]
