"""AWS's own DynamoDB server, and the one `sam build` for this machine, for all integration tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local.dynamodb_local import DynamoDBLocal, MissingToolError
from tools.ops import verify


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


@pytest.fixture(scope="session")
def for_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `sam build` wrote, once for all workers of a test run; tests must not change it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "built-for-this-machine"
    with (shared / "built-for-this-machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = tmp_path_factory.mktemp("local") / "build"
            verify.build(unfinished)
            unfinished.rename(folder)
    return folder
