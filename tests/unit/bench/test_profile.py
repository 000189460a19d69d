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
