"""The libraries as users get them: wheels, installed into an empty environment outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import ROOT
from tools.local.ministack import MiniStack

UV = ROOT / ".venv" / "bin" / "uv"
CONSTRAINTS = ROOT / "requirements" / "dev.txt"  # the versions that all other tests use
LIBRARIES = ("store_dynamo", "attachments_s3", "layers/streaming")


class Environment:
    """A virtual environment that contains only installed requirements; programs in it do not see the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "env" / "bin" / "python"
        self._uv("venv", "--quiet", "--python", sys.executable, str(folder / "env"))

    def install(self, *requirements: str) -> None:
        self._uv("pip", "install", "--quiet", "--python", str(self.python), "-c", str(CONSTRAINTS), *requirements)

    def run(self, *arguments: str) -> str:
        """Run Python to its end and return its output."""
        command = [str(self.python), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.variables(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def variables(self, **more: str) -> dict[str, str]:
        """Return the variables of a process, without any that name the repository or an account."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TZ", "TMPDIR") if name in os.environ}
        return {**kept, "PATH": os.defpath, **more}

    def _uv(self, *arguments: str) -> None:
        done = subprocess.run([str(UV), *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="package")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("wheels")
    for library in LIBRARIES:
        command = [str(UV), "build", "--quiet", "--wheel", str(ROOT / library), "--out-dir", str(folder)]
        subprocess.run(command, cwd=folder, check=True)
    return sorted(map(str, folder.glob("*.whl")))


@pytest.fixture(scope="module")
def environment(wheels: list[str], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("empty"))
    environment.install(*wheels)
    return environment


@pytest.fixture(scope="package")
def ministack() -> Iterator[MiniStack]:
    with MiniStack.start() as aws:
        yield aws
