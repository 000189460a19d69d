"""Ports of this machine's loopback interface: a wanted one, or the next free one.

port = choose(8787)                   # 8787, or the next free one
port = require(5180, "PORT")          # 5180, or PortError in one line
"""

from __future__ import annotations

import socket

SEARCHED = 50


class PortError(Exception):
    """The port that the developer asked for is in use."""


def is_free(port: int) -> bool:
    """Return whether a server can listen on the port, and none answers there at `localhost` by IPv6."""
    if not 0 < port < 65536:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("::1", port)) != 0
    except OSError:  # this machine has no IPv6
        return True


def choose(wanted: int) -> int:
    """Return `wanted` or the next free port. Raises PortError if a whole range is in use."""
    for port in range(wanted, wanted + SEARCHED):
        if is_free(port):
            return port
    raise PortError(
        f"ports {wanted} to {wanted + SEARCHED - 1} are in use: choose another one, make dev PORT=… API_PORT=…"
    )


def require(port: int, variable: str) -> int:
    """Return the port. Raises PortError if it is in use."""
    if not is_free(port):
        raise PortError(
            f"port {port} is in use: stop the program that listens there, or run make dev without {variable}, "
            "which takes a free one"
        )
    return port
