"""Import directions: tests → tools → functions → libraries, and never back."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tools import ROOT
from tools.workspace import members

LIBRARIES = {"store_dynamo", "attachments_s3", "lambda_streaming"}
SHARED = {"function_setup"}
ALLOWED = {
    "store_dynamo": set[str](),
    "attachments_s3": set[str](),
    "lambda_streaming": set[str](),
    "function_setup": set[str](),
    "chat_api": LIBRARIES | SHARED | {"languages"},
    "assistant_kit": {"chat_api", "attachments_s3", "languages"},
    "languages": set[str](),
    "coach": {"assistant_kit", "chat_api", "store_dynamo", "attachments_s3", "languages"},
    "examples": {"assistant_kit", "chat_api", "store_dynamo", "attachments_s3", "languages"},
    "janitor": {"store_dynamo", "attachments_s3"} | SHARED,
    "sign_in": set[str](),
}
"""The packages of ours that each shipped package may import, besides itself."""
ASSISTANTS_MAY_IMPORT = {"chat_api.assistant", "chat_api.context", "chat_api.errors"}
PACKAGES = {package: member.source / package for member in members() for package in member.packages}
OURS = {*PACKAGES, "tools", "tests"}


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the full names of the modules that a file imports, also within functions."""
    return frozenset(_imports(ast.parse(path.read_text())))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module in OURS:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.partition(".")[0] in OURS}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_shipped_package_imports_only_what_lies_below_it(package):
    allowed = ALLOWED[package] | {package}

    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in PACKAGES[package].rglob("*.py")
        for name in ours(path)
        if name.partition(".")[0] not in allowed
    }

    assert wrong == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_documented_layout_states_the_same_directions(package):
    table = (ROOT / "docs" / "understand" / "architecture.md").read_text()
    rows = (line.split("|") for line in table.splitlines() if line.startswith("| `"))
    documented = {
        row[1].strip(" `"): set(re.findall(r"`(\w+)`", row[3])) & (OURS | SHARED) for row in rows if len(row) == 5
    }
    folders = [PACKAGES[package], *(member.folder for member in members() if member.packages == (package,))]

    found = [documented[name] for folder in folders if (name := str(folder.relative_to(ROOT))) in documented]

    assert found == [ALLOWED[package]]


@pytest.mark.parametrize("package", ["assistant_kit", "coach", "examples"])
def test_assistants_use_the_public_modules_of_chat_api(package):
    used = {name for path in PACKAGES[package].rglob("*.py") for name in ours(path) if name.startswith("chat_api")}

    assert used - {"chat_api"} <= ASSISTANTS_MAY_IMPORT


def test_tools_import_no_tests():
    wrong = {str(path.relative_to(ROOT)) for path in (ROOT / "tools").rglob("*.py") if "tests" in _tops(path)}

    assert wrong == set()


def test_packages_of_tools_have_no_cycle():
    graph: dict[str, set[str]] = {}
    for path in (ROOT / "tools").rglob("*.py"):
        package = _tools_package(".".join(path.relative_to(ROOT).with_suffix("").parts))
        used = {_tools_package(name) for name in ours(path) if name.startswith("tools.")}
        graph.setdefault(package, set()).update(used - {package})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"the packages import each other: {error.args[1]}")


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_of_a_package_have_no_cycle(package):
    folder = PACKAGES[package]
    names = {".".join(path.relative_to(folder.parent).with_suffix("").parts): path for path in folder.rglob("*.py")}
    graph = {name: {used for used in ours(path) if used in names and used != name} for name, path in names.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"the modules import each other: {error.args[1]}")


def test_the_frontend_holds_no_python():
    tracked = subprocess.run(["git", "ls-files", "frontend"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [name for name in tracked.stdout.splitlines() if name.endswith(".py")] == []


def test_no_local_server_reads_a_documentation_page():
    served = [*(ROOT / "tools" / "local").rglob("*.py"), *(ROOT / "tests" / "fakes").rglob("*.py")]
    readers = {
        str(path.relative_to(ROOT))
        for path in served
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == "docs"
    }

    assert readers == set()


def _tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def _tools_package(name: str) -> str:
    parts = name.split(".")
    return ".".join(parts[:2]) if len(parts) > 1 else name
