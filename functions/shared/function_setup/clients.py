"""AWS clients that are created on first use.

    session = ClientSession()
    s3 = session.client("s3", s3_config())
    s3.get_object(…)                # creates the client: 20 ms and the service model, which most requests do not need

botocore's session creates the same clients as boto3's, without importing s3transfer and boto3's resources.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.config import Config

_creation = threading.Lock()
"""One lock for all clients, because a botocore session, which creates most of them, is not thread-safe."""


class LazyClient:
    """A stand-in for the client that `create` returns; it forwards every attribute."""

    def __init__(self, create: Callable[[], Any]) -> None:
        self._create = create
        self.created: Any = None
        """The client, or None before its first use."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.get(), name)

    def get(self) -> Any:
        """Return the client; the first call creates it."""
        if self.created is None:
            with _creation:
                if self.created is None:
                    self.created = self._create()
        return self.created


class ClientSession:
    """A botocore session; credentials, region and endpoints come from the environment."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()

    def client(self, service: str, config: Config) -> Any:
        """Return a LazyClient for an AWS service. The type is Any, as botocore's own clients are untyped."""
        return LazyClient(lambda: self._session.create_client(service, config=config))  # pyright: ignore[reportUnknownMemberType]  # fmt: skip
