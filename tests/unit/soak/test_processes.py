"""The memory of a process is its own: other processes that start or end do not change it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools.soak.processes import own_mb, pss_mb

LOADED = "import sys, ssl, sqlite3, asyncio; print(flush=True); sys.stdin.read()"


@contextmanager
def interpreter(program: str = LOADED) -> Iterator[int]:
    """Run an interpreter that has loaded large libraries until the block ends; yield its process id."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate()


def test_own_memory_does_not_depend_on_others_with_the_same_libraries() -> None:
    with interpreter() as pid:
        with interpreter(), interpreter(), interpreter():
            shared, own = pss_mb(pid), own_mb(pid)
        alone = pss_mb(pid)

        assert own == own_mb(pid)
        assert shared is not None
        assert alone is not None
        assert alone > shared, "the figure that this test tells apart changes with the others"


def test_own_memory_grows_with_what_a_process_keeps() -> None:
    with interpreter() as empty, interpreter(f"kept = bytes([1]) * 2**23; {LOADED}") as full:
        own, more = own_mb(empty), own_mb(full)

    assert own is not None
    assert more is not None
    assert 7 < more - own < 9


def test_an_ended_process_has_no_memory() -> None:
    with interpreter() as pid:
        pass

    assert own_mb(pid) is pss_mb(pid) is None
