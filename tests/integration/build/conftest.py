"""A fixture that runs `sam build` for Lambda as `make build` does, into a folder of the test run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import ROOT
from tools.stack.deployment import SAM


@pytest.fixture(scope="session")
def for_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lambda")
    environment = {
        **os.environ,
        "BUILD_TARGET": "lambda",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONPATH": "",
    }
    done = subprocess.run(
        [SAM, "build", "--build-dir", folder], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder
