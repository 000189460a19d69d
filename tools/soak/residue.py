"""Records of deleted threads that the janitor has not deleted; none once it has processed the table's stream.

violations = await residue(stack, users)
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing

from tools.local.stack import Stack
from tools.soak.ledger import Life
from tools.soak.oracle import Violation
from tools.soak.user import User

LIMIT_SECONDS = 30


async def residue(stack: Stack, users: Sequence[User]) -> list[Violation]:
    """Wait until the partitions of deleted threads are empty. Return a violation for each that is not."""
    deleted = {
        str(conversation.thread_id): user.mark
        for user in users
        for conversation in user.conversations
        if conversation.life is Life.DELETED
    }
    until = time.monotonic() + LIMIT_SECONDS
    while left := await asyncio.to_thread(_left, stack, set(deleted)):
        if time.monotonic() > until:
            return [
                Violation(
                    "returned", deleted[thread_id], thread_id, None, f"{count} records of a deleted thread remain"
                )
                for thread_id, count in left.items()
            ]
        await asyncio.sleep(1)
    return []


def _left(stack: Stack, deleted: set[str]) -> Counter[str]:
    """Count the records in the partitions of `deleted`, read with the operator's key."""
    left: Counter[str] = Counter()
    with closing(stack.server.client("dynamodb")) as client:
        for page in client.get_paginator("scan").paginate(TableName=stack.aws.table, ProjectionExpression="pk"):
            for record in page["Items"]:
                _, _, thread_id = record["pk"]["S"].partition("#THREAD#")
                if thread_id in deleted:
                    left[thread_id] += 1
    return left
