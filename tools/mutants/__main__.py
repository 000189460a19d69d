"""Break each promise on purpose and check that its test fails: `make mutants`, or `make mutants ARGS="S2 L1"`.

The runner copies the tracked files once per CPU, runs all named tests on a copy without any fault, then applies one
mutant after the other. A mutant that survives, no longer applies, or whose test cannot run makes the run fail. A
complete run writes `docs/evidence/mutants.json`.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools import ROOT
from tools.mutants.triples import Mutant, StaleMutantError, is_vitest, read_mutants
from tools.workspace import members

RESULT = ROOT / "docs" / "evidence" / "mutants.json"
SHARED = (".venv", ".tools", "frontend/node_modules")
WORKERS = os.cpu_count() or 1
SECONDS_PER_TEST = 300
LOGGED_EVERY = 10  # mutants, where a bar cannot be drawn
PASSED, FAILED, COULD_NOT_RUN = 0, 1, 4  # pytest's exit codes; any other also means that the test could not run


class ForeignSourcesError(Exception):
    """A copy of the tree imports sources from outside itself, so no mutant in it could have an effect."""


def environment(tree: Path) -> dict[str, str]:
    """Return the variables that make Python import the packages of `tree` instead of the editable installs."""
    path = os.pathsep.join(str(member.source) for member in members(tree))
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": path}


def copy_tracked_files(folder: Path) -> Path:
    """Copy the tracked files into `folder`, compile them, and link the environments. Raises ForeignSourcesError.

    Their bytecode is validated by the hash of its source, so that none of a fault survives the fault's second.
    """
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    sources = ["tools", *(str(member.source.relative_to(folder)) for member in members(folder))]
    compilation = [sys.executable, "-m", "compileall", "-qq", "--invalidation-mode", "checked-hash", *sources]
    subprocess.run(compilation, cwd=folder, check=True)
    assert_own_sources(folder)
    return folder


def assert_own_sources(tree: Path) -> None:
    """Check that Python, started in `tree`, imports every package from it. Raises ForeignSourcesError."""
    modules = ["tools", *(package for member in members(tree) for package in member.packages)]
    program = f"import importlib\nfor name in {modules!r}: print(importlib.import_module(name).__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tree, env=environment(tree), capture_output=True, text=True, check=False
    )
    foreign = [file for file in done.stdout.split() if not Path(file).resolve().is_relative_to(tree.resolve())]
    if done.returncode or foreign:
        raise ForeignSourcesError(f"the copy imports sources from outside: {foreign or done.stderr}")


def run_tests(tree: Path, tests: Sequence[str], *options: str) -> tuple[int, str]:
    """Run `tests`, pytest's and vitest's, in `tree`; return pytest's exit code and the end of the output."""
    vitest = [test for test in tests if is_vitest(test)]
    pytest = [test for test in tests if not is_vitest(test)]
    code, output = run_vitest(tree, vitest) if vitest else (PASSED, "")
    if code != PASSED or not pytest:
        return code, output
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *pytest]
    limit = SECONDS_PER_TEST * max(1, len(tests) // WORKERS)
    done = subprocess.run(command, cwd=tree, env=environment(tree), capture_output=True, timeout=limit, check=False)
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")[-3000:]


def run_vitest(tree: Path, files: Sequence[str]) -> tuple[int, str]:
    """Run these files of the frontend; return the exit code that pytest would have, and the end of the output."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        names = [str(Path(file).relative_to("frontend")) for file in files]
        command = ["node_modules/.bin/vitest", "run", "--reporter=json", f"--outputFile={report.name}", *names]
        path = os.pathsep.join([str(tree / ".tools" / "node" / "bin"), os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=tree / "frontend",
            env={**os.environ, "PATH": path},
            capture_output=True,
            timeout=SECONDS_PER_TEST,
            check=False,
        )
        output = (done.stdout + done.stderr).decode("utf-8", "replace")[-3000:]
        try:
            found = json.load(report)
        except json.JSONDecodeError:
            return COULD_NOT_RUN, output
    ran = len(found["testResults"]) == len(files) and found["numTotalTests"] > 0
    if not ran:
        return COULD_NOT_RUN, output
    return (PASSED if found["success"] else FAILED), output


def verdict(tree: Path, mutant: Mutant) -> str:
    """Return "killed", or a description of the problem."""
    try:
        with mutant.applied(tree):
            code, _ = run_tests(tree, [mutant.test], "-x")
    except StaleMutantError:
        return "does not apply"
    except subprocess.TimeoutExpired:
        return f"its test did not end within {SECONDS_PER_TEST} s"
    return {PASSED: "SURVIVED", FAILED: "killed"}.get(code, f"its test could not run (exit code {code})")


def verdicts(trees: Sequence[Path], mutants: Sequence[Mutant], console: Console) -> list[str]:
    """Return the verdict on each mutant. Each tree is used by one worker at a time."""
    free: queue.Queue[Path] = queue.Queue()
    for tree in trees:
        free.put(tree)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(len(trees)) as workers:
        bar = progress.add_task("breaking promises", total=len(mutants))

        def judge(mutant: Mutant) -> str:
            tree = free.get()
            try:
                result = verdict(tree, mutant)
            finally:
                free.put(tree)
            if result != "killed":
                progress.console.print(f"[red]{mutant.promise} {mutant.name}: {result}[/red]")
            progress.advance(bar)
            done = progress.tasks[bar].completed
            if not console.is_terminal and done % LOGGED_EVERY == 0:
                console.print(f"{done:.0f} of {len(mutants)}")
            return result

        return list(workers.map(judge, mutants))


def main(wanted: list[str]) -> int:
    """Run the mutants of the promises in `wanted`, or all; return the exit code."""
    started = time.monotonic()
    mutants = [mutant for mutant in read_mutants() if not wanted or mutant.promise in wanted]
    console = Console()
    if unknown := sorted(set(wanted) - {mutant.promise for mutant in mutants}):
        console.print(f"no mutant breaks {', '.join(unknown)}: name promises, for example S2 L1")
        return 1
    with ExitStack() as folders:
        trees = [
            copy_tracked_files(Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="mutants-"))))
            for _ in range(WORKERS)
        ]
        console.print(f"[dim]{len(mutants)} mutants; first, their tests without a fault[/dim]")
        code, output = run_tests(trees[0], sorted({mutant.test for mutant in mutants}), "-n", str(WORKERS))
        if code != PASSED:
            console.print(output, markup=False)
            return 1
        results = verdicts(trees, mutants, console)
    table = Table("promise", "fault", "test that must fail", "verdict", box=None)
    for mutant, result in zip(mutants, results, strict=True):
        colour = "green" if result == "killed" else "red"
        table.add_row(mutant.promise, mutant.why, mutant.test, f"[{colour}]{result}[/{colour}]")
    console.print(table)
    killed = results.count("killed")
    seconds = round(time.monotonic() - started)
    console.print(f"{killed} of {len(mutants)} mutants killed in {seconds} s")
    if not wanted:
        write_result(mutants, results, seconds)
    return 0 if mutants and killed == len(mutants) else 1


def write_result(mutants: Sequence[Mutant], results: Sequence[str], seconds: int) -> None:
    """Write the verdicts of a complete run to `docs/evidence/mutants.json`."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    record = {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "commit": commit.stdout.strip(),
        "seconds": seconds,
        "killed": results.count("killed"),
        "total": len(mutants),
        "mutants": [
            {"promise": mutant.promise, "name": mutant.name, "test": mutant.test, "verdict": result}
            for mutant, result in zip(mutants, results, strict=True)
        ],
    }
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
