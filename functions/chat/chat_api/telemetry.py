"""Measurements of requests and turns: access log, per-turn metrics, CloudWatch metrics.

    app.add_middleware(RequestLog)
    AssistantServer(…, on_turn=count_turn)
    S3AttachmentStore(…, on_event=count_attachment)

CloudWatch extracts metrics from the log (embedded metric format), so a metric costs one JSON line and no request.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attachments_s3 import Event
from chat_api.assistant import Turn
from function_setup import log_keys

LOGGERS = ("chatkit", "lambda_streaming", "mangum", "store_dynamo", "attachments_s3", "coach", "openai.agents")
"""The loggers besides our own whose records the function redacts and writes as JSON."""
UNEXPECTED = "internal error; try again, and report the request id if the error persists"

logger = logging.getLogger("chat_api.requests")


@dataclass
class TurnMetrics:
    """Times and counts of one turn.

    Times are values of `time.perf_counter`, in seconds; None until the event has happened.
    """

    started_at: float = field(default_factory=time.perf_counter)
    model_called_at: float | None = None
    """When the assistant was called. The time before it is our own overhead."""
    first_token_at: float | None = None
    """When the assistant's first event arrived."""
    ended_at: float | None = None
    outcome: str = "answered"
    error: str | None = None
    """The name of the exception class, or the error code."""
    input_tokens: int = 0
    output_tokens: int = 0

    def model_called(self) -> None:
        self.model_called_at = self.model_called_at or time.perf_counter()

    def first_token(self) -> None:
        self.first_token_at = self.first_token_at or time.perf_counter()

    def failed(self, error: BaseException) -> None:
        """Record a failure under the class of its cause, which is more specific than the message for the user."""
        self.outcome, self.error = "failed", type(error.__cause__ or error).__name__

    def ended(self, turn: Turn) -> None:
        """Record the end and the token usage that the assistant reported."""
        self.ended_at = time.perf_counter()
        self.input_tokens, self.output_tokens = turn.input_tokens, turn.output_tokens

    def summary(self) -> dict[str, str | float | None]:
        """Return the keys of the log line."""
        return {
            "outcome": self.outcome,
            "kind": self.error,
            "model_called_ms": self.milliseconds(self.model_called_at),
            "first_token_ms": self.milliseconds(self.first_token_at),
            "total_ms": self.milliseconds(self.ended_at),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }

    def milliseconds(self, at: float | None) -> float | None:
        """Return the time from the start until `at`."""
        return None if at is None else round((at - self.started_at) * 1000, 1)


def count_turn(turn: TurnMetrics) -> None:
    """Write a turn's times and tokens; its outcome and its error are metrics with dimensions of their own."""
    metrics = EphemeralMetrics()
    metrics.add_metric(name="Turns", unit=MetricUnit.Count, value=1)
    times = {
        "AddedTimeToFirstToken": turn.model_called_at,
        "TimeToFirstToken": turn.first_token_at,
        "TurnDuration": turn.ended_at,
    }
    for name, at in times.items():
        if (milliseconds := turn.milliseconds(at)) is not None:
            metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=milliseconds)
    for name, tokens in (("InputTokens", turn.input_tokens), ("OutputTokens", turn.output_tokens)):
        if tokens:
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=tokens)
    metrics.flush_metrics()
    _count("TurnsEnded", "outcome", turn.outcome)
    if turn.error:
        _count("Failures", "kind", turn.error)


def count_attachment(event: Event) -> None:
    """Count an event of the attachment store by action and reason, with the file's size."""
    metrics = EphemeralMetrics()
    metrics.add_dimension(name="action", value=str(event.action))
    if event.reason:
        metrics.add_dimension(name="reason", value=event.reason)
    metrics.add_metric(name="Attachments", unit=MetricUnit.Count, value=1)
    if event.size:
        metrics.add_metric(name="AttachmentBytes", unit=MetricUnit.Bytes, value=event.size)
    metrics.flush_metrics()


def _count(name: str, dimension: str, value: str) -> None:
    metrics = EphemeralMetrics()
    metrics.add_dimension(name=dimension, value=value)
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


class RequestLog:
    """ASGI middleware: sets `scope["state"]["request_id"]`, logs requests, answers unhandled exceptions with 500.

    It wraps the app because a decorator of the Lambda handler would return before the app has run, and Starlette's
    BaseHTTPMiddleware would buffer the stream.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        log_keys(request_id=request_id)
        started, status = time.perf_counter(), 0
        answered = started

        async def send_with_id(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)
            answered = time.perf_counter()

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            logger.exception("unhandled exception")
            if status:
                raise  # the response has started: the runtime ends it with error trailers
            body = {"message": UNEXPECTED, "request_id": request_id}
            await JSONResponse(body, status_code=500)(scope, receive, send_with_id)
        finally:
            # Background tasks run after the last message, so `answered` excludes them.
            fields = {"method": scope["method"], "path": scope["path"], "status": status}
            logger.info("request", extra={**fields, "milliseconds": round((answered - started) * 1000, 1)})


def _request_id(scope: Scope) -> str:
    lambda_context: Any = scope.get("aws.context")
    return str(lambda_context.aws_request_id) if lambda_context is not None else uuid.uuid4().hex
