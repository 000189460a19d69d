"""Release a version: `make release VERSION=0.3.0`.

1. The tree is clean, the version is newer than the current one, and CHANGELOG.md has entries under "Unreleased".
2. `make check test sbom` passes; `dist/sbom` then has the bill of materials and the licences of this version.
3. One commit gives the entries their heading and pyproject.toml its version; an annotated tag `v0.3.0` holds the
   entries.

Nothing is pushed. The versions of the three libraries are independent: change them in their own pyproject.toml.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from packaging.version import InvalidVersion, Version

from tools import ROOT

CHECKS = ("make", "check", "test", "sbom")
UNRELEASED = "## Unreleased\n"


class ReleaseError(Exception):
    """The release cannot be made. The message names the reason and the remedy."""


def released(changelog: str, version: str, on: date) -> tuple[str, str]:
    """Return the changelog with a heading for `version`, and the entries of that version. Raises ReleaseError."""
    before, found, after = changelog.partition(UNRELEASED)
    entries = re.split(r"^## ", after, maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not found or not entries:
        raise ReleaseError('CHANGELOG.md has no entries under "## Unreleased": describe the changes in users\' words')
    return f"{before}{UNRELEASED}\n## {version} · {on:%Y-%m-%d}\n{after}", entries


def with_version(pyproject: str, version: str) -> str:
    """Return pyproject.toml with `version`. Raises ReleaseError unless it is newer than the current one."""
    match = re.search(r'^version = "(.*)"$', pyproject, re.MULTILINE)
    if match is None:
        raise ReleaseError("pyproject.toml has no version")
    try:
        newer = Version(version) > Version(match[1])
    except InvalidVersion as error:
        raise ReleaseError(f"{version!r} is not a version: use VERSION=MAJOR.MINOR.PATCH") from error
    if not newer or not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"{version} is not a MAJOR.MINOR.PATCH newer than the current version, {match[1]}")
    return f"{pyproject[: match.start(1)]}{version}{pyproject[match.end(1) :]}"


def release(root: Path, version: str, on: date, checks: Sequence[str] = CHECKS) -> str:
    """Check, commit and tag `version` in the repository at `root`; return the tag. Raises ReleaseError."""
    pyproject, changelog = root / "pyproject.toml", root / "CHANGELOG.md"
    settings = with_version(pyproject.read_text(), version)
    text, entries = released(changelog.read_text(), version, on)
    tag = f"v{version}"
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("the tree has uncommitted changes: commit or stash them")
    if _git(root, "tag", "--list", tag):
        raise ReleaseError(f"the tag {tag} exists: choose another version")
    if subprocess.run(checks, cwd=root, check=False).returncode:
        raise ReleaseError(f"`{' '.join(checks)}` failed: nothing was tagged")
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("the checks changed tracked files: commit them and start again")
    pyproject.write_text(settings)
    changelog.write_text(text)
    _git(root, "commit", "--quiet", "--message", f"Release {version}", "pyproject.toml", "CHANGELOG.md")
    _git(root, "tag", "--annotate", "--cleanup=verbatim", "--message", f"{version}\n\n{entries}\n", tag)
    return tag


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def main(arguments: Sequence[str]) -> int:
    """Release the version in `arguments`; return the exit code."""
    if len(arguments) != 1:
        print("name the version: make release VERSION=MAJOR.MINOR.PATCH", file=sys.stderr)
        return 2
    try:
        tag = release(ROOT, arguments[0], date.today())  # noqa: DTZ011  # the maintainer's own day
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{tag} is committed and tagged. Publish it: git push --follow-tags, and attach dist/sbom/* to the release")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
