"""The function `janitor.handler.handler`: a batch of the table's stream, in an ordinary (not streaming) function.

Environment: TABLE_NAME, BUCKET_NAME; AWS_ENDPOINT_URL on one machine.
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from janitor.janitor import Failures, Janitor
from store_dynamo import CLIENT_CONFIG, Backoff, S3Bucket
from store_dynamo.sweep import Sweep
from store_dynamo.table import Table

MARGIN_MS = 15_000
"""Time for the page that is being deleted and for the tombstone's renewal."""

logger = Logger(service="janitor")
copy_config_to_registered_loggers(logger, include={"janitor", "store_dynamo"})


def handler(event: dict[str, Any], context: Any) -> Failures:
    """Clean up after the event's records."""
    logger.append_keys(request_id=context.aws_request_id)
    return asyncio.run(_janitor().clean(event["Records"], lambda: context.get_remaining_time_in_millis() < MARGIN_MS))


@cache
def _janitor() -> Janitor:
    backoff = Backoff()
    session = boto3.Session()
    client = session.client("dynamodb", config=CLIENT_CONFIG)  # pyright: ignore[reportUnknownMemberType]
    s3 = session.client("s3", config=CLIENT_CONFIG)  # pyright: ignore[reportUnknownMemberType]
    table = Table(os.environ["TABLE_NAME"], client, backoff)
    bucket = S3Bucket(os.environ["BUCKET_NAME"], s3, backoff)
    return Janitor(Sweep(table, bucket), bucket)
