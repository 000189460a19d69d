"""The janitor: performs the duties of a batch and reports the first record to retry.

    failures = await Janitor(sweep, bucket, holds).clean(event["Records"], out_of_time)

Every duty is idempotent, so a failed record and all records after it are delivered again: Lambda retries a stream's
batch from the first reported record (https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html),
halves the batch, and after a bounded number of retries stores it in the failure destination.

The data of a user under a legal hold stays: the janitor keeps copies of removed records and deletes nothing, see
`store_dynamo.holds`.

A thread too large for one invocation continues after a renewal of its tombstone, see `Sweep.continue_later`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from janitor.duties import DeleteObjects, Duty, SweepThread, duties, key_of, lost, user_of
from store_dynamo.bodies import S3Bucket
from store_dynamo.holds import Holds
from store_dynamo.sweep import Sweep

logger = logging.getLogger("janitor")

Failures = dict[str, list[dict[str, str]]]


class Janitor:
    """Performs duties on the table (`sweep`) and on the bucket, unless `holds` has a hold."""

    def __init__(self, sweep: Sweep, bucket: S3Bucket, holds: Holds) -> None:
        self._sweep = sweep
        self._bucket = bucket
        self._holds = holds

    async def clean(self, records: Sequence[Mapping[str, Any]], out_of_time: Callable[[], bool]) -> Failures:
        """Perform the records' duties and return the batch item failures.

        `out_of_time` returns whether the invocation should end soon.
        """
        held: dict[str, bool] = {}  # read once per batch
        for record in records:
            sequence_number: str = record["dynamodb"]["SequenceNumber"]
            if out_of_time():
                logger.warning("out of time before record %s", sequence_number)
                return _failed(sequence_number)
            try:
                if not await self._kept(record, held):
                    for duty in duties(record):
                        await self._perform(duty, out_of_time)
            except Exception:  # after any failure this record must be retried, but not those before it
                logger.exception("record %s failed", sequence_number)
                return _failed(sequence_number)
        return {"batchItemFailures": []}

    async def _kept(self, record: Mapping[str, Any], held: dict[str, bool]) -> bool:
        """Return whether the record's user is under a legal hold; then keep a copy of the removed content."""
        user_id = user_of(record)
        if user_id not in held:
            held[user_id] = await self._holds.is_held(user_id)
        if not held[user_id]:
            return False
        if image := lost(record):
            await self._holds.keep(key_of(record), image, record["dynamodb"]["SequenceNumber"])
        logger.info("kept under a legal hold", extra={"user_id": user_id, "copied": image is not None})
        return True

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
