"""The envelope of a benchmark's figures."""

from __future__ import annotations

import platform
from datetime import datetime
from pathlib import Path

import pytest

from tools.bench import results


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")


def test_figures_come_back_with_where_they_were_measured() -> None:
    results.write("speed", {"first_byte_ms": 0.7}, packages=["uvicorn"], versions={"adapter": "0.9.1"})
    found = results.read("speed")
    assert found.figures == {"first_byte_ms": 0.7}
    assert found.versions["python"] == platform.python_version()
    assert found.versions["adapter"] == "0.9.1"
    assert found.versions["uvicorn"]
    assert found.machine["cores"]
    assert datetime.fromisoformat(found.measured_at).tzinfo


def test_what_was_never_measured_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        results.read("speed")
