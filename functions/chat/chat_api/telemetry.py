"""Measurements of requests and turns: access log, per-turn metrics, CloudWatch metrics.

    app.add_middleware(RequestLog)
    metrics = Metrics("ChatKit/my-stack")
    AssistantServer(…, on_turn=metrics.turn)
    S3AttachmentStore(…, on_event=metrics.attachment)

CloudWatch extracts metrics from the log (embedded metric format, made by Powertools), so a metric costs no request. A
turn writes one line: each of its directives has its own dimensions.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attachments_s3 import Event
from chat_api.assistant import Turn
from chat_api.errors import InvalidRequestError
from function_setup import log_keys, write_metrics
from languages import preferred, say, translate

PACKAGES = (
    "function_setup",
    "lambda_streaming",
    "store_dynamo",
    "attachments_s3",
    "assistant_kit",
    "coach",
    "examples",
)
"""Our packages besides this one. Their loggers and the assistant's follow LOG_LEVEL; all others write from WARN."""
SERVICE = "chat"
"""The dimension that every metric has."""
MAX_PATH_CHARS = 64
MAX_HEADER_CHARS = 1_000
UNEXPECTED = say("internal error; try again, and report the request id if the error persists")

logger = logging.getLogger("chat_api.requests")


REPORTS = {"error": logging.WARNING, "log": logging.INFO}
REPORT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
FINGERPRINT = re.compile(r"[0-9a-f]{8}")


def log_report(report: Mapping[str, Any]) -> None:
    """Log an error of the page: its kind, its name, and a fingerprint of its message, which stays in the browser.

    Nothing else is read, so that no text of a conversation reaches the log. Raises InvalidRequestError.
    """
    kind, name, fingerprint = (str(report.get(field) or "") for field in ("kind", "name", "fingerprint"))
    if kind not in REPORTS or not REPORT_NAME.fullmatch(name) or not FINGERPRINT.fullmatch(fingerprint):
        raise InvalidRequestError(
            "a report has kind (error or log), name (an identifier) and fingerprint (8 hex digits)"
        )
    facts = {"page_kind": kind, "page_name": name, "page_fingerprint": fingerprint}
    logger.log(REPORTS[kind], "the page reports", extra=facts)


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
    cause: BaseException | None = None
    """The exception of a failed turn."""
    input_tokens: int = 0
    output_tokens: int = 0
    missing_model: str | None = None
    """A model that the turn asked for and that does not exist (any longer)."""
    approvals: Mapping[str, int] = field(default_factory=dict[str, int])
    """Approvals by what the turn did to them."""
    approval_ages: Sequence[float] = ()
    """Seconds between the question and the decision, of each approval that the turn decided."""

    def model_called(self) -> None:
        self.model_called_at = self.model_called_at or time.perf_counter()

    def first_token(self) -> None:
        self.first_token_at = self.first_token_at or time.perf_counter()

    def failed(self, error: BaseException) -> None:
        """Record a failure under the class of its cause, which is more specific than the message for the user."""
        self.outcome, self.error, self.cause = "failed", type(error.__cause__ or error).__name__, error

    def ended(self, turn: Turn) -> None:
        """Record the end and the token usage that the assistant reported."""
        self.ended_at = time.perf_counter()
        self.input_tokens, self.output_tokens = turn.input_tokens, turn.output_tokens
        self.missing_model = turn.missing_model
        if turn.approvals is not None:
            self.approvals, self.approval_ages = turn.approvals.counts, turn.approvals.ages

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
            **({"missing_model": self.missing_model} if self.missing_model else {}),
        }

    def milliseconds(self, at: float | None) -> float | None:
        """Return the time from the start until `at`."""
        return None if at is None else round((at - self.started_at) * 1000, 1)


Metric = tuple[str, float]
"""A unit and a value."""


@dataclass(frozen=True)
class Metrics:
    """Writes metrics of one namespace."""

    namespace: str

    def turn(self, turn: TurnMetrics) -> None:
        """Write a turn's times and tokens; its outcome and its error are metrics with dimensions of their own."""
        times = {
            "AddedTimeToFirstToken": turn.milliseconds(turn.model_called_at),
            "TimeToFirstToken": turn.milliseconds(turn.first_token_at),
            "TurnDuration": turn.milliseconds(turn.ended_at),
        }
        tokens = {"InputTokens": turn.input_tokens, "OutputTokens": turn.output_tokens}
        metrics: dict[str, Metric] = {"Turns": ("Count", 1)}
        metrics |= {name: ("Milliseconds", value) for name, value in times.items() if value is not None}
        metrics |= {name: ("Count", count) for name, count in tokens.items() if count}
        if turn.missing_model:
            metrics["MissingModels"] = ("Count", 1)
        metrics |= {f"Approvals{name.capitalize()}": ("Count", count) for name, count in turn.approvals.items()}
        if turn.approval_ages:
            metrics["ApprovalAge"] = ("Seconds", max(turn.approval_ages))
        failures = [({"kind": turn.error}, {"Failures": ("Count", 1)})] if turn.error else []
        self._write(({}, metrics), ({"outcome": turn.outcome}, {"TurnsEnded": ("Count", 1)}), *failures)

    def attachment(self, event: Event) -> None:
        """Count an event of the attachment store by action and reason, with the file's size."""
        dimensions = {"action": str(event.action), **({"reason": event.reason} if event.reason else {})}
        size: dict[str, Metric] = {"AttachmentBytes": ("Bytes", event.size)} if event.size else {}
        self._write((dimensions, {"Attachments": ("Count", 1), **size}))

    def _write(self, *groups: tuple[Mapping[str, str], Mapping[str, Metric]]) -> None:
        line: dict[str, Any] = {}
        directives: list[Any] = []
        for dimensions, metrics in groups:
            made: Any = EphemeralMetrics(namespace=self.namespace, service=SERVICE)
            for name, value in dimensions.items():
                made.add_dimension(name, value)
            for name, (unit, amount) in metrics.items():
                made.add_metric(name, unit, amount)
            one: dict[str, Any] = dict(made.serialize_metric_set())
            directives += one["_aws"]["CloudWatchMetrics"]
            line |= one
        line["_aws"] = line["_aws"] | {"CloudWatchMetrics": directives}
        write_metrics(line)


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
            language = preferred(Headers(scope=scope).get("accept-language", "")[:MAX_HEADER_CHARS])
            body = {"message": translate(UNEXPECTED, language), "request_id": request_id}
            await JSONResponse(body, status_code=500)(scope, receive, send_with_id)
        finally:
            # Background tasks run after the last message, so `answered` excludes them.
            fields = {"method": scope["method"], **_place(scope), "status": status}
            logger.info("request", extra={**fields, "milliseconds": round((answered - started) * 1000, 1)})


def _place(scope: Scope) -> dict[str, str]:
    """Return the route of a request. Only a path without a route is logged, and cut: it may contain anything."""
    route: Any = scope.get("route")
    return {"route": route.path} if route is not None else {"path": scope["path"][:MAX_PATH_CHARS]}


def _request_id(scope: Scope) -> str:
    lambda_context: Any = scope.get("aws.context")
    return str(lambda_context.aws_request_id) if lambda_context is not None else uuid.uuid4().hex
