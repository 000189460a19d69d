"""The polling end of the Runtime API: `GET …/invocation/next` over one kept connection, in the main thread.

    poll = Poll("127.0.0.1:9001")
    event, headers = poll.next()          # waits as long as it takes; signals are handled meanwhile

AWS's C client waits inside a call that no signal interrupts. It needs a thread for that, so every event would change
threads twice: a fifth of the time to the first byte. Here the main thread waits on two sockets: the connection, and the
one that numbers of signals are written to (`signal.set_wakeup_fd`). A plain `recv` would miss a signal that comes just
before it; when the wait was on a lock, one SIGTERM in ten, sent right after an event, was missed.

The connection is made by the first call, so never before a SnapStart snapshot, and made anew if the server has closed
it. A streamed answer goes over it too (`lend`): it has just been in use, so it cannot have died of idleness. Framing is
by length or in chunks (RFC 9112, 6.3 and 7.1): Go's net/http, which serves the Runtime API, does both.
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

Headers = dict[str, str]  # names in lower case


class Poll:
    """Asks for events, one after the other."""

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

        Raises OSError if the Runtime API cannot be reached, PollError if it gives no event.
        """
        if self._connection is not None and not self._asked(self._connection):
            self.close()  # it had been closed while an invocation ran
        if self._connection is None:
            self._connection = self._connect()
            if not self._asked(self._connection):
                raise PollError("it hung up")
        return self._answer(self._connection)

    def lend(self) -> socket.socket | None:
        """Give the connection away, for the answer to the event that just came over it."""
        connection, self._connection = self._connection, None
        return connection

    def take_back(self, connection: socket.socket) -> None:
        """Take a connection on which everything has been answered."""
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

    def _asked(self, connection: socket.socket) -> bool:
        """Ask for an event and wait; False if the connection ends instead."""
        try:
            connection.sendall(self._request)
            wait_for_data(connection)
            return bool(connection.recv(1, socket.MSG_PEEK))
        except ConnectionError:
            return False

    def _answer(self, connection: socket.socket) -> tuple[bytes, Headers]:
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
    """Wait until something can be read, or the peer has hung up; handlers of signals run meanwhile."""
    signalled, signals = socket.socketpair()
    with signalled, signals:
        signals.setblocking(False)  # as set_wakeup_fd wants it
        ready = select.poll()
        ready.register(connection, select.POLLIN)
        ready.register(signalled, select.POLLIN)
        previous = signal.set_wakeup_fd(signals.fileno())
        try:
            while connection.fileno() not in dict(ready.poll()):
                signalled.recv(SIGNAL_BYTES)  # Python has run their handlers, or runs them now
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
    """Read a body as `headers` frame it; raises PollError if it is cut."""
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
        raise PollError("it hung up within an event")
    return int(line.partition(b";")[0], 16)


def _exactly(source: BufferedReader, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise PollError("it hung up within an event")
    return data
