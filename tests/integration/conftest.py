"""AWS's own DynamoDB server, for all integration tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tools.local.dynamodb_local import DynamoDBLocal, MissingToolError


@pytest.fixture(scope="session")
def dynamodb_local_server() -> Iterator[DynamoDBLocal]:
    """AWS's own server. Without a JDK the tests are skipped by name, except in CI, where they fail."""
    try:
        server = DynamoDBLocal.start()
    except MissingToolError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with server:
        yield server
