"""The ways in which a local function does not answer."""

from __future__ import annotations


class FunctionError(Exception):
    """The function returned no answer because it raised, timed out, crashed or did not start."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(f"{error_type}: {message}")
        self.error_type = error_type
        self.message = message


class ThrottledError(Exception):
    """The function's concurrency limit is reached: all its processes are busy."""
