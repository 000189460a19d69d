"""The application as a Lambda handler, created on first access so that no runtime loads another one's code."""

from __future__ import annotations

from typing import Any

from tools.bench.streaming.app import app


def __getattr__(name: str) -> Any:
    if name == "streaming":
        from lambda_streaming import StreamingMangum

        handler = StreamingMangum(app, lifespan="off")
    elif name == "buffered":
        from mangum import Mangum

        handler = Mangum(app, lifespan="off")
    else:
        raise AttributeError(name)
    globals()[name] = handler
    return handler
