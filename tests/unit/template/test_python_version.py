"""The Python of the functions: one parameter, which builders, inspection and `make deploy` follow."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import ROOT
from tools.stack.artifacts import target_of
from tools.stack.template import Template

SCRIPT = ROOT / "layers" / "python"


@pytest.fixture(autouse=True)
def default(template: Template, monkeypatch: pytest.MonkeyPatch) -> str:
    """The default of the parameter PythonVersion, which no variable of the shell replaces."""
    monkeypatch.delenv("LAMBDA_PYTHON", raising=False)
    return template["Parameters"]["PythonVersion"]["Default"]


class Machine:
    """A machine that has only the programs that a test installs."""

    def __init__(self, folder: Path, version: str) -> None:
        self.folder = folder
        self.version = version
        self.uv = self.program("uv", 'test "$1 $2" = "python find" && exit 2; exit 1')

    def program(self, path: str, script: str) -> Path:
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    def python(self, path: str, version: str | None = None) -> Path:
        return self.program(path, f"echo {version or self.version}")

    def find(self, *arguments: str, **environment: str) -> tuple[str, str]:
        """Return the script's standard output and standard error."""
        variables = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "HOME": str(self.folder), **environment}
        command = [SCRIPT, "path", self.uv, *arguments]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
        return done.stdout.strip(), done.stderr


@pytest.fixture
def machine(tmp_path: Path, default: str) -> Machine:
    return Machine(tmp_path, default)


class TestInterpreterForBytecode:
    """`layers/python path` finds the Python that compiles the bytecode, in all usual places."""

    def test_none_is_found_where_there_is_none(self, machine: Machine) -> None:
        assert machine.find() == ("", "")

    def test_one_that_is_named_goes_first(self, machine: Machine, default: str) -> None:
        machine.python(f"bin/python{default}")
        named = machine.python("mine/python")

        assert machine.find(BYTECODE_PYTHON=str(named))[0] == str(named)

    def test_one_of_another_version_is_refused(self, machine: Machine, default: str) -> None:
        wrong, right = machine.python("mine/python", version="3.9"), machine.python(f"bin/python{default}")

        found, message = machine.find(BYTECODE_PYTHON=str(wrong))

        assert found == str(right)
        assert f"is not a Python {default}" in message

    @pytest.mark.parametrize("path", ["bin/python{}", ".pyenv/versions/{}.4/bin/python{}"])
    def test_path_and_pyenv_are_searched(self, machine: Machine, default: str, path: str) -> None:
        python = machine.python(path.format(default, default))

        assert machine.find()[0] == str(python)

    def test_uvs_own_is_found(self, machine: Machine, default: str) -> None:
        python = machine.python(f"uv-has/python{default}")
        machine.program("uv", f"echo {python}")

        assert machine.find()[0] == str(python)

    def test_uv_downloads_one_only_on_request(self, machine: Machine, default: str) -> None:
        python = machine.python(f"uv-has/python{default}")
        fetched = machine.folder / "fetched"
        machine.program("uv", f'test "$2" = install && : > {fetched}; test -e {fetched} && echo {python}')

        assert machine.find() == ("", "")
        found, message = machine.find("install")

        assert found == str(python)
        assert "downloading" in message

    def test_a_failed_download_leaves_the_build_without_bytecode(self, machine: Machine) -> None:
        assert machine.find("install")[0] == ""
        assert machine.find("install", BYTECODE_PYTHON="none") == ("", "")


class TestVersion:
    def test_the_functions_and_both_layers_follow_the_parameter(self, template: Template) -> None:
        runtime = {"Fn::Sub": "python${PythonVersion}"}

        assert template["Globals"]["Function"]["Runtime"] == runtime
        for layer in ("StreamingLayer", "DependenciesLayer"):
            assert template["Resources"][layer]["Properties"]["CompatibleRuntimes"] == [runtime]

    def test_builders_and_inspection_follow_the_parameter(self, default: str, monkeypatch: pytest.MonkeyPatch) -> None:
        assert build_version() == default
        assert ".".join(map(str, target_of("lambda").python)) == default

        monkeypatch.setenv("LAMBDA_PYTHON", "3.14")

        assert build_version() == "3.14"
        assert target_of("lambda").python == (3, 14)
        assert target_of("lambda").markers["python_version"] == "3.14"

    @pytest.mark.parametrize("version", ["3.12", "3", "3.1", "python3.13", "3.13; true"])
    def test_a_version_that_the_parameter_does_not_allow_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        monkeypatch.setenv("LAMBDA_PYTHON", version)

        done = subprocess.run([SCRIPT, "version"], capture_output=True, text=True, check=False)

        assert done.returncode == 1
        assert "is not supported: use one of" in done.stderr

    def test_wheels_are_chosen_for_the_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LAMBDA_PYTHON", "3.14")
        command = [
            "make",
            "-n",
            "-C",
            str(ROOT / "layers" / "dependencies"),
            "ARTIFACTS_DIR=/x",
            "build-DependenciesLayer",
        ]

        done = subprocess.run(command, capture_output=True, text=True, check=True)

        assert set(re.findall(r"--python-version (\S+)", done.stdout)) == {"3.14"}

    def test_is_written_once(self, default: str) -> None:
        """Other places would not follow. Measured figures and history may name the version that they are about."""
        spelled = re.compile(
            rf"[Pp]ython[ _.-]?v?{re.escape(default)}\b|{default.replace('.', '_')}|\({default.replace('.', ', ')}\)"
            rf"|(cp|cpython-|py){default.replace('.', '')}\b|--python-version {re.escape(default)}"
        )
        history = (
            "docs/evidence/",
            "docs/decisions/",
            "requirements/",
            "tools/bench/results/",
            "CHANGELOG.md",
            "tests/",
        )
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

        found = {
            name: spelled.findall(text)
            for name in tracked.splitlines()
            if not name.startswith(history) and (text := text_of(ROOT / name)) and spelled.search(text)
        }

        # The streaming layer's README has an example for other projects, which can be copied only with a number.
        assert found.keys() <= {"layers/streaming/README.md"}
        assert (ROOT / "template.yaml").read_text().count(f'"{default}"') == 2, "Default and AllowedValues"


def build_version() -> str:
    return subprocess.run([SCRIPT, "version"], capture_output=True, text=True, check=True).stdout.strip()


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return ""
