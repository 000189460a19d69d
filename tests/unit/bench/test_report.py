"""docs/evidence/performance.md agrees with the stored results."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from tools.bench import report
from tools.bench.results import Result
from tools.bench.section import Goal, Section, number

DOCUMENT = report.DOCUMENT.read_text()


def test_the_document_is_what_the_results_make() -> None:
    assert report.document(report.measured(), report.reasons()) == DOCUMENT, "python -m tools.bench.report was not run"


def doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: doubled(each) for name, each in value.items()}
    return value * 2 if isinstance(value, int | float) else value


@pytest.mark.parametrize("name", report.measured())
def test_other_figures_make_another_document(name: str) -> None:
    measured = report.measured()
    other = dataclasses.replace(measured[name], figures=doubled(measured[name].figures))
    assert report.document(measured | {name: other}, report.reasons()) != DOCUMENT


def test_every_missed_goal_has_its_reason() -> None:
    assert report.NO_REASON not in DOCUMENT
    measured = report.measured()
    goals = [goal for name, result in measured.items() for goal in report.SECTIONS[name](result).goals]
    keys = [goal.key for goal in goals]
    assert len(set(keys)) == len(keys)
    assert set(report.reasons()) <= set(keys), "a reason for a goal that there is not"


def result(**figures: Any) -> Result:
    machine: Mapping[str, Any] = {
        "cpu": "Abacus", "cores": 2, "memory_gb": 4, "architecture": "wood", "system": "None 1",
    }  # fmt: skip
    return Result("2026-11-25T15:40:02Z", "d80381f", machine, {"python": "3.11.7"}, figures)


def missed(found: Result) -> Section:
    return Section(
        "Speed",
        "lead",
        "details",
        [Goal("speed.first", "first byte", "≤ 1 ms", number(found.figures["ms"]), met=False)],
    )


def test_a_missed_goal_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "SECTIONS", {"speed": missed})
    text = report.document({"speed": result(ms=1.25)}, {"speed.first": "It is a slow abacus."})
    assert "| first byte | ≤ 1 ms | 1.25 | ✗ |" in text
    assert "- first byte: It is a slow abacus." in text
    assert report.NO_REASON in report.document({"speed": result(ms=1.25)}, {})


def test_each_result_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "SECTIONS", {"speed": missed})
    text = report.document({"speed": dataclasses.replace(result(ms=1), commit="abc1234+")}, {})
    assert "2026-11-25 15:40:02 UTC at commit abc1234+: Abacus, 2 cores, 4 GB, wood, None 1; python 3.11.7" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.012345, "0.0123"),
        (0.5, "0.500"),
        (4.567, "4.57"),
        (123.4, "123"),
        (91920.49, "91,920"),
        (10_000, "10,000"),
    ],
)
def test_three_digits_of_a_figure_are_shown(value: float, text: str) -> None:
    assert number(value) == text
