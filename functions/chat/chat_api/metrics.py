"""Metrics in CloudWatch's embedded format: one JSON line of the log each, no request of its own.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

from __future__ import annotations

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from attachments_s3 import Event
from chat_api.turn_meter import TurnMeter


def count_attachment(event: Event) -> None:
    """Count what happened to a file, by action and reason, and its bytes."""
    metrics = EphemeralMetrics()
    metrics.add_dimension(name="action", value=str(event.action))
    if event.reason:
        metrics.add_dimension(name="reason", value=event.reason)
    metrics.add_metric(name="Attachments", unit=MetricUnit.Count, value=1)
    if event.size:
        metrics.add_metric(name="AttachmentBytes", unit=MetricUnit.Bytes, value=event.size)
    metrics.flush_metrics()


def count_turn(meter: TurnMeter) -> None:
    """Count a turn with its times and tokens; in lines of their own, its outcome and what failed."""
    metrics = EphemeralMetrics()
    metrics.add_metric(name="Turns", unit=MetricUnit.Count, value=1)
    # From the request's arrival until the assistant is asked: what we add to the model's own time.
    times = {"AddedTimeToFirstToken": meter.asked, "TimeToFirstToken": meter.spoke, "TurnDuration": meter.ended}
    for name, at in times.items():
        if (milliseconds := meter.milliseconds(at)) is not None:
            metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=milliseconds)
    for name, tokens in (("InputTokens", meter.input_tokens), ("OutputTokens", meter.output_tokens)):
        if tokens:
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=tokens)
    metrics.flush_metrics()
    _count("TurnsEnded", "outcome", meter.outcome)
    if meter.error:
        _count("Failures", "kind", meter.error)


def _count(name: str, dimension: str, value: str) -> None:
    metrics = EphemeralMetrics()
    metrics.add_dimension(name=dimension, value=value)
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()
