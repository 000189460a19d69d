"""Metrics in CloudWatch's embedded format: one JSON line of the log each, no request of its own.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format.html
"""

from __future__ import annotations

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from attachments_s3 import Event


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
