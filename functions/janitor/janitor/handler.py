"""The Lambda function `janitor.handler.handler`: processes a batch of the table's stream, without response streaming.

The event source of `template.yaml` invokes it with up to 100 stream records; it returns the records to retry.
"""

from __future__ import annotations

import asyncio
from typing import Any

from function_setup import ClientSession, configure_logs, log_keys, read_settings
from janitor.janitor import Failures, Janitor
from janitor.settings import Settings
from store_dynamo import CLIENT_CONFIG, Backoff, S3Bucket
from store_dynamo.holds import Holds
from store_dynamo.sweep import Sweep
from store_dynamo.table import Table

MARGIN_MS = 15_000
"""Time kept for the page that is being deleted and for renewing the tombstone."""
PACKAGES = ("function_setup", "store_dynamo", "attachments_s3")


def build(settings: Settings) -> Janitor:
    """Return a janitor with its clients."""
    session, backoff = ClientSession(), Backoff()
    table = Table(settings.table_name, session.client("dynamodb", CLIENT_CONFIG), backoff)
    bucket = S3Bucket(settings.bucket_name, session.client("s3", CLIENT_CONFIG), backoff)
    return Janitor(Sweep(table, bucket), bucket, Holds(table))


def handler(event: dict[str, Any], context: Any) -> Failures:
    """Process the event's records."""
    log_keys(request_id=context.aws_request_id)
    return asyncio.run(janitor.clean(event["Records"], lambda: context.get_remaining_time_in_millis() < MARGIN_MS))


settings = read_settings(Settings)
configure_logs("janitor", settings.log_level, PACKAGES)
janitor = build(settings)
