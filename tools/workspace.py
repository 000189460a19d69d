"""Source folders of the uv workspace, read from the `pyproject.toml` files.

In the project's environment the members are installed as editable packages. A process that must run one particular tree
(a mutated copy, a function with Lambda's environment) names that tree's folders in PYTHONPATH instead.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import ROOT


@dataclass(frozen=True)
class Member:
    """A member of the workspace: its folder, the folder that PYTHONPATH needs, and the packages in it."""

    folder: Path
    source: Path
    packages: tuple[str, ...]


def members(root: Path = ROOT) -> list[Member]:
    """Return the members of the workspace at `root`, with absolute paths."""
    return [_member(root / name) for name in _read(root)["tool"]["uv"]["workspace"]["members"]]


def source(package: str, root: Path = ROOT) -> Path:
    """Return the folder that PYTHONPATH needs for `package`."""
    return next(member.source for member in members(root) if package in member.packages)


def _member(folder: Path) -> Member:
    backend = _read(folder)["tool"]["uv"]["build-backend"]
    names = backend["module-name"]
    packages = (names,) if isinstance(names, str) else tuple(names)
    return Member(folder, folder / backend.get("module-root", "src"), packages)


def _read(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())
