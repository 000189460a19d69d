"""Runs the frontend's vitest suite as one pytest test."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools import ROOT

FRONTEND = ROOT / "frontend"
LIMIT_SECONDS = 900  # generous, for a busy machine


@pytest.mark.timeout(LIMIT_SECONDS + 20)
def test_the_frontends_tests_pass(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    report = tmp_path / "vitest.json"
    command = ["node_modules/.bin/vitest", "run", "--reporter=json", f"--outputFile={report}"]
    path = f"{ROOT / '.tools' / 'node' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        command,
        cwd=FRONTEND,
        env={**os.environ, "PATH": path, "NODE_COMPILE_CACHE": str(tmp_path / "compiled")},  # each file loads the DOM
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert report.exists(), f"vitest did not run (make frontend?):\n{run.stdout}{run.stderr}"
    results: dict[str, Any] = json.loads(report.read_text())

    record_property("vitest", f"{results['numPassedTests']} passed in {len(results['testResults'])} files")
    failures = [failure for file in results["testResults"] for failure in _failures(file)]
    assert not failures, "\n\n".join(failures)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}"
    assert results["numPassedTests"] == results["numTotalTests"], "tests were skipped"


def _failures(file: dict[str, Any]) -> list[str]:
    name = Path(file["name"]).relative_to(FRONTEND)
    failed = [test for test in file["assertionResults"] if test["status"] == "failed"]
    messages = [f"{name}: {test['fullName']}\n" + "\n".join(test["failureMessages"]) for test in failed]
    return messages or ([f"{name}: {file['message']}"] if file["status"] == "failed" else [])
