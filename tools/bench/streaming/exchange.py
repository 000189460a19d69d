"""One request and what came back, read from a plain blocking socket with the time of every piece."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import Protocol

CHUNK = re.compile(rb"(\d{10,})\.+")
MARK = b"0" * 10  # how an echoed body begins, so that it is found as a chunk is
PIECE_BYTES = 256 * 1024
HEAD_BYTES = 4096  # more than any head here
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
CHUNKED_END = b"0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """`chunks` chunks with a pause after each, or the echo of a body.

    The reader acknowledges every segment at once, unless told to do as Linux does by default: wait up to 40 ms for
    something to send. A sender that leaves Nagle's algorithm on, as the Web Adapter does, waits for it.
    """

    chunks: int = 1
    pause_ms: float = 0
    body_bytes: int = 0
    acknowledged_at_once: bool = True

    @property
    def method(self) -> str:
        return "POST" if self.body_bytes else "GET"

    @property
    def query(self) -> str:
        return f"chunks={self.chunks}&pause_ms={self.pause_ms}"

    @property
    def body(self) -> bytes:
        return MARK.ljust(self.body_bytes, b".") if self.body_bytes else b""


@dataclass(frozen=True)
class Arrival:
    """What came back for one request: when it was sent, and when which bytes arrived (ns)."""

    sent_ns: int
    pieces: list[tuple[int, bytes]]

    def first_byte_ms(self) -> float:
        """Return the time until the application's first byte."""
        return (next(at for at, data in self.pieces if CHUNK.search(data)) - self.sent_ns) / 1e6

    def last_byte_ms(self) -> float:
        """Return the time until the end of the message."""
        return (self.pieces[-1][0] - self.sent_ns) / 1e6

    def latencies_ms(self) -> list[float]:
        """Return, for every chunk that arrived in one piece, the time since the application sent it."""
        return [(at - int(found[1])) / 1e6 for at, data in self.pieces for found in CHUNK.finditer(data)]


class Subject(Protocol):
    """Something that serves the application."""

    @property
    def pids(self) -> list[int]:
        """Everything that has to run for it."""
        ...

    def send(self, request: Request) -> Arrival:
        """Send a request and read its whole answer."""
        ...


def receive(connection: socket.socket, size: int, acknowledge: bool) -> bytes:
    """Read what there is; `acknowledge` is for what comes next, too, so it is said before and after."""
    if not acknowledge:
        return connection.recv(size)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    data = connection.recv(size)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return data


def read_message(connection: socket.socket, acknowledge: bool, first: bytes = b"") -> list[tuple[int, bytes]]:
    """Read one HTTP message to its end, noting when each piece arrived."""
    pieces: list[tuple[int, bytes]] = []
    head, tail, total, whole = b"", b"", 0, None
    data = first or receive(connection, PIECE_BYTES, acknowledge)
    while True:
        pieces.append((time.monotonic_ns(), data))
        total += len(data)
        tail = (tail + data[-5:])[-5:]
        if whole is None and len(head) < HEAD_BYTES:
            head += data
            if (end := head.find(b"\r\n\r\n")) >= 0 and (found := LENGTH.search(head[: end + 2])):
                whole = int(found[1]) + end + 4
        if not data or (tail == CHUNKED_END if whole is None else total >= whole):
            return pieces
        data = receive(connection, PIECE_BYTES, acknowledge)
