"""One request and its response, read from a blocking socket with the arrival time of every piece."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from typing import Protocol

CHUNK = re.compile(rb"(\d{10,})\.+")
MARK = b"0" * 10  # start of an echoed body, so that CHUNK finds it
PIECE_BYTES = 256 * 1024
HEAD_BYTES = 4096  # longer than all heads here
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
CHUNKED_END = b"0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """`chunks` chunks with a pause after each, or the echo of a body.

    By default the reader acknowledges every segment at once. Otherwise it does so after up to 40 ms, as Linux does by
    default; a sender with Nagle's algorithm, such as the Web Adapter, waits for the acknowledgement.
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
    """The response to one request: the send time, and the received pieces with their arrival times (ns)."""

    sent_ns: int
    pieces: list[tuple[int, bytes]]

    def first_byte_ms(self) -> float:
        """Return the time until the application's first byte."""
        return (next(at for at, data in self.pieces if CHUNK.search(data)) - self.sent_ns) / 1e6

    def last_byte_ms(self) -> float:
        """Return the time until the end of the message."""
        return (self.pieces[-1][0] - self.sent_ns) / 1e6

    def latencies_ms(self) -> list[float]:
        """Return the latency of every chunk that arrived in one piece."""
        return [(at - int(found[1])) / 1e6 for at, data in self.pieces for found in CHUNK.finditer(data)]


class Subject(Protocol):
    """A running server of the application."""

    @property
    def pids(self) -> list[int]:
        """Ids of all its processes."""
        ...

    def send(self, request: Request) -> Arrival:
        """Send a request and read the whole response."""
        ...


def receive(connection: socket.socket, size: int, acknowledge: bool) -> bytes:
    """Read the available bytes. The kernel resets TCP_QUICKACK, so `acknowledge` sets it before and after."""
    if not acknowledge:
        return connection.recv(size)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    data = connection.recv(size)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return data


def read_message(connection: socket.socket, acknowledge: bool, first: bytes = b"") -> list[tuple[int, bytes]]:
    """Read one HTTP message to its end, with the arrival time of each piece."""
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
