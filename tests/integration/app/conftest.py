"""A fork of this repository as an adopter has it: the tracked files, and the folder that `make new` creates."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import ROOT

SHOP_AGENT = Path(__file__).with_name("shop_agent.txt")
"""An assistant as an adopter wrote it, which is therefore not formatted as our code is."""
Fork = Callable[[str], Path]


def tracked(root: Path = ROOT) -> list[str]:
    """Return the files of the repository, including new ones that git does not ignore, without app/."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True, check=True
    )
    return [
        name for name in listed.stdout.split("\0") if name and (root / name).is_file() and not name.startswith("app/")
    ]


@pytest.fixture(scope="session")
def make_fork(tmp_path_factory: pytest.TempPathFactory) -> Fork:
    """A function that copies the repository and runs `make new NAME=shop`; the copy uses this checkout's tools."""

    def make(name: str) -> Path:
        fork = tmp_path_factory.mktemp(name) / "fork"
        for file in tracked():
            target = fork / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, target, follow_symlinks=False)
        (fork / ".venv").symlink_to(ROOT / ".venv")
        run(fork, ".venv/bin/python", "-m", "tools.app.new", "shop")
        return fork

    return make


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command in `folder` and return its output."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
