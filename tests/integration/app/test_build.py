"""`make build` of a fork with app/: its code, its packages for Lambda, its rights, and faults by name."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.integration.app.conftest import SHOP_AGENT, Fork, run
from tools import ROOT
from tools.app.build import install_packages
from tools.app.folder import App, AppError
from tools.app.imports import FOLDERS, PROGRAM, check
from tools.stack.artifacts import Report, complete, target_of
from tools.stack.template import read_template

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

APP_TOML = """
[settings]
ASSISTANT = "app.assistant:build"
[environment]
SHOP_URL = { dev = "https://test.example", prod = "https://shop.example" }
[aws]
services = ["bedrock-runtime"]
"""
USES = """
import boto3
import humanize
from rapidfuzz import fuzz

from app.prices import PRICES

boto3.client("bedrock-runtime")
"""
LAMBDA = ["--python-platform", "aarch64-manylinux_2_28", "--python-version", "3.13"]


@pytest.fixture(scope="module")
def fork(make_fork: Fork) -> Path:
    """The shop's agent, a module and a file of its own, one pure package and one with machine code."""
    fork = make_fork("build")
    folder = fork / "app"
    (folder / "assistant.py").write_text(SHOP_AGENT.read_text().replace("from typing", f"{USES}\nfrom typing", 1))
    (folder / "prices.py").write_text('PRICES = {"shoes": 9}\n')
    (folder / "faq.md").write_text("Open from 9 to 18.\n")
    (folder / "app.toml").write_text(APP_TOML)
    (folder / "requirements.txt").write_text("humanize>=4 # pure\nrapidfuzz>=3 # machine code\n")
    return fork


@pytest.fixture(scope="module")
def built(fork: Path) -> Path:
    """A build without Lambda's bytecode, which tests/integration/build proves, but with this machine's.

    Without the latter, every check would compile the modules that it imports, because `check` writes none.
    """
    sam = str(ROOT / ".tools" / "sam" / "bin" / "sam")
    run(fork, sam, "build", AWS_DEFAULT_REGION="eu-west-1", SAM_CLI_TELEMETRY="0", BYTECODE_PYTHON="none")
    build = fork / ".aws-sam" / "build"
    path = os.pathsep.join(str(build / folder) for folder in FOLDERS)
    command = (sys.executable, "-S", "-P", str(PROGRAM), "coach.assistant:build", sysconfig.get_path("purelib"))
    run(build, *command, PYTHONPATH=path, PYTHONDONTWRITEBYTECODE="", AWS_DEFAULT_REGION="eu-west-1")
    return build


@pytest.fixture(scope="module")
def app(fork: Path) -> App:
    app = App.read(fork)
    assert app is not None
    return app


@pytest.fixture(scope="module")
def report(built: Path, app: App) -> Report:
    return complete(built, app=app)


@pytest.mark.promise("B4")
@pytest.mark.feature("new-app")
def test_has_the_code_and_the_packages_and_starts(built: Path, report: Report) -> None:
    layer = built / "DependenciesLayer" / "python"
    assert report.faults == ()
    assert {path.name for path in (built / "ChatFunction" / "app").iterdir()} - {"__pycache__"} == {
        "__init__.py",
        "assistant.py",
        "faq.md",
        "prices.py",
    }
    assert (layer / "humanize").is_dir()
    assert (layer / "botocore" / "data" / "bedrock-runtime").is_dir()
    assert {path.name.split(".")[1] for path in (layer / "rapidfuzz").glob("*.so")} == {"cpython-313-aarch64-linux-gnu"}


@pytest.mark.usefixtures("report")
def test_the_built_template_has_the_variables(built: Path, app: App) -> None:
    complete(built, app=app)  # again, as after a build that changed nothing

    variables = read_template(built / "template.yaml")["Resources"]["ChatFunction"]["Properties"]["Environment"]
    assert variables["Variables"]["SHOP_URL"] == {"Fn::If": ["IsProd", "https://shop.example", "https://test.example"]}


@pytest.mark.promise("B4")
class TestFaultsAreNamed:
    @pytest.fixture
    def broken(self, built: Path, tmp_path: Path) -> Path:
        """A copy of the build whose layers are links to the same files: a test may delete one but not write to it."""

        def copy(source: str, target: str) -> None:
            (os.link if "Layer/" in source else shutil.copy2)(source, target)

        return shutil.copytree(built, tmp_path / "build", copy_function=copy)

    def test_a_package_that_is_missing(self, broken: Path) -> None:
        shutil.rmtree(broken / "DependenciesLayer" / "python" / "humanize")

        (fault,) = check(broken, "app.assistant:build", {})

        assert "app/assistant.py:" in fault
        assert "imports humanize, which is not in the build: add its package to app/requirements.txt" in fault

    def test_a_service_that_is_missing(self, broken: Path) -> None:
        shutil.rmtree(broken / "DependenciesLayer" / "python" / "botocore" / "data" / "bedrock-runtime")

        (fault,) = check(broken, "app.assistant:build", {})

        assert "calls the AWS service bedrock-runtime" in fault
        assert "add it to `services` of [aws] in app/app.toml" in fault

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("import tools.local", "imports tools, which is not shipped: move the code into app/"),
            ("raise RuntimeError('no prices')", "app/assistant.py:1: .*RuntimeError: no prices"),
            ("raise SystemExit(3)", "SystemExit: 3"),
            ("import os; os._exit(7)", "ended the process that imported it: 7"),
            ("def build(settings): return None", "returned NoneType, which has no method respond"),
            ("def build(settings): return settings.env['SHOP_URL']", r"SHOP_URL is not set: add it to \[environment\]"),
            ("x = 1", "has no attribute 'build'"),
        ],
    )
    def test_an_assistant_that_does_not_start(self, broken: Path, body: str, message: str) -> None:
        (broken / "ChatFunction" / "app" / "assistant.py").write_text(body)

        (fault,) = check(broken, "app.assistant:build", {})

        assert re.search(message, fault), fault

    def test_a_module_that_one_of_the_function_hides(self, broken: Path, app: App) -> None:
        (broken / "DependenciesLayer" / "python" / "app").mkdir()

        assert any("contains app, which the function's own" in fault for fault in complete(broken, app=app).faults)


@pytest.mark.promise("B4")
@pytest.mark.parametrize(
    ("requirements", "message"),
    [
        ("pywin32", r"pywin32 has no wheel for Lambda \(arm64, Python 3.13\): take a version"),
        ("docopt", r"docopt has no wheel for Lambda"),
        ("pydantic<2.10", "contradict each other, or the versions of requirements/functions.txt"),
        ("-e nowhere", "uv cannot install"),
    ],
)
def test_packages_that_cannot_be_installed(fork: Path, tmp_path: Path, requirements: str, message: str) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "assistant.py").write_text("")
    (folder / "requirements.txt").write_text(requirements)
    app = App.read(tmp_path)
    assert app is not None

    with pytest.raises(AppError, match=message):
        install_packages(app, tmp_path / "layer", LAMBDA)


def test_upstream_starts_too(built: Path) -> None:
    """The sample assistant is checked like an adopter's."""
    assert check(built, "coach.assistant:build", {}) == []
    assert target_of("lambda").python == (3, 13)
