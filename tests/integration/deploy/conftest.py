"""Fixtures: one stack that the real `sam deploy` built and deployed, for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from tools.local.ministack import MiniStack
from tools.ops import verify
from tools.ops.doctor import Target
from tools.ops.targets import in_ministack
from tools.stack.deployment import Deployment


@dataclass(frozen=True)
class Deployed:
    """A MiniStack with a stack that the SAM CLI deployed, and the build folder."""

    aws: MiniStack
    deployment: Deployment
    build: Path
    outputs: dict[str, str]
    log: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))  # real deployments, on a busy machine too
            if is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    scratch = tmp_path_factory.mktemp("deploy")
    build = scratch / "build"
    verify.build(build)
    with MiniStack.start() as aws:
        with verify.operator(aws):
            deployment = verify.sam_deploy(build, scratch)
            outputs = deployment.outputs()
        yield Deployed(aws, deployment, build, outputs, scratch / "sam.log")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """The deployed stack with the running function, as a target of the doctor."""
    log = tmp_path_factory.mktemp("function") / "function.log"
    async with verify.running(deployed.aws, deployed.build, log) as api:
        yield in_ministack(deployed.aws.endpoint, verify.STACK_NAME, api)
