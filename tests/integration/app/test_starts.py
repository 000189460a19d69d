"""Folders that `make new` creates, from each starting point: their own tests pass, and our lint rules."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.app.conftest import run
from tools import ROOT
from tools.app.new import STARTS, create

CONFIG = str(ROOT / "pyproject.toml")


@pytest.mark.promise("B4")
@pytest.mark.feature("new-app")
@pytest.mark.parametrize("start", STARTS)
def test_its_own_tests_and_our_lint_rules_pass(tmp_path: Path, start: str) -> None:
    create("coffee shop", start, tmp_path)
    python = str(ROOT / ".venv" / "bin" / "python")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))

    tested = run(
        tmp_path,
        python,
        "-m",
        "pytest",
        "-c",
        CONFIG,
        "--rootdir",
        ".",
        "-p",
        "no:cacheprovider",
        "app",
        PYTHONPATH=path,
    )
    run(tmp_path, python, "-m", "ruff", "check", "--config", CONFIG, "app")
    run(tmp_path, python, "-m", "ruff", "format", "--check", "--config", CONFIG, "app")

    assert "[100%]" in tested
