"""`make profile` names its remedy, and profiles what the function loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench import profile


def test_without_py_spy_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(profile, "PY_SPY", tmp_path / "py-spy")
    monkeypatch.setattr("sys.argv", ["profile"])

    assert profile.main() == 1
    assert "make profile" in capsys.readouterr().err


def test_a_published_picture_names_no_path_of_its_machine(tmp_path: Path) -> None:
    picture = tmp_path / "turn.svg"
    picture.write_text('<svg><text id="title" x="5">/home/me/py-spy record</text><text x="1">all</text></svg>')

    profile.finish(picture, profile.TITLES["turn.svg"])

    assert '>Turns in a thread of 2,000 items</text><text x="1">all</text>' in picture.read_text()
    assert "/home/me" not in picture.read_text()


def test_only_frames_that_can_be_seen_are_kept(tmp_path: Path) -> None:
    frame = '<g><title>{0}</title><rect x="0%" width="{1}%" height="15"/><text x="1%">{0}</text></g>'
    picture = tmp_path / "turn.svg"
    picture.write_text(f"<svg>{frame.format('wide', '0.6')}{frame.format('narrow', '0.59')}</svg>")

    profile.finish(picture, "a title")

    assert picture.read_text() == f"<svg>{frame.format('wide', '0.6')}</svg>"
