"""`layers/python-3.13` finds a Python 3.13, which compiles the bytecode, in all usual places."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import ROOT

SCRIPT = ROOT / "layers" / "python-3.13"


class Machine:
    """A machine that has only the programs that a test installs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uv = self.program("uv", 'test "$1 $2" = "python find" && exit 2; exit 1')

    def program(self, path: str, script: str) -> Path:
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    def python(self, path: str, is_3_13: bool = True) -> Path:
        return self.program(path, f"echo {is_3_13}")

    def find(self, *arguments: str, **environment: str) -> tuple[str, str]:
        """Return the script's standard output and standard error."""
        variables = {"PATH": str(self.folder / "bin"), "HOME": str(self.folder), **environment}
        done = subprocess.run([SCRIPT, self.uv, *arguments], env=variables, capture_output=True, text=True, check=True)
        return done.stdout.strip(), done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_none_is_found_where_there_is_none(machine: Machine) -> None:
    assert machine.find() == ("", "")


def test_one_that_is_named_goes_first(machine: Machine) -> None:
    machine.python("bin/python3.13")
    named = machine.python("mine/python")

    assert machine.find(PYTHON_3_13=str(named))[0] == str(named)


def test_one_of_another_version_is_not_taken_at_its_word(machine: Machine) -> None:
    wrong, right = machine.python("mine/python", is_3_13=False), machine.python("bin/python3.13")

    found, message = machine.find(PYTHON_3_13=str(wrong))

    assert found == str(right)
    assert "is not a Python 3.13" in message


@pytest.mark.parametrize("path", ["bin/python3.13", ".pyenv/versions/3.13.4/bin/python3.13"])
def test_path_and_pyenv_are_searched(machine: Machine, path: str) -> None:
    python = machine.python(path)

    assert machine.find()[0] == str(python)


def test_uvs_own_is_found(machine: Machine) -> None:
    python = machine.python("uv-has/python3.13")
    machine.program("uv", f"echo {python}")

    assert machine.find()[0] == str(python)


def test_uv_is_asked_for_one_only_when_told_to(machine: Machine) -> None:
    python = machine.python("uv-has/python3.13")
    machine.program(
        "uv",
        f'test "$2" = install && : > {machine.folder}/fetched; test -e {machine.folder}/fetched && echo {python}',
    )

    assert machine.find() == ("", "")
    found, message = machine.find("install")

    assert found == str(python)
    assert "downloading" in message


def test_what_cannot_be_fetched_is_done_without(machine: Machine) -> None:
    assert machine.find("install")[0] == ""
    assert machine.find("install", PYTHON_3_13="none") == ("", "")
