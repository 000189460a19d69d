"""Structured logs, redacted in one place (promise H9).

    logger = logging.getLogger("chat_api")        # anywhere
    configure_logs("INFO")                        # once, in the composition root

Every record is one JSON line with the keys of `log_keys` (request, turn and user ids). Message text, tokens and
presigned URLs never get into it: exceptions of pydantic are written without the input that they quote, and whatever
still looks like a secret is blotted out of the finished line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from types import TracebackType
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from pydantic import ValidationError

LOGGERS = ("chatkit", "lambda_streaming", "store_dynamo", "attachments_s3", "coach", "openai.agents")

SECRETS = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"  # a JWT
    r"|sk-[\w-]{8,}"  # an OpenAI key
    r"|(?<=X-Amz-Signature=)[0-9a-f]+|(?<=X-Amz-Credential=)[^&\s\"]+|(?<=X-Amz-Security-Token=)[^&\s\"]+"
    r"|(?<=[?&]Signature=)[^&\s\"]+"  # SigV2
    r"|data:[\w/+.-]+;base64,[\w+/=]+"
)

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class RedactingFormatter(LambdaPowertoolsFormatter):
    """Powertools' JSON formatter that quotes no input and no secret."""

    def __init__(self) -> None:
        # Powertools' own rendering of the stack repeats the exception's message as it is.
        super().__init__(serialize_stacktrace=False)  # pyright: ignore[reportUnknownMemberType]

    def formatException(self, ei: ExceptionInfo) -> str:
        """Return the traceback; a pydantic error in its chain is stated by field and kind only."""
        text = super().formatException(ei)
        error = ei[1]
        while error is not None:
            if isinstance(error, ValidationError):
                text = text.replace(str(error), _without_input(error))
            error = error.__cause__ or error.__context__
        return text

    def serialize(self, log: dict[str, Any]) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the record as one JSON line, secrets blotted out."""
        return SECRETS.sub("[redacted]", json.dumps(log, default=str, ensure_ascii=False))


def _without_input(error: ValidationError) -> str:
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    return f"{error.title}: " + "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in faults)


# Powertools names the logger after the service; ours are its children.
_chat_api = Logger(service="chat_api", logger_formatter=RedactingFormatter(), stream=sys.stdout)


def configure_logs(level: str) -> None:
    """Send the records of our own and of ChatKit's loggers through the redacting formatter, and nowhere else."""
    _chat_api.setLevel(level)
    handler = _chat_api.registered_handler
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]  # ChatKit adds its own, unredacted, when LOG_LEVEL is set
        logger.setLevel(level)
        logger.propagate = False


def log_keys(**keys: str) -> None:
    """Add `keys` to every record of the current request."""
    _chat_api.thread_safe_clear_keys()
    _chat_api.thread_safe_append_keys(**keys)
