"""Break each promise on purpose and see its test go red: `make mutants`, or `make mutants ARGS="S2 L1"`.

A mutant is a patch in this folder with a header of three lines before the diff:

    Promise: S2
    Red: tests/unit/store/test_pages.py::test_equal_timestamps
    Why: pages by created_at alone

Each is applied to a copy of the tracked files, and its test must fail there. A mutant that survives, does not apply, or
whose test does not pass without it, fails the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SHARED = (".venv", ".tools")
SECONDS_PER_TEST = 180


@dataclass(frozen=True)
class Mutant:
    """One patch and what its header says."""

    path: Path
    promise: str
    red: str
    why: str

    @classmethod
    def read(cls, path: Path) -> Mutant:
        header = dict(line.split(": ", 1) for line in path.read_text().splitlines()[:3])
        return cls(path, header["Promise"], header["Red"], header["Why"])


def copy_of_the_tree(folder: Path) -> Path:
    """Copy the tracked files into `folder`; environments are linked, not copied."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_passes(tree: Path, test: str) -> bool:
    """Run one test in `tree`; True when it ran and passed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, timeout=SECONDS_PER_TEST, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{test} could not run:\n{done.stdout.decode()[-2000:]}")
    return done.returncode == 0


def verdict(tree: Path, mutant: Mutant, sound: dict[str, bool]) -> str:
    """Return "killed", or why not."""
    if mutant.red not in sound:
        sound[mutant.red] = test_passes(tree, mutant.red)
    if not sound[mutant.red]:
        return "its test fails without it"
    patch = ["git", "apply", str(mutant.path)]
    if subprocess.run(patch, cwd=tree, capture_output=True, check=False).returncode:
        return "does not apply"
    try:
        return "SURVIVED" if test_passes(tree, mutant.red) else "killed"
    finally:
        subprocess.run([*patch, "-R"], cwd=tree, capture_output=True, check=True)


def main(wanted: list[str]) -> int:
    """Run the mutants of the promises in `wanted`, or all; return the exit code."""
    mutants = [Mutant.read(path) for path in sorted(HERE.glob("*.patch"))]
    mutants = [mutant for mutant in mutants if not wanted or mutant.promise in wanted]
    table = Table("promise", "what is broken", "test that must fail", "verdict", box=None)
    console, sound, failures = Console(), dict[str, bool](), 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = copy_of_the_tree(Path(folder))
        for number, mutant in enumerate(mutants, 1):
            console.print(f"[dim]{number}/{len(mutants)} {mutant.path.name}[/dim]")
            result = verdict(tree, mutant, sound)
            failures += result != "killed"
            colour = "green" if result == "killed" else "red"
            table.add_row(mutant.promise, mutant.why, mutant.red, f"[{colour}]{result}[/{colour}]")
    console.print(table)
    console.print(f"{len(mutants) - failures} of {len(mutants)} mutants killed")
    return 1 if failures or not mutants else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
