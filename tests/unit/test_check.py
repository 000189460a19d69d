"""`make check`: two tools at a time; each is named when it begins and when it ends, and every failure counts."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import ROOT

TOOLS = ("pyright", "lint_translated", "checkov", "cfn-lint", "run --silent check", "tools.sbom", "run --silent size")
RUFF = ("ruff check .", "ruff format --check .")


def make(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = ["make", "--no-print-directory", *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        command, cwd=ROOT, env=inherited | dict(environment or {}), capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def planned() -> list[str]:
    """The commands of `make check`, by `make -n`."""
    return [line for line in make("-n", "check").stdout.splitlines() if "tools/checked" in line]


@pytest.mark.parametrize("tool", [*TOOLS, *RUFF])
def test_every_tool_runs(planned: list[str], tool: str) -> None:
    assert len([line for line in planned if tool in line]) == 1


def test_two_run_at_a_time_and_all_of_them(planned: list[str]) -> None:
    (line,) = (line for line in make("-n", "check").stdout.splitlines() if "--keep-going check-types" in line)

    assert "--jobs 2" in line
    assert len(planned) == len(TOOLS) + len(RUFF)


def test_with_jobs_the_caller_decides_how_many_run_at_a_time() -> None:
    assert "--jobs 2" not in make("-n", "--jobs", "4", "check").stdout


def checks(folder: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run parts of a check as the Makefile does: two at a time, to the end."""
    rules = [f"c{n}:\n\t@{ROOT}/tools/checked part-{n} {command}\n" for n, command in enumerate(commands)]
    (folder / "Makefile").write_text("".join(rules))
    names = [f"c{n}" for n in range(len(commands))]
    return make("-C", str(folder), "--jobs", "2", "--keep-going", *names)


def test_every_failure_is_named_with_its_command_and_output(tmp_path: Path) -> None:
    run = checks(tmp_path, "sh -c 'echo wrong; exit 3'", "echo fine", "sh -c 'echo also >&2; exit 1'")

    assert run.returncode == 2
    failed = re.findall(r"^✗ (part-\d) failed after \d+ s: sh -c .*\n(\w+)$", run.stdout, re.MULTILINE)
    assert sorted(failed) == [("part-0", "wrong"), ("part-2", "also")]
    assert re.search(r"^✓ part-1 in \d+ s\nfine$", run.stdout, re.MULTILINE)


def test_each_part_is_named_when_it_begins(tmp_path: Path) -> None:
    run = checks(tmp_path, "true")

    assert run.returncode == 0
    assert run.stdout.splitlines() == ["· part-0", "✓ part-0 in 0 s"]


def test_processes_keep_their_bytecode() -> None:
    """With the variable, which some container images set, each start of the function would compile its sources."""
    show = ["--silent", "--eval", "show:\n\t@echo [$$PYTHONDONTWRITEBYTECODE]", "show"]

    assert make(*show, environment={"PYTHONDONTWRITEBYTECODE": "1"}).stdout == "[]\n"
