"""The janitor: performs the duties of a batch and reports the first record to retry.

    failures = await Janitor(sweep, bucket).clean(event["Records"], out_of_time)

Every duty is idempotent, so a failed record and all records after it are delivered again: Lambda retries a stream's
batch from the first reported record (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html),
halves the batch, and after a bounded number of retries stores it in the failure destination.

A thread too large for one invocation continues after a renewal of its tombstone, see `Sweep.continue_later`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from janitor.duties import DeleteObjects, Duty, SweepThread, duties
from store_dynamo.bodies import S3Bucket
from store_dynamo.sweep import Sweep

logger = logging.getLogger("janitor")

Failures = dict[str, list[dict[str, str]]]


class Janitor:
    """Performs duties on the table (`sweep`) and on the bucket."""

    def __init__(self, sweep: Sweep, bucket: S3Bucket) -> None:
        self._sweep = sweep
        self._bucket = bucket

    async def clean(self, records: Sequence[Mapping[str, Any]], out_of_time: Callable[[], bool]) -> Failures:
        """Perform the records' duties and return the batch item failures.

        `out_of_time` returns whether the invocation should end soon.
        """
        for record in records:
            sequence_number: str = record["dynamodb"]["SequenceNumber"]
            if out_of_time():
                logger.warning("out of time before record %s", sequence_number)
                return _failed(sequence_number)
            try:
                for duty in duties(record):
                    await self._perform(duty, out_of_time)
            except Exception:  # after any failure this record must be retried, but not those before it
                logger.exception("record %s failed", sequence_number)
                return _failed(sequence_number)
        return {"batchItemFailures": []}

    async def _perform(self, duty: Duty, out_of_time: Callable[[], bool]) -> None:
        match duty:
            case SweepThread(user_id, thread_id):
                if not await self._sweep.is_due(user_id, thread_id):
                    logger.warning(
                        "thread is not deleted, not swept", extra={"user_id": user_id, "thread_id": thread_id}
                    )
                    return
                done = await self._sweep.thread(user_id, thread_id, out_of_time)
                if not done:
                    await self._sweep.continue_later(user_id, thread_id)
                logger.info("thread swept", extra={"user_id": user_id, "thread_id": thread_id, "done": done})
            case DeleteObjects(keys):
                await self._bucket.delete(*keys)
                logger.info("objects deleted", extra={"count": len(keys)})


def _failed(sequence_number: str) -> Failures:
    return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}
