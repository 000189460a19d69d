"""Warm-up: loads before a request everything that the request would otherwise wait for.

    deferred = DeferredImports(assistant)
    deferred.start()                    # begin in a thread
    await deferred.wait(20)             # at most 20 s; once per process
    warmup = Warmup(server.load, verifier, clients, secrets)

| process | loaded before the first request |
|---|---|
| on demand (a request is waiting) | the user pool's keys |
| provisioned concurrency, or on demand with `LOAD=init` | and the deferred imports |
| SnapStart snapshot | and the AWS clients, but no connection and no secret |

By default, an on-demand process answers requests that need no model without the deferred imports and loads them after
its first response (`AssistantServer.load_in_background`), or during the admission of a turn.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chat_api.assistant import Assistant, SupportsPrepare
from chat_api.errors import UnavailableError, contained
from chat_api.identity import TokenVerifier, VerifierUnavailableError
from function_setup import LazyClient

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

logger = logging.getLogger("chat_api.warmup")

INITIALIZATION_TYPE = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""on-demand, provisioned-concurrency or snap-start."""
KEY_CACHE_SECONDS = 300
NO_VALUE = "ResourceNotFoundException"
"""The error of Secrets Manager for a secret without a value, which a new stack has."""
THREADS = ThreadPoolExecutor(2, "secrets")
"""Never asyncio's default executor, where an assistant's blocking tools would hold up the next model call."""


class DeferredImports:
    """The Agents SDK and the assistant's own dependencies, loaded on the first request that calls the model."""

    def __init__(self, assistant: Assistant, loading: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._assistant = assistant
        self._loading = loading
        self._lock = threading.Lock()
        self.loaded = False
        self._task: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Load everything, once. Blocking. Raises the assistant's exception; the next call tries again."""
        with self._lock:
            if self.loaded:
                return
            with self._loading():
                importlib.import_module("chat_api.chatkit_run")
                if isinstance(self._assistant, SupportsPrepare):
                    with contained():
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

    `load` loads the deferred imports, before the first request if `at_init`. `secrets` are those that come from Secrets
    Manager.
    """

    def __init__(
        self,
        load: Callable[[], None],
        verifier: TokenVerifier,
        clients: Iterable[LazyClient],
        secrets: Iterable[StoredSecret] = (),
        *,
        at_init: bool = False,
    ) -> None:
        self._load = load
        self._verifier = verifier
        self._clients = tuple(clients)
        self._secrets = tuple(secrets)
        self._at_init = at_init

    async def start(self) -> None:
        """Warm up before the first request."""
        await self._fetch_keys()
        if self._at_init or os.environ.get(INITIALIZATION_TYPE) == "provisioned-concurrency":
            await asyncio.to_thread(self._load)

    def before_snapshot(self) -> None:
        """Load everything and close all connections, which would not survive the snapshot."""
        self._load()
        for client in self._clients:
            client.get().close()  # botocore opens new connections with the next request
        self._forget_secrets()

    async def after_restore(self) -> None:
        """Reseed the random numbers, which all copies of a snapshot share, and fetch the user pool's keys again.

        The clocks that measure durations continue from the snapshot, so a cached secret would look fresh.
        https://docs.aws.amazon.com/lambda/latest/dg/snapstart-best-practices.html
        """
        random.seed()
        self._forget_secrets()
        await self._fetch_keys()

    def _forget_secrets(self) -> None:
        for secret in self._secrets:
            secret.forget()

    async def _fetch_keys(self) -> None:
        try:
            await self._verifier.fetch_keys()
        except VerifierUnavailableError:
            logger.exception("starting without the user pool's keys; the first request fetches them")


class StoredSecret:
    """A secret of a deployed function, such as the OpenAI key, read from Secrets Manager and cached for five minutes.

    key = StoredSecret(secret_arn="arn:…", secrets=session.client("secretsmanager", config))
    await key()
    """

    def __init__(
        self, secret_arn: str, secrets: SecretsManagerClient, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret_arn = secret_arn
        self._secrets = secrets
        self._now = now
        self._text = ""
        self._fetched_at = float("-inf")

    async def __call__(self) -> str:
        """Return the text. Raises botocore's ClientError if the secret cannot be read."""
        if self._now() - self._fetched_at > KEY_CACHE_SECONDS:
            read = partial(self._secrets.get_secret_value, SecretId=self._secret_arn)
            secret = await asyncio.get_running_loop().run_in_executor(THREADS, read)
            self._text, self._fetched_at = secret["SecretString"].strip(), self._now()
        return self._text

    def forget(self) -> None:
        """Discard the cached text."""
        self._text, self._fetched_at = "", float("-inf")


class AssistantSecrets:
    """The assistant's own secrets: variables of the process (on a laptop), else one JSON object in Secrets Manager.

    secret = AssistantSecrets(os.environ, StoredSecret(arn, secrets))
    await secret("SHOP_KEY")
    """

    def __init__(self, environment: Mapping[str, str], stored: StoredSecret | None) -> None:
        self._environment = environment
        self._stored = stored

    async def __call__(self, name: str) -> str:
        """Return a secret. Raises KeyError, whose message names the remedy but quotes no value."""
        if value := self._environment.get(name):
            return value
        if self._stored is None:
            raise KeyError(
                f"{name} is not set: set it in the shell before `make dev`, and declare it in [secrets] of app/app.toml"
            )
        try:
            values: Any = json.loads(await self._stored())
            return str(values[name])
        except (ValueError, TypeError, KeyError, ClientError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") != NO_VALUE:
                raise
            raise KeyError(
                f"{name} is not set: the secret of the output AppSecretArn must be a JSON object with it, or under "
                "`make dev`, the shell must have it (docs/use/app.md)"
            ) from None
