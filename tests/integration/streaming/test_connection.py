"""The connection of a streamed response, against a Runtime API that sends scripted bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from lambda_streaming import StreamingMangum
from lambda_streaming.client import StreamingRuntimeClient
from tests.integration.streaming.conftest import context, event_bytes

HEAD = b"HTTP/1.1 202 Accepted\r\n"
ACCEPTED = HEAD + b'Content-Length: 16\r\n\r\n{"status":"OK"}\n'
END = b"0\r\n\r\n"


class OneByOne:
    """A Runtime API that delivers one event, answers its response with `reply`, and delivers a second event.

    `connections` counts the accepted connections; each is served until the peer closes it.
    """

    def __init__(self, reply: bytes, at_once: bool = False) -> None:
        self.connections = 0
        self.answers: list[bytes] = []
        self._reply = reply
        self._at_once = at_once
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        sent = event_bytes()
        head = b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: one\r\nContent-Type: application/json\r\n"
        with connection:
            while received := self._received(connection):
                if received.startswith(b"GET "):
                    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(sent) + sent)
                else:
                    self.answers.append(received)
                    connection.sendall(self._reply)

    def _received(self, connection: socket.socket) -> bytes:
        data = b""
        try:
            while not data or (data.startswith(b"POST ") and not data.endswith(END)):
                if not (piece := connection.recv(65536)):
                    return b""
                data += piece
                if self._at_once:
                    return data
        except ConnectionError:
            return b""
        return data

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def one_by_one() -> Iterator[Callable[..., OneByOne]]:
    servers: list[OneByOne] = []

    def start(reply: bytes, at_once: bool = False) -> OneByOne:
        servers.append(OneByOne(reply, at_once))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


async def hello(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def two_events(server: OneByOne) -> None:
    """Poll, respond, and poll again, as AWS's loop does."""
    adapter = StreamingMangum(hello, lifespan="off")
    with closing(adapter), closing(StreamingRuntimeClient(server.address)) as client:
        for _ in range(2):
            request = client.wait_next_invocation()
            event = client.marshaller.unmarshal_request(request.event_body, request.content_type)
            client.post_invocation_result(request.invoke_id, adapter(event, context()))


def test_events_and_streamed_answers_share_one_connection(one_by_one) -> None:
    server = one_by_one(ACCEPTED)
    two_events(server)
    assert len(server.answers) == 2
    assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [
        HEAD + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}",
        HEAD + b"\r\n",  # as long as the connection lasts
        HEAD + b"Content-Length: 20\r\n\r\n{}",  # the rest has not come yet
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["close", "no length", "not whole", "chunks", "refused"],
)
@pytest.mark.promise("L9")
def test_a_connection_that_is_not_clean_is_not_used_again(one_by_one, reply) -> None:
    server = one_by_one(reply)
    two_events(server)
    assert len(server.answers) == 2
    assert server.connections == 2


@pytest.mark.promise("L7")
def test_a_reply_before_the_end_costs_only_its_connection(one_by_one) -> None:
    server = one_by_one(b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\n{}", at_once=True)
    two_events(server)
    assert server.connections == 2
