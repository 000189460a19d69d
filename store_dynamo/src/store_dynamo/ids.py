"""Ids that sort by time and cannot be guessed, and the clock that numbers insertions (promises S2, S11).

new_id("msg")  →  msg_18f0c2a94d3b7e10c4f1…     16 hex digits of nanoseconds, 20 of randomness (80 bits)
"""

from __future__ import annotations

import secrets
import threading
import time

_lock = threading.Lock()
_last_ns = 0


def next_ns() -> int:
    """Return the time in nanoseconds since 1970, later than every value returned before in this process."""
    global _last_ns
    with _lock:
        _last_ns = max(time.time_ns(), _last_ns + 1)
        return _last_ns


def new_id(prefix: str) -> str:
    """Return a new id."""
    return f"{prefix}_{next_ns():016x}{secrets.token_hex(10)}"
