"""`python -m lambda_streaming`: the process that `bootstrap` starts in place of the managed runtime.

It reads Lambda's environment: `AWS_LAMBDA_RUNTIME_API` (host:port), `_HANDLER` (module.name), and `PYTHONPATH`, to
which `bootstrap` has added this layer and `LAMBDA_TASK_ROOT`.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from functools import partial
from types import FrameType

from awslambdaric import bootstrap

from lambda_streaming.adapter import StreamingMangum
from lambda_streaming.client import StreamingRuntimeClient
from lambda_streaming.logs import logger_of

_logger = logger_of(__name__)


# Lambda gives a process with an extension 0.5 s (internal) or 2 s (external) between SIGTERM and SIGKILL.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown
GRACE_SECONDS = 1.0
# From the end of the grace to the end of the process, even if the application blocks the event loop.
CLEAN_UP_SECONDS = 0.5


def main() -> None:
    """Poll for events and answer them until the process ends."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a print of a lone surrogate must not raise
    client = StreamingRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    signal.signal(signal.SIGTERM, partial(_terminate, client))
    bootstrap.run(os.environ["_HANDLER"], client)  # pyright: ignore[reportUnknownMemberType]


def _terminate(client: StreamingRuntimeClient, signal_number: int, frame: FrameType | None) -> None:
    """Stop the lifespan and exit; an invocation that is running ends first, within the grace.

    Lambda grants time for it only if an extension is registered.
    """
    if not StreamingMangum.end_running(GRACE_SECONDS):
        _stop()
    elif client.instead_of_polling is None:
        client.instead_of_polling = _stop
        limit = threading.Timer(GRACE_SECONDS + CLEAN_UP_SECONDS, os._exit, (0,))
        limit.daemon = True
        limit.start()


def _stop() -> None:
    """Stop the application's lifespan and exit."""
    try:
        StreamingMangum.close_all()
    except Exception:
        _logger.exception("the lifespan did not stop cleanly")
    finally:
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
