"""The three wheels install and import in an empty environment without boto3, with complete metadata."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from tests.integration.packages.conftest import LIBRARIES, Environment
from tools import ROOT

pytestmark = [pytest.mark.promise("B3"), pytest.mark.timeout(600)]

DESCRIBE = """
import importlib, importlib.metadata, json, sys
name, package = sys.argv[1:]
module = importlib.import_module(package)
found = importlib.metadata.distribution(name)
print(json.dumps({
    "version": found.version,
    "readme": found.metadata.get_payload(),
    "type": found.metadata["Description-Content-Type"],
    "license": found.metadata["License-Expression"],
    "typed": f"{package}/py.typed" in map(str, found.files),
    "file": module.__file__,
    "path": sys.path,
    "boto3": importlib.util.find_spec("boto3") is not None,
}))
"""


@pytest.mark.parametrize("library", LIBRARIES)
def test_wheel_imports_in_an_empty_environment(environment: Environment, library: str) -> None:
    pyproject = tomllib.loads((ROOT / library / "pyproject.toml").read_text())
    package = pyproject["tool"]["uv"]["build-backend"]["module-name"]

    found: dict[str, Any] = json.loads(environment.run("-c", DESCRIBE, pyproject["project"]["name"], package))

    assert found["version"] == pyproject["project"]["version"]
    assert found["readme"].strip() == (ROOT / library / "README.md").read_text().strip()
    assert (found["type"], found["license"], found["typed"]) == ("text/markdown", "Apache-2.0", True)
    assert found["file"].startswith(str(environment.folder))
    assert not [entry for entry in found["path"] if entry.startswith(str(ROOT))]
    assert not found["boto3"]
