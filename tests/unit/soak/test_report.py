"""docs/evidence/reliability.md agrees with the stored results."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tools.soak import report
from tools.soak.life import Sample, growth, leaks, slope
from tools.soak.phases import PHASES, SLEEPING
from tools.soak.report import goals

RESULTS = report.measured()


def test_the_document_is_what_the_results_make() -> None:
    made = report.document(**RESULTS)

    assert made == report.DOCUMENT.read_text(), "python -m tools.soak.report was not run"


def doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: doubled(each) for name, each in value.items()}
    return value * 2 if isinstance(value, int | float) else value


@pytest.mark.parametrize("name", RESULTS)
def test_other_figures_make_another_document(name: str) -> None:
    other = dataclasses.replace(RESULTS[name], figures=doubled(RESULTS[name].figures))
    changed = RESULTS | {name: other}

    assert report.document(**changed) != report.DOCUMENT.read_text()


@pytest.mark.parametrize("part", ["load", "check"])
def test_one_violation_misses_the_goal(part: str) -> None:
    figures = dict(RESULTS["load"].figures)
    figures[part] = {**figures[part], "violations": ["lost: user u001, thread thr_1, item msg_1: the answer of turn 1"]}

    missed = [goal.key for goal in goals(dataclasses.replace(RESULTS["load"], figures=figures)) if not goal.met]

    assert missed == ["soak.load"]


def test_a_turn_that_leaves_something_behind_misses_the_goal() -> None:
    course = [Sample(n * 100, 150 + n, 19 + n * 100, 17) for n in range(51)]
    leaking = dataclasses.replace(RESULTS["load"], figures={"growth": growth(course)})

    assert growth(course) == {"mb": 10.0, "descriptors": 1000.0, "threads": 0.0}
    assert [goal.met for goal in goals(life=leaking)] == [False, False, True]


def test_only_the_second_half_of_a_life_counts() -> None:
    course = [Sample(n * 100, 150 + min(n, 10), 10 + min(n, 9), 17) for n in range(51)]

    assert set(growth(course).values()) == {0.0}


def test_a_short_life_shows_open_files_and_threads() -> None:
    flat = [Sample(n * 5, 150 + n, 19, 12 + n // 3) for n in range(13)]
    leaking = [each._replace(descriptors=each.turns, threads=each.turns) for each in flat]

    assert leaks(flat) == []
    assert leaks(leaking) == ["leak: 30 descriptors in the second half", "leak: 30 threads in the second half"]


def test_one_odd_measurement_is_no_slope() -> None:
    assert slope([(0, 150.0), (25, 150.0), (50, 158.0), (75, 150.1), (100, 150.1)]) < 0.002


def test_every_goal_is_met() -> None:
    assert [goal.key for goal in goals(**RESULTS) if not goal.met] == []


def test_every_row_of_the_run_is_one_of_the_faults() -> None:
    """A fault that is newer than the stored run has no row yet."""
    known = [phase.name for phase in (*PHASES, SLEEPING)]
    assert [name for name in known if name in RESULTS["faults"].figures["phases"]] == list(
        RESULTS["faults"].figures["phases"]
    )
