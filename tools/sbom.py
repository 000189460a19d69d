"""The bill of materials of a release: `make sbom` writes CycloneDX files and a list of licences into dist/sbom.

    functions.cdx.json    Python packages of the functions and the streaming layer, from requirements/*.txt
    page.cdx.json         npm packages of the page's bundle, from package-lock.json
    licences.md           name, version and licence of each of them

It fails if a licence is unknown or not in ALLOWED, so that a new dependency cannot bring one unnoticed.
`make check` runs it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from tools import ROOT

FOLDER = ROOT / "dist" / "sbom"
BUNDLE_TEXTS = ROOT / "frontend" / "dist" / "licences.txt"
TYPES_ONLY = frozenset({"@openai/chatkit"})
"""Packages of the page that contain no code."""
CYCLONEDX = ROOT / ".tools" / "cyclonedx" / "bin" / "cyclonedx-py"
REQUIREMENTS = ("functions", "streaming")
ALLOWED = frozenset(
    {"0BSD", "AFL-2.1", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0"}
)
SPDX = {
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Expressions for the names that packages use without SPDX."""
READ_BY_HAND = {
    "openai-chatkit": "Apache-2.0",  # in its LICENSE file only
    "httpx2-jsfetch": "BSD-3-Clause",  # for browsers; never installed
    "pywin32": "PSF-2.0",  # for Windows; never installed
}
DEVELOPMENT = {"name": "cdx:npm:package:development", "value": "true"}
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


class SbomError(Exception):
    """The bill of materials cannot be made. The message names the package and the remedy."""


@dataclass(frozen=True, order=True)
class Package:
    """One locked package; `licence` is an SPDX expression."""

    name: str
    version: str
    licence: str


def python_packages(requirements: Iterable[str]) -> list[Package]:
    """Return the packages of requirements files. Raises SbomError if the environment has other versions."""
    locked = sorted({found for text in requirements for found in REQUIREMENT.findall(text)})
    return [Package(name, version, READ_BY_HAND.get(name) or _licence(name, version)) for name, version in locked]


def npm_packages(lock: Mapping[str, Any]) -> list[Package]:
    """Return the packages of a package-lock.json that are not for development only."""
    return sorted(
        Package(path.rpartition("node_modules/")[2], each["version"], each.get("license", "unknown"))
        for path, each in lock["packages"].items()
        if path and not each.get("dev")
    )


def check_licences(packages: Iterable[Package]) -> None:
    """Raise SbomError for each licence that is not in ALLOWED. One allowed alternative of `OR` is enough."""
    refused = [f"{each.name} {each.version}: {each.licence}" for each in packages if not is_allowed(each.licence)]
    if refused:
        raise SbomError(
            "licences that are unknown or not in ALLOWED of tools/sbom.py (read them, then add them or replace the "
            "package):\n  " + "\n  ".join(refused)
        )


def is_allowed(expression: str) -> bool:
    """Return whether the terms of an SPDX expression allow shipping the package."""
    return any(
        all(term.strip(" ()") in ALLOWED for term in alternative.split(" AND "))
        for alternative in expression.split(" OR ")
    )


def check_texts(packages: Iterable[Package], texts: str) -> None:
    """Raise SbomError unless the page's licences.txt has the text of each package in its bundle."""
    bundled = [each for each in packages if each.name not in TYPES_ONLY]
    if missing := [each.name for each in bundled if f"\n## {each.name} - {each.version} (" not in texts]:
        raise SbomError(f"frontend/dist/licences.txt lacks {', '.join(missing)}: run `make frontend`")


def listing(python: Iterable[Package], npm: Iterable[Package]) -> str:
    """Return licences.md."""
    lines = ["# Licences of the packages in this release"]
    for title, packages in (("Functions and layers (Python)", python), ("Page (npm)", npm)):
        lines += ["", f"## {title}", "", "| package | version | licence |", "|---|---|---|"]
        lines += [f"| {each.name} | {each.version} | {each.licence} |" for each in packages]
    return "\n".join([*lines, "", "The page's `licences.txt` has the texts of its packages' licences.", ""])


def _licence(name: str, version: str) -> str:
    try:
        found: Any = metadata(name)
    except PackageNotFoundError:
        raise SbomError(f"{name} is not installed, so its licence is unknown: run `make install`") from None
    if found["Version"] != version:
        raise SbomError(f"{name} {version} is locked, but {found['Version']} is installed: run `make install`")
    classifiers = [text.rpartition(" :: ")[2] for text in found.get_all("Classifier", []) if text.startswith("License")]
    stated: str = found.get("License-Expression") or found.get("License") or ""
    known = [SPDX.get(each, each) for each in (stated, *classifiers)]
    return next((each for each in known if is_allowed(each)), known[0] or "unknown")


def write(folder: Path = FOLDER) -> None:
    """Write the files. Raises SbomError."""
    texts = [(ROOT / "requirements" / f"{name}.txt").read_text() for name in REQUIREMENTS]
    python = python_packages(texts)
    npm = npm_packages(json.loads((ROOT / "frontend" / "package-lock.json").read_text()))
    check_licences([*python, *npm])
    check_texts(npm, BUNDLE_TEXTS.read_text() if BUNDLE_TEXTS.exists() else "")
    folder.mkdir(parents=True, exist_ok=True)
    pyproject = ("--pyproject", str(ROOT / "pyproject.toml"))
    of_functions = _run([str(CYCLONEDX), "requirements", *pyproject, "--output-reproducible", "-"], "\n".join(texts))
    of_page = _run(["npm", "sbom", "--package-lock-only", "--sbom-format", "cyclonedx"])
    boms = {"functions": json.loads(of_functions), "page": shipped(json.loads(of_page))}
    for (name, bom), packages in zip(boms.items(), (python, npm), strict=True):
        _check_complete(name, bom, packages)
        (folder / f"{name}.cdx.json").write_text(json.dumps(bom, indent=1, ensure_ascii=False) + "\n")
    (folder / "licences.md").write_text(listing(python, npm))


def shipped(bom: Mapping[str, Any]) -> dict[str, Any]:
    """Return npm's bill of materials without development packages.

    npm's own `--omit dev` also drops React, because development packages have it as a peer.
    """
    kept = [each for each in bom["components"] if DEVELOPMENT not in each.get("properties", [])]
    refs = {each["bom-ref"] for each in kept}
    root = bom["metadata"]["component"]["bom-ref"]
    edges = [
        {**each, "dependsOn": [ref for ref in each.get("dependsOn", []) if ref in refs]}
        for each in bom["dependencies"]
        if each["ref"] in refs | {root}
    ]
    return {**bom, "components": kept, "dependencies": edges}


def _check_complete(name: str, bom: Mapping[str, Any], packages: Iterable[Package]) -> None:
    listed = {(each["name"], each["version"]) for each in bom["components"]}
    if missing := {each.name for each in packages if (each.name, each.version) not in listed}:
        raise SbomError(f"{name}.cdx.json lacks {', '.join(sorted(missing))}")


def _run(command: list[str], text: str | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT / "frontend", input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SbomError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout


def main() -> int:
    """Write dist/sbom; return the exit code."""
    try:
        write()
    except SbomError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{FOLDER.relative_to(ROOT)}: {', '.join(sorted(each.name for each in FOLDER.iterdir()))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
