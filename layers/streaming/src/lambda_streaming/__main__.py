"""`python -m lambda_streaming`: takes the place of the managed runtime.

Lambda's environment says what to do: `AWS_LAMBDA_RUNTIME_API` (host:port), `_HANDLER` (module.name), and `PYTHONPATH`,
into which `bootstrap` has put this layer and `LAMBDA_TASK_ROOT`.
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
    """Stop the application's lifespan and leave, whatever the process is doing.

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
    """Poll and answer until the process is ended."""
    signal.signal(signal.SIGTERM, _terminate)
    bootstrap.run(  # pyright: ignore[reportUnknownMemberType]
        os.environ["_HANDLER"], StreamingRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    )


if __name__ == "__main__":
    main()
