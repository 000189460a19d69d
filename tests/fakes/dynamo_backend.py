"""DynamoStores on any server: a table, a bucket, and a log of every request."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from store_dynamo import Backoff, DynamoStore, S3Bucket, table_definition
from tests.fakes.request_log import RequestLog

BUCKET = "chat-files"
QUICK = Backoff(attempts=8, base_seconds=0.002, cap_seconds=0.05)


class DynamoBackend:
    """Makes stores on one table. `client` and `s3` are the application's own clients; `log` records their requests.

    `threads` is an executor of one thread for moto, which is not thread-safe.
    """

    def __init__(self, client: Any, s3: Any, table: str, threads: Executor | None = None) -> None:
        self.client = client
        self.s3 = s3
        self.table = table
        self.log = RequestLog(client, s3)
        self.quick = replace(QUICK, threads=threads) if threads else QUICK
        self.bucket = S3Bucket(BUCKET, s3, self.quick)

    def store(self, **options: Any) -> DynamoStore[Any]:
        defaults: dict[str, Any] = {"overflow": self.bucket, "backoff": self.quick, "user_of": self.log.user_of}
        return DynamoStore(table=self.table, client=self.client, **(defaults | options))


def create_table(client: Any, name: str, *, stream: bool = True) -> None:
    definition = table_definition(name)
    if not stream:
        del definition["StreamSpecification"]
    client.create_table(**definition)


def create_bucket(s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
