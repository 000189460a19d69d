"""Ports: one that is in use is replaced by a free one, or named in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tools.local.ports import PortError, choose, is_free, require


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1"])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as server:
        try:
            server.bind((request.param, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        server.listen()
        yield server.getsockname()[1]


def test_a_port_in_use_is_replaced_by_the_next_free_one(taken: int) -> None:
    assert not is_free(taken)
    assert choose(taken) > taken


def test_a_wanted_port_in_use_is_named_in_one_line(taken: int) -> None:
    with pytest.raises(PortError, match=rf"^port {taken} is in use: .*$"):
        require(taken, "API_PORT")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_not_a_port(port: int) -> None:
    with pytest.raises(PortError):
        require(port, "PORT")
