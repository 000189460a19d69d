"""The measurements of `tools.bench.memory_size`: its section, its bill, and a machine without cgroups."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.bench import memory_size
from tools.bench.cost.bill import MEMORY_MB
from tools.bench.memory_size import SIZES, NoCgroupsError, Run, confined, figures_of, rows, section, upload
from tools.bench.results import Result, read


def run(milliseconds: float) -> Run:
    return Run(1, 2, milliseconds, 4, 5, 6, 7)


def result(first_word_ms: dict[int, float]) -> Result:
    """Return a result with two equal runs of each size."""
    loads = {size: [{"first-answer": 9.0, "init": 8.0}] for size in first_word_ms}
    figures = figures_of({size: [run(ms), run(ms)] for size, ms in first_word_ms.items()}, loads)
    return Result("now", "abc", read("cost").machine, {}, figures)


def test_a_smaller_size_is_cheaper_and_each_figure_has_its_row() -> None:
    figures = result({size: 100.0 for size in SIZES}).figures
    dollars = [figures["sizes"][f"{size}"]["dollars"] for size in SIZES]
    assert dollars == sorted(dollars)
    assert dollars[0] < dollars[-1] / 2
    assert [len(row) for row in rows(figures)] == [1 + len(SIZES)] * 10


def test_a_goal_is_missed_if_the_default_makes_the_first_word_later_by_a_tenth() -> None:
    for late, met in ((100.0, True), (200.0, False)):
        goals = {goal.key: goal for goal in section(result({size: 100.0 for size in SIZES} | {MEMORY_MB: late})).goals}
        assert goals["memory_size.first_word"].met is met


def test_a_machine_without_cgroups_is_told_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory_size, "CGROUPS", tmp_path / "missing")
    with pytest.raises(NoCgroupsError, match="as root, on a machine with cgroup v1"), confined(512, "python"):
        pass


def test_the_upload_fits_into_an_event_of_lambda() -> None:
    assert 5_000_000 < len(upload("token")) < 6_000_000
