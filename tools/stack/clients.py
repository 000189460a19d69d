"""AWS clients: the operator's own, created like the functions' clients, and clients of a local AWS with a given key.

with closing(operator_client("s3")) as s3: ...                                    # ~/.aws, environment, profile
with closing(local_client("s3", "http://127.0.0.1:4566", credentials)) as s3: ... # MiniStack, DynamoDB Local, rclone
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from function_setup.clients import LazyClient

REGION = "eu-west-1"
"""The region of every local AWS."""


@dataclass(frozen=True)
class Credentials:
    """An access key as botocore takes it; `token` only for roles."""

    access_key: str
    secret_key: str
    token: str | None = None

    def environment(self) -> dict[str, str]:
        """Return the variables in which every AWS SDK looks for its key."""
        token = {"AWS_SESSION_TOKEN": self.token} if self.token else {}
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key, **token}


ROOT_KEY = Credentials("test", "test")
"""MiniStack's root key. It bypasses signature and IAM checks, so nothing under test may use it."""


@cache
def _descriptions(data_path: str | None) -> Loader:
    """Return AWS's descriptions of its services, which every session would parse again."""
    return create_loader(data_path)


def operator_client(service: str) -> Any:
    """Return a client with the operator's own configuration, as it is now; the caller closes it."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions(session.get_config_variable("data_path")))
    return LazyClient(lambda: session.create_client(service, config=Config()))


def local_client(service: str, endpoint: str, credentials: Credentials = ROOT_KEY, config: Config | None = None) -> Any:
    """Return a client of the local server at `endpoint`; the caller closes it."""
    return boto3.client(  # pyright: ignore[reportCallIssue, reportUnknownMemberType, reportUnknownVariableType]
        service,  # pyright: ignore[reportArgumentType]
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=config,
    )
