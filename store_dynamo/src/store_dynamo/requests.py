"""One AWS request, off the event loop, retried while that may help, with its errors translated (promise S9).

    requests = Requests(Backoff())
    answer = await requests.send(client.get_item, TableName="chat", Key=key)

Build clients with CLIENT_CONFIG: it leaves retrying to us, because botocore does not retry a transaction that lost
against another one, nor the unprocessed part of a batch. A client that retries too does no harm, it only waits longer.
boto3's low-level clients are thread-safe: https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from store_dynamo.errors import StoreUnavailableError, from_aws

P = ParamSpec("P")
T = TypeVar("T")

CLIENT_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=2,
    read_timeout=5,
    max_pool_connections=20,
)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: 8 attempts wait 2.6 s on average and 5.2 s at most."""

    attempts: int = 8
    base_seconds: float = 0.05
    cap_seconds: float = 2.0

    async def wait(self, attempt: int) -> None:
        """Wait after the failed attempt number `attempt`, counted from 1."""
        await asyncio.sleep(random.uniform(0, min(self.cap_seconds, self.base_seconds * 2 ** (attempt - 1))))


class Requests:
    """Sends requests of any boto3 client."""

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff

    async def send(self, operation: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the operation's answer.

        Raises ConditionFailedError, RequestRefusedError, or StoreUnavailableError after the last attempt.
        """
        name = getattr(operation, "__name__", "request")
        attempt = 0
        while True:
            attempt += 1
            try:
                return await asyncio.to_thread(operation, *args, **kwargs)
            except (ClientError, BotoCoreError) as exc:
                error = from_aws(name, exc, attempt)
                if not isinstance(error, StoreUnavailableError) or attempt >= self.backoff.attempts:
                    raise error from exc
            await self.backoff.wait(attempt)


async def finish(work: Awaitable[T]) -> T:
    """Await a write to its end even when the caller is cancelled meanwhile; then the cancellation goes on.

    The request is in another thread and cannot be called back: leaving it alone would let a later write overtake it.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as cancelled:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        if not task.cancelled() and (failure := task.exception()):
            raise cancelled from failure
        raise
