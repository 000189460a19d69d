"""Structured logs, redacted in one place.

    configure_logs("chat_api", "INFO", ["store_dynamo"])      # once, in the handler module
    log_keys(request_id="…", user_id="…")                     # at the start of each request
    logging.getLogger("chat_api.server").info("turn ended")   # anywhere

Every record becomes one JSON line with the keys of the current request. Lines contain no message text, tokens or
presigned URLs: pydantic errors are logged without the input that their messages quote, and a last pass over the
finished line replaces everything that looks like a secret.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TextIO

from aws_lambda_powertools.logging.formatter import THREAD_LOCAL_KEYS, LambdaPowertoolsFormatter
from pydantic import ValidationError

SECRETS = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"  # a JWT
    r"|sk-[\w-]{8,}"  # an OpenAI key
    r"|(?<=X-Amz-Signature=)[0-9a-f]+|(?<=X-Amz-Credential=)[^&\s\"]+|(?<=X-Amz-Security-Token=)[^&\s\"]+"
    r"|(?<=[?&]Signature=)[^&\s\"]+"  # SigV2
    r"|data:[\w/+.-]+;base64,[\w+/=]+"
)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON formatter without the input and the secrets that messages and exceptions may contain."""

    def __init__(self, service: str) -> None:
        # Powertools' own stack_trace key repeats the exception's message unredacted.
        super().__init__(serialize_stacktrace=False, service=service)  # pyright: ignore[reportUnknownMemberType]

    def formatException(self, ei: ExceptionInfo) -> str:
        """Return the traceback; pydantic errors in its chain are reduced to field and kind."""
        text = super().formatException(ei)
        error = ei[1]
        while error is not None:
            if isinstance(error, ValidationError):
                text = text.replace(str(error), _without_input(error))
            error = error.__cause__ or error.__context__
        return text

    def serialize(self, log: dict[str, Any]) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the record as one JSON line with its secrets replaced."""
        return SECRETS.sub("[redacted]", json.dumps(log, default=str, ensure_ascii=False))


def configure_logs(service: str, level: str, loggers: Iterable[str], stream: TextIO | None = None) -> logging.Handler:
    """Send the records of `service` and `loggers` through the redacting formatter, and nowhere else.

    `service` is the parent logger's name and a key of every line; `stream` is stdout by default. Returns the handler.
    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(RedactingFormatter(service))
    for name in (service, *loggers):
        logger = logging.getLogger(name)
        logger.handlers = [handler]  # ChatKit adds an unredacted handler of its own when LOG_LEVEL is set
        logger.setLevel(level)
        logger.propagate = False
    return handler


def log_keys(**keys: str) -> None:
    """Replace the keys that every record of the current request carries."""
    THREAD_LOCAL_KEYS.set(dict(keys))


def _without_input(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return f"{error.title}: " + "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults)
