"""Loggers whose failure never reaches their caller.

    _logger = logger_of(__name__)

A runtime's handler encodes strictly and catches nothing: one lone surrogate in an exception's message would leave the
code that reports the exception, end the response, and with it the process.
"""

from __future__ import annotations

import logging
from typing import Any


class _SafeLogger(logging.LoggerAdapter[logging.Logger]):
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        try:
            super().log(level, msg, *args, **{**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1})
        except Exception:
            return  # the log itself has the fault, so the fault cannot be logged


def logger_of(name: str) -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger `name`; its methods never raise."""
    return _SafeLogger(logging.getLogger(name), {})
