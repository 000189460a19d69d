"""The bill of materials: every shipped package, and no licence that is not known and allowed."""

from __future__ import annotations

import json
import re

import pytest

from tools import ROOT
from tools.sbom import (
    READ_BY_HAND,
    REQUIREMENTS,
    Package,
    SbomError,
    check_licences,
    check_texts,
    is_allowed,
    listing,
    npm_packages,
    python_packages,
    shipped,
)

LOCKS = [(ROOT / "requirements" / f"{name}.txt").read_text() for name in REQUIREMENTS]
NPM_LOCK = json.loads((ROOT / "frontend" / "package-lock.json").read_text())


def test_every_locked_package_has_an_allowed_licence() -> None:
    python, npm = python_packages(LOCKS), npm_packages(NPM_LOCK)

    check_licences([*python, *npm])

    locked = {line.partition("==")[0] for text in LOCKS for line in text.splitlines() if re.match(r"[a-z].*==", line)}
    assert {each.name for each in python} == locked
    assert {"react", "react-dom", "marked", "oidc-client-ts"} <= {each.name for each in npm}
    assert "vite" not in {each.name for each in npm}
    assert READ_BY_HAND.keys() <= locked
    assert all(f"| {each.name} | {each.version} | {each.licence} |" in listing(python, npm) for each in (*python, *npm))


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("(Apache-2.0 OR BSD-3-Clause)", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("unknown", False),
        ("", False),
        ("MIT-like", False),
    ],
)
def test_a_licence_is_allowed_by_its_expression(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


def test_a_refused_licence_is_named_with_its_package() -> None:
    with pytest.raises(SbomError, match=r"left-pad 1\.0: AGPL-3\.0"):
        check_licences([Package("left-pad", "1.0", "AGPL-3.0"), Package("react", "1", "MIT")])


def test_a_bundle_without_the_text_of_a_licence_is_refused() -> None:
    packages = [Package("react", "19.0", "MIT"), Package("@openai/chatkit", "1.9.0", "MIT")]

    check_texts(packages, "# Licenses\n\n## react - 19.0 (MIT)\n\nMIT License")
    with pytest.raises(SbomError, match=r"lacks react: run `make frontend`"):
        check_texts(packages, "# Licenses\n\n## react - 18.0 (MIT)\n")


def test_another_version_than_the_locked_one_is_refused() -> None:
    with pytest.raises(SbomError, match="make install"):
        python_packages(["fastapi==0.0.1 \\\n    --hash=sha256:00"])
    with pytest.raises(SbomError, match="make install"):
        python_packages(["not-installed-at-all==1.0"])


def test_development_packages_leave_with_their_edges() -> None:
    development = [{"name": "cdx:npm:package:development", "value": "true"}]
    bom = {
        "metadata": {"component": {"bom-ref": "page"}},
        "components": [{"bom-ref": "react", "properties": []}, {"bom-ref": "vite", "properties": development}],
        "dependencies": [
            {"ref": "page", "dependsOn": ["react", "vite"]},
            {"ref": "react"},
            {"ref": "vite", "dependsOn": ["react"]},
        ],
    }

    kept = shipped(bom)

    assert [each["bom-ref"] for each in kept["components"]] == ["react"]
    assert kept["dependencies"] == [{"ref": "page", "dependsOn": ["react"]}, {"ref": "react", "dependsOn": []}]


def test_everything_that_is_installed_is_pinned_by_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        for requirement in re.split(r"\n(?=\S)", path.read_text().strip()):
            assert "--hash=sha256:" in requirement, (path.name, requirement)
    assert "--require-hashes --requirement requirements/uv.txt" in (ROOT / "Makefile").read_text()
    assert "pip install uv" not in (ROOT / "Makefile").read_text()
    assert all(
        path.startswith("node_modules/") and each.get("integrity", "").startswith("sha512-")
        for path, each in NPM_LOCK["packages"].items()
        if path
    )
