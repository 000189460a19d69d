"""What a process does before its first request, before a SnapStart snapshot, and when it was restored from one.

    preparation = Preparation(server.load, verifier, clients, key)
    await preparation.start()                   # ASGI lifespan
    preparation.before_snapshot()               # everything that a request could wait for is loaded
    await preparation.after_restore()           # nothing of the snapshot's time is believed

| initialised | loaded before the first request |
|---|---|
| on demand: somebody waits | the user pool's keys |
| with provisioned concurrency: nobody waits | and what a turn needs |
| for a snapshot: nobody waits | and the clients; no connection and no secret goes into the snapshot |

A restored process goes on with the clocks that measure durations where the snapshot stopped them, so what was cached in
it looks fresh for ever: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-best-practices.html
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterable

from chat_api.identity import TokenVerifier, VerifierUnavailableError
from chat_api.lazy_client import LazyClient
from chat_api.openai_key import OpenAIKey

logger = logging.getLogger("chat_api.preparation")

INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""on-demand, provisioned-concurrency or snap-start."""


class Preparation:
    """Of one process; `load` loads what a turn needs, `key` is None where no key is in Secrets Manager."""

    def __init__(
        self,
        load: Callable[[], None],
        verifier: TokenVerifier,
        clients: Iterable[LazyClient],
        key: OpenAIKey | None,
    ) -> None:
        self._load = load
        self._verifier = verifier
        self._clients = tuple(clients)
        self._key = key

    async def start(self) -> None:
        """Prepare for the first request."""
        await self._fetch_keys()
        if os.environ.get(INITIALIZATION_TYPE) == "provisioned-concurrency":
            await asyncio.to_thread(self._load)

    def before_snapshot(self) -> None:
        """Load everything, and close every connection: none would outlive the snapshot."""
        self._load()
        for client in self._clients:
            client.get().close()  # botocore opens new ones with the next request
        self._forget()

    async def after_restore(self) -> None:
        """Draw other random numbers than the snapshot's other copies, and fetch the user pool's keys anew."""
        random.seed()
        self._forget()
        await self._fetch_keys()

    def _forget(self) -> None:
        self._verifier.forget()
        if self._key is not None:
            self._key.forget()

    async def _fetch_keys(self) -> None:
        try:
            await self._verifier.warm()
        except VerifierUnavailableError:
            logger.exception("starting without the user pool's keys; they are fetched with the first request")
