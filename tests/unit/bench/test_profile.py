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

    profile.retitle(picture, profile.TITLES["turn.svg"])

    assert '>Turns in a thread of 2,000 items</text><text x="1">all</text>' in picture.read_text()
    assert "/home/me" not in picture.read_text()
