"""The release: equal for an equal build with equal values, in any checkout; another one for every other change."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.stack.operator import DeploymentError
from tools.stack.release import digest, stamp

VALUES = {"OpenAIModel": "gpt-8", "SiteOrigin": "http://localhost:5173", "DomainName": ""}
TEMPLATE = """\
Resources:
  ChatFunction:
    Properties:
      CodeUri: ChatFunction
      Timeout: 300
      Environment:
        Variables:
          RELEASE: unstamped
  JanitorFunction:
    Properties:
      Environment:
        Variables:
          RELEASE: unstamped
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder as `sam build` writes it."""
    folder = tmp_path / "build"
    for name, text in {
        "template.yaml": TEMPLATE,
        "ChatFunction/chat_api/app.py": "app = 1",
        "DependenciesLayer/python/boto3-1.dist-info/METADATA": "Version: 1",
        "DependenciesLayer/python/boto3/__init__.py": "",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.promise("D1")
def test_an_equal_build_with_equal_values_has_an_equal_release(build: Path, tmp_path: Path) -> None:
    other = tmp_path / "another" / "checkout"
    shutil.copytree(build, other)
    first = stamp(build, VALUES)
    for name, text in {
        "DependenciesLayer/python/boto3-1.dist-info/RECORD": "bin/x,sha256=of-this-checkouts-path,9",
        "DependenciesLayer/python/boto3-1.dist-info/INSTALLER": "uv",
        "ChatFunction/chat_api/__pycache__/app.cpython-313.pyc": "bytecode",
        "local.json": "{}",
    }.items():
        path = other / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert stamp(other, dict(reversed(VALUES.items()))) == first
    assert stamp(build, VALUES) == first, "a second stamp"
    assert (build / "template.yaml").read_text().count(f"RELEASE: '{first}'\n") == 2


@pytest.mark.promise("D1")
def test_the_sites_address_is_not_part_of_it(build: Path) -> None:
    assert digest(build, VALUES) == digest(build, {**VALUES, "SiteOrigin": "https://d1.cloudfront.net"})


CHANGES: dict[str, Callable[[Path], object]] = {
    "code": lambda build: (build / "ChatFunction/chat_api/app.py").write_text("app = 2"),
    "a new file": lambda build: (build / "ChatFunction/more.py").write_text(""),
    "a renamed file": lambda build: (build / "ChatFunction/chat_api/app.py").rename(build / "ChatFunction/app.py"),
    "a layer": lambda build: (build / "DependenciesLayer/python/boto3/__init__.py").write_text("1"),
    "a package's version": lambda build: (build / "DependenciesLayer/python/boto3-1.dist-info/METADATA").write_text(
        "Version: 2"
    ),
    "an executable": lambda build: (build / "ChatFunction/chat_api/app.py").chmod(0o755),
    "a property": lambda build: (build / "template.yaml").write_text(TEMPLATE.replace("300", "301")),
}


@pytest.mark.promise("D1")
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_the_build_is_another_release(build: Path, change: str) -> None:
    before = digest(build, VALUES)

    CHANGES[change](build)

    assert digest(build, VALUES) != before


@pytest.mark.promise("D1")
@pytest.mark.parametrize("name", ["OpenAIModel", "DomainName"])
def test_every_value_is_another_release(build: Path, name: str) -> None:
    assert digest(build, VALUES) != digest(build, {**VALUES, name: "other"})


def test_a_template_without_the_line_is_refused(build: Path) -> None:
    (build / "template.yaml").write_text("Resources: {}\n")

    with pytest.raises(DeploymentError, match="RELEASE: unstamped"):
        stamp(build, VALUES)
