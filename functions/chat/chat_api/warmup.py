"""Warm-up: loads before a request everything that the request would otherwise wait for.

    deferred = DeferredImports(assistant)
    deferred.start()                    # begin in a thread
    await deferred.wait(20)             # at most 20 s; once per process
    warmup = Warmup(server.load, verifier, clients, key)

| process | loaded before the first request |
|---|---|
| on demand (a request is waiting) | the user pool's keys |
| provisioned concurrency | and the deferred imports |
| SnapStart snapshot | and the AWS clients, but no connection and no secret |

An on-demand process answers requests that need no model without the deferred imports and loads them after its first
response (`AssistantServer.load_in_background`), or during the admission of a turn.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from chat_api.assistant import Assistant, SupportsPrepare
from chat_api.errors import UnavailableError
from chat_api.identity import TokenVerifier, VerifierUnavailableError
from function_setup import LazyClient

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

logger = logging.getLogger("chat_api.warmup")

INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""on-demand, provisioned-concurrency or snap-start."""
KEY_CACHE_SECONDS = 300
THREADS = ThreadPoolExecutor(2, "openai_key")
"""Never asyncio's default executor, where an assistant's blocking tools would hold up the next model call."""


class DeferredImports:
    """The Agents SDK and the assistant's own dependencies, loaded on the first request that calls the model."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._lock = threading.Lock()
        self.loaded = False
        self._task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Load everything, once. Blocking. Raises the assistant's exception; the next call tries again."""
        with self._lock:
            if self.loaded:
                return
            importlib.import_module("chat_api.chatkit_run")
            if isinstance(self._assistant, SupportsPrepare):
                self._assistant.prepare()
            self.loaded = True

    async def wait(self, within_seconds: float | None = None) -> None:
        """Return when everything is loaded, without blocking the event loop.

        Raises the exception of `load`, and UnavailableError after `within_seconds` (None: no limit). The thread then
        continues, and the next call waits for the same thread.
        """
        if self.loaded:
            return
        try:
            async with asyncio.timeout(within_seconds):
                await asyncio.to_thread(self.load)
        except TimeoutError as error:
            raise UnavailableError("the assistant is still loading") from error

    def start(self) -> None:
        """Start loading in a thread; a failure surfaces in `wait`."""
        if not self.loaded:
            # A task, because the runtime ends an invocation only after the tasks that it started.
            self._task = asyncio.create_task(self._try())

    async def _try(self) -> None:
        with suppress(Exception):
            await self.wait()


class Warmup:
    """Warms up one process at its start, before a SnapStart snapshot and after a restore.

    `load` loads the deferred imports; `key` is None unless the OpenAI key comes from Secrets Manager.
    """

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
        """Warm up before the first request."""
        await self._fetch_keys()
        if os.environ.get(INITIALIZATION_TYPE) == "provisioned-concurrency":
            await asyncio.to_thread(self._load)

    def before_snapshot(self) -> None:
        """Load everything and close all connections, which would not survive the snapshot."""
        self._load()
        for client in self._clients:
            client.get().close()  # botocore opens new connections with the next request
        self._forget_key()

    async def after_restore(self) -> None:
        """Reseed the random numbers, which all copies of a snapshot share, and fetch the user pool's keys again.

        The clocks that measure durations continue from the snapshot, so a cached OpenAI key would look fresh.
        https://docs.aws.amazon.com/lambda/latest/dg/snapstart-best-practices.html
        """
        random.seed()
        self._forget_key()
        await self._fetch_keys()

    def _forget_key(self) -> None:
        if self._key is not None:
            self._key.forget()

    async def _fetch_keys(self) -> None:
        try:
            await self._verifier.fetch_keys()
        except VerifierUnavailableError:
            logger.exception("starting without the user pool's keys; the first request fetches them")


class OpenAIKey:
    """The OpenAI key of a deployed function, read from Secrets Manager and cached for five minutes.

    key = OpenAIKey(secret_arn="arn:…", secrets=session.client("secretsmanager", config))
    await key()
    """

    def __init__(
        self, secret_arn: str, secrets: SecretsManagerClient, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret_arn = secret_arn
        self._secrets = secrets
        self._now = now
        self._key = ""
        self._fetched_at = float("-inf")

    async def __call__(self) -> str:
        """Return the key. Raises botocore's ClientError if the secret cannot be read."""
        if self._now() - self._fetched_at > KEY_CACHE_SECONDS:
            read = partial(self._secrets.get_secret_value, SecretId=self._secret_arn)
            secret = await asyncio.get_running_loop().run_in_executor(THREADS, read)
            self._key, self._fetched_at = secret["SecretString"].strip(), self._now()
        return self._key

    def forget(self) -> None:
        """Discard the cached key."""
        self._key, self._fetched_at = "", float("-inf")
