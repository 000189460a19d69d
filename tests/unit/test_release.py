"""`make release`: one commit and one tag, or a message and no change."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pytest

from tools import ROOT
from tools.release import ReleaseError, release, released, with_version

TODAY = date(2026, 12, 1)
CHANGELOG = "# Changelog\n\n## Unreleased\n\n- Search.\n\n## 0.1.0 · 2026-11-26\n\n- First.\n"
PASS, FAIL = (sys.executable, "-c", ""), (sys.executable, "-c", "raise SystemExit(1)")


def git(root, *arguments):
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "Ana")
    git(tmp_path, "config", "user.email", "ana@example.com")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_a_release_is_one_commit_and_one_tag_with_the_entries(repository):
    assert release(repository, "0.2.0", TODAY, PASS) == "v0.2.0"

    assert git(repository, "log", "-1", "--format=%s") == "Release 0.2.0"
    assert git(repository, "for-each-ref", "--format=%(contents)", "refs/tags/v0.2.0") == "0.2.0\n\n- Search."
    assert git(repository, "rev-list", "-1", "v0.2.0") == git(repository, "rev-parse", "HEAD")
    assert 'version = "0.2.0"' in (repository / "pyproject.toml").read_text()
    text = (repository / "CHANGELOG.md").read_text()
    assert "## Unreleased\n\n## 0.2.0 · 2026-12-01\n\n- Search.\n\n## 0.1.0" in text
    assert git(repository, "status", "--porcelain") == ""


def test_failed_checks_tag_nothing(repository):
    with pytest.raises(ReleaseError, match="failed: nothing was tagged"):
        release(repository, "0.2.0", TODAY, FAIL)

    assert git(repository, "tag") == ""
    assert git(repository, "status", "--porcelain") == ""


def test_uncommitted_changes_are_refused(repository):
    (repository / "new.txt").write_text("")

    with pytest.raises(ReleaseError, match="uncommitted"):
        release(repository, "0.2.0", TODAY, PASS)


def test_an_existing_tag_is_refused(repository):
    git(repository, "tag", "v0.2.0")

    with pytest.raises(ReleaseError, match=r"v0\.2\.0 exists"):
        release(repository, "0.2.0", TODAY, PASS)


def test_a_release_without_entries_is_refused():
    with pytest.raises(ReleaseError, match="no entries"):
        released(CHANGELOG.replace("- Search.\n\n", ""), "0.2.0", TODAY)


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "1", "2.0", "v0.2.0", "next", "0.2.0rc1"])
def test_a_version_that_is_not_newer_or_not_three_numbers_is_refused(version):
    with pytest.raises(ReleaseError):
        with_version('version = "0.1.0"\n', version)


def test_this_repository_can_be_released_next():
    version = with_version((ROOT / "pyproject.toml").read_text(), "999.0.0")
    text, _ = released((ROOT / "CHANGELOG.md").read_text(), "999.0.0", TODAY)

    assert 'version = "999.0.0"' in version
    assert "## 0.1.0 · 2026-11-26" in text
