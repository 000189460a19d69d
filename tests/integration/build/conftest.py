"""Fixtures that run `sam build` as `make build` does, into a folder of the test run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import ROOT

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"


def build(folder: Path, target: str) -> Path:
    """Build for `target` (lambda or local) and return the folder."""
    environment = {
        **os.environ,
        "BUILD_TARGET": target,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        [SAM, "build", "--build-dir", folder], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def for_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("lambda"), "lambda")


@pytest.fixture(scope="session")
def for_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("local"), "local")
