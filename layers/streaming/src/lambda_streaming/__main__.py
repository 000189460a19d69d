"""`python -m lambda_streaming`: the process that `bootstrap` starts in place of the managed runtime.

It reads Lambda's environment: `AWS_LAMBDA_RUNTIME_API` (host:port), `_HANDLER` (module.name), and `PYTHONPATH`, to
which `bootstrap` has added this layer and `LAMBDA_TASK_ROOT`.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType

from awslambdaric import bootstrap

from lambda_streaming.adapter import StreamingMangum
from lambda_streaming.client import StreamingRuntimeClient

_logger = logging.getLogger(__name__)


def _terminate(signal_number: int, frame: FrameType | None) -> None:
    """Stop the application's lifespan and exit.

    Lambda grants time for it only if an extension is registered.
    """
    try:
        StreamingMangum.close_all()
    except Exception:
        _logger.exception("the lifespan did not stop cleanly")
    finally:
        sys.stdout.flush()
        os._exit(0)


def main() -> None:
    """Poll for events and answer them until the process ends."""
    signal.signal(signal.SIGTERM, _terminate)
    bootstrap.run(  # pyright: ignore[reportUnknownMemberType]
        os.environ["_HANDLER"], StreamingRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    )


if __name__ == "__main__":
    main()
