"""Break each promise on purpose and see its test go red: `make mutants`, or `make mutants ARGS="S2 L1"`.

A mutant is a patch in this folder with a header of three lines before the diff:

    Promise: S2
    Red: tests/unit/store/test_pages.py::test_equal_timestamps
    Why: pages by created_at alone

Each is applied to a copy of the tracked files, and its test must fail there. A mutant that survives or does not apply,
or whose test does not pass without it, fails the run.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SHARED = (".venv", ".tools")
WORKERS = os.cpu_count() or 1
SECONDS_PER_TEST = 300
PASSED, FAILED = 0, 1  # pytest's exit codes; any other means that it could not run


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


def run_tests(tree: Path, tests: Sequence[str], *options: str) -> tuple[int, str]:
    """Run `tests` in `tree`; return pytest's exit code and what it printed last."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    limit = SECONDS_PER_TEST * max(1, len(tests) // WORKERS)
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, timeout=limit, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")[-3000:]


def verdict(tree: Path, mutant: Mutant) -> str:
    """Return "killed", or what went wrong."""
    if subprocess.run(["git", "apply", str(mutant.path)], cwd=tree, capture_output=True, check=False).returncode:
        return "does not apply"
    try:
        code, _ = run_tests(tree, [mutant.red], "-x")
    finally:
        subprocess.run(["git", "apply", "-R", str(mutant.path)], cwd=tree, capture_output=True, check=True)
    return {PASSED: "SURVIVED", FAILED: "killed"}.get(code, f"its test could not run (exit code {code})")


def verdicts(trees: Sequence[Path], mutants: Sequence[Mutant], console: Console) -> list[str]:
    """Return the verdict on each mutant; each tree is used by one worker at a time."""
    free: queue.Queue[Path] = queue.Queue()
    for tree in trees:
        free.put(tree)
    with Progress(console=console, transient=True) as progress, ThreadPoolExecutor(len(trees)) as workers:
        bar = progress.add_task("breaking promises", total=len(mutants))

        def judge(mutant: Mutant) -> str:
            tree = free.get()
            try:
                return verdict(tree, mutant)
            finally:
                free.put(tree)
                progress.advance(bar)

        return list(workers.map(judge, mutants))


def main(wanted: list[str]) -> int:
    """Run the mutants of the promises in `wanted`, or all; return the exit code."""
    mutants = [Mutant.read(path) for path in sorted(HERE.glob("*.patch"))]
    mutants = [mutant for mutant in mutants if not wanted or mutant.promise in wanted]
    console = Console()
    if unknown := sorted(set(wanted) - {mutant.promise for mutant in mutants}):
        console.print(f"no mutant breaks {', '.join(unknown)}: name promises, for example S2 L1")
        return 1
    with ExitStack() as folders:
        trees = [
            copy_of_the_tree(Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))))
            for _ in range(WORKERS)
        ]
        console.print(f"[dim]{len(mutants)} mutants; first their tests without them[/dim]")
        code, output = run_tests(trees[0], sorted({mutant.red for mutant in mutants}), "-n", str(WORKERS))
        if code != PASSED:
            console.print(output, markup=False)
            return 1
        results = verdicts(trees, mutants, console)
    table = Table("promise", "what is broken", "test that must fail", "verdict", box=None)
    for mutant, result in zip(mutants, results, strict=True):
        colour = "green" if result == "killed" else "red"
        table.add_row(mutant.promise, mutant.why, mutant.red, f"[{colour}]{result}[/{colour}]")
    console.print(table)
    killed = results.count("killed")
    console.print(f"{killed} of {len(mutants)} mutants killed")
    return 0 if mutants and killed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
