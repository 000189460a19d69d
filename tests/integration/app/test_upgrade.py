"""Upgrading a fork: a newer upstream that changes every file merges without a conflict, and app/ stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.app.conftest import run, tracked
from tools import ROOT
from tools.app.folder import App, extended
from tools.app.new import create
from tools.stack.template import read_template

pytestmark = pytest.mark.timeout(180)

TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".json", ".ts", ".tsx", ".css", ".mk", ".widget", ".html", ""}
REQUIREMENTS = "humanize>=4\n"


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false")
    return run(folder, "git", *identity, *arguments)


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A repository with this tree as its first version."""
    upstream = tmp_path / "upstream"
    for file in tracked():
        (upstream / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, upstream / file, follow_symlinks=False)
    git(upstream, "init", "-q", "-b", "main")
    git(upstream, "add", "-A")
    git(upstream, "commit", "-qm", "v0.2.0")
    return upstream


def newer(upstream: Path) -> int:
    """Commit a version in which every text file has another first or last line; return their number."""
    changed = 0
    for file in tracked(upstream):
        path = upstream / file
        if path.suffix in TEXTS and not path.is_symlink() and path.stat().st_size < 1_000_000:
            path.write_bytes(path.read_bytes().rstrip(b"\n") + b"\n# newer\n")
            changed += 1
    (upstream / "functions" / "chat" / "examples" / "new_example.py").write_text("# newer\n")
    (upstream / "docs" / "use" / "frontend.md").unlink()
    git(upstream, "add", "-A")
    git(upstream, "commit", "-qm", "v0.3.0")
    git(upstream, "tag", "v0.3.0")
    return changed


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.promise("B4")
@pytest.mark.feature("upgrade")
def test_merge_of_a_newer_upstream_has_no_conflict(upstream: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(upstream), "fork")
    fork = tmp_path / "fork"
    create("shop", "agents", fork)
    (fork / "app" / "requirements.txt").write_text(REQUIREMENTS)
    (fork / "app" / "prices.py").write_text("PRICES = {}\n")
    samconfig = fork / "samconfig.toml"
    samconfig.write_text(
        samconfig.read_text()
        .replace('"chatkit-dev"', '"shop-dev"')
        .replace("Stage=prod", "Stage=prod AlarmEmail=a@b.example")
    )
    git(fork, "add", "-A")
    git(fork, "commit", "-qm", "The shop")
    mine = contents(fork / "app")
    changed = newer(upstream)

    git(fork, "fetch", "-q", "--tags")
    git(fork, "merge", "-q", "--no-edit", "v0.3.0")

    assert changed > 400
    assert git(fork, "status", "--porcelain") == ""
    assert contents(fork / "app") == mine
    assert {f"app/{name}" for name in mine} == set(git(fork, "ls-files", "app").split())
    assert "shop-dev" in samconfig.read_text()
    assert samconfig.read_text().endswith("# newer\n")
    assert (fork / "functions/chat/examples/new_example.py").exists()
    app = App.read(fork)
    assert app is not None
    assert "AppAccess" not in extended(read_template(fork / "template.yaml"), app)["Resources"]
