"""The polling end of the Runtime API: `GET …/invocation/next` over one kept connection, in the main thread.

    poll = Poll("127.0.0.1:9001")
    event, headers = poll.next()          # waits without limit; signal handlers run meanwhile

Why not AWS's C client: it waits inside a call that signals do not interrupt, so it needs a thread, and every event
would change threads twice, a fifth of the time to the first byte. Here the main thread waits on two sockets: the
connection, and one to which Python writes signal numbers (`signal.set_wakeup_fd`). A plain `recv` would miss a
signal that arrives just before it; an earlier version that waited on a lock missed one in ten SIGTERMs sent right
after an event.

Why not a library's HTTP parser: this one takes 15 µs per `next`, h11 65 µs and http.client 91 µs (measured with one
kilobyte of event), and the time to the first byte is 230 µs. It can be short because it reads one kind of reply from
one server: Go's net/http, which frames by length or in chunks (RFC 9112, 6.3 and 7.1).

The first call makes the connection, so never before a SnapStart snapshot; a connection that the server has closed is
replaced. A streamed response uses the same connection (`lend`): it has just delivered the event, so it is alive.
"""

from __future__ import annotations

import platform
import select
import signal
import socket
from collections.abc import Iterator
from io import BufferedReader

import awslambdaric

from lambda_streaming.errors import PollError

USER_AGENT = f"aws-lambda-python/{platform.python_version()}-{awslambdaric.__version__}"
SIGNAL_BYTES = 4096
CUT_EVENT = "the connection closed within an event"

Headers = dict[str, str]  # names in lower case


class Poll:
    """A client that requests one event after the other."""

    def __init__(self, address: str) -> None:
        """Take the Runtime API's `address` (host:port); nothing is sent before `next`."""
        host, _, port = address.partition(":")
        self._address = host, int(port or 80)
        self._request = (
            f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {USER_AGENT}\r\n\r\n"
        ).encode()
        self._connection: socket.socket | None = None

    def next(self) -> tuple[bytes, Headers]:
        """Return the next event and its headers.

        Raises OSError if the Runtime API cannot be reached, PollError if it does not deliver an event.
        """
        if self._connection is not None and not self._request_event(self._connection):
            self.close()  # the server closed it while an invocation ran
        if self._connection is None:
            self._connection = self._connect()
            if not self._request_event(self._connection):
                raise PollError("the connection closed")
        return self._read_event(self._connection)

    def lend(self) -> socket.socket | None:
        """Hand over the connection, for the response to the event that it has just delivered."""
        connection, self._connection = self._connection, None
        return connection

    def take_back(self, connection: socket.socket) -> None:
        """Accept a connection on which everything has been answered."""
        self.close()
        self._connection = connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _request_event(self, connection: socket.socket) -> bool:
        """Request an event and wait for the reply; return False if the connection closes instead."""
        try:
            connection.sendall(self._request)
            wait_for_data(connection)
            return bool(connection.recv(1, socket.MSG_PEEK))
        except ConnectionError:
            return False

    def _read_event(self, connection: socket.socket) -> tuple[bytes, Headers]:
        with connection.makefile("rb") as source:
            status = source.readline().decode("latin-1").strip()
            headers = read_headers(source)
            body = read_body(source, headers)
        if headers.get("connection", "").lower() == "close":
            self.close()
        if status.split(" ")[1:2] != ["200"]:
            raise PollError(f"{status}: {body[:500]!r}")
        return body, headers


def wait_for_data(connection: socket.socket) -> None:
    """Wait until `connection` is readable or closed; signal handlers run meanwhile."""
    signalled, signals = socket.socketpair()
    with signalled, signals:
        signals.setblocking(False)  # a requirement of set_wakeup_fd
        ready = select.poll()
        ready.register(connection, select.POLLIN)
        ready.register(signalled, select.POLLIN)
        previous = signal.set_wakeup_fd(signals.fileno())
        try:
            while connection.fileno() not in dict(ready.poll()):
                signalled.recv(SIGNAL_BYTES)  # Python has run the handlers, or runs them now
        finally:
            signal.set_wakeup_fd(previous)


def read_headers(source: BufferedReader) -> Headers:
    """Read up to the empty line."""
    headers: Headers = {}
    while line := source.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers


def read_body(source: BufferedReader, headers: Headers) -> bytes:
    """Read a body as `headers` frame it. Raises PollError if it is cut."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return b"".join(_chunks(source))
    return _exactly(source, int(headers.get("content-length", "0")))


def _chunks(source: BufferedReader) -> Iterator[bytes]:
    while size := _chunk_size(source):
        yield _exactly(source, size)
        source.readline()
    read_headers(source)  # trailers


def _chunk_size(source: BufferedReader) -> int:
    line = source.readline()
    if not line.endswith(b"\n"):
        raise PollError(CUT_EVENT)
    return int(line.partition(b";")[0], 16)


def _exactly(source: BufferedReader, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise PollError(CUT_EVENT)
    return data
