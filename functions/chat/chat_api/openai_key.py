"""The OpenAI key of a deployed function: in Secrets Manager, never in plain environment.

key = OpenAIKey(secret_arn="arn:…", secrets=boto3.client("secretsmanager"))
await key()
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 300


class OpenAIKey:
    """Fetches the secret's text when first asked and again after five minutes, so that a rotated key is taken up."""

    def __init__(
        self, secret_arn: str, secrets: SecretsManagerClient, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret_arn = secret_arn
        self._secrets = secrets
        self._now = now
        self._key = ""
        self._fetched = float("-inf")

    async def __call__(self) -> str:
        """Return the key; botocore's ClientError when the secret cannot be read."""
        if self._now() - self._fetched > CACHE_SECONDS:
            secret = await asyncio.to_thread(self._secrets.get_secret_value, SecretId=self._secret_arn)
            self._key, self._fetched = secret["SecretString"].strip(), self._now()
        return self._key

    def forget(self) -> None:
        """Keep the key no longer: it is fetched when next needed."""
        self._key, self._fetched = "", float("-inf")
