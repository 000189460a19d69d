"""Fixtures: one local AWS for all stacks of this folder, and a stack that the real `sam deploy` built and deployed.

`deployed` is the complete path, with the real artifacts. Tests of parameters, versions and rights deploy the same
template with artifacts of one small file (`stub_build`), because zipping and uploading 120 MB of packages proves
nothing about them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from pytest_asyncio import is_async_test

from tools import ROOT
from tools.local import ministack
from tools.local.ministack import MiniStack
from tools.ops import verify
from tools.ops.doctor import Target
from tools.ops.targets import in_ministack
from tools.stack.deployment import Deployment
from tools.stack.release import TEMPLATE
from tools.stack.template import read_template

RECORDER = Path(__file__).parent / "recorder"


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


def stub_build(folder: Path) -> Path:
    """Write the template as `sam build` does, with artifacts of one small file each."""
    template = read_template()
    for name, resource in template["Resources"].items():
        for uri in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][uri] = name
            (folder / name).mkdir(parents=True)
            (folder / name / "content.py").write_text(f"# {name}\n")
    (folder / TEMPLATE).write_text(yaml.safe_dump(template, sort_keys=False))
    return folder


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file to which the local AWS appends each action that it evaluates, with the key of its caller."""
    return tmp_path_factory.mktemp("aws") / "record"


@pytest.fixture(scope="session")
def aws(record: Path) -> Iterator[MiniStack]:
    environment = ministack._environment  # pyright: ignore[reportPrivateUsage]
    with pytest.MonkeyPatch.context() as patch:
        extra = {"PYTHONPATH": f"{RECORDER}{os.pathsep}{ROOT}", "RECORD": str(record)}
        patch.setattr(ministack, "_environment", lambda *args, **options: {**environment(*args, **options), **extra})
        server = MiniStack.start()
    with server:
        yield server


@pytest.fixture(scope="session")
def deployed(aws: MiniStack, for_this_machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    scratch = tmp_path_factory.mktemp("deploy")
    build = shutil.copytree(for_this_machine, scratch / "build")
    with verify.operator(aws):
        deployment = verify.sam_deploy(build, scratch)
        outputs = deployment.outputs()
    return Deployed(aws, deployment, build, outputs, scratch / "sam.log")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """The deployed stack with the running function, as a target of the doctor."""
    log = tmp_path_factory.mktemp("function") / "function.log"
    async with verify.running(deployed.aws, deployed.build, log) as api:
        yield in_ministack(deployed.aws.endpoint, verify.STACK_NAME, api)
