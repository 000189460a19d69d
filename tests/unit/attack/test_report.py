"""The page about the attack is made from its stored figures, and each goal can be missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.attack import report
from tools.bench import results

RESULT = results.read(report.RESULT)


def test_the_document_is_that_of_the_stored_figures() -> None:
    assert report.document(RESULT) == report.DOCUMENT.read_text(), "python -m tools.attack.report was not run"


@pytest.mark.promise("H7")
def test_ordinary_users_were_neither_refused_nor_read() -> None:
    assert (RESULT.figures["refusals"], RESULT.figures["leaks"]) == (0, 0)
    assert not report.server_faults(RESULT.figures["hostile"])


@pytest.mark.parametrize(
    ("figure", "value", "key"),
    [("ratio", 1.6, "attack.first_word"), ("refusals", 1, "attack.refusals"), ("leaks", 1, "attack.leaks")],
)
def test_each_goal_can_be_missed(figure: str, value: float, key: str) -> None:
    goals = report.goals(replace(RESULT, figures={**RESULT.figures, figure: value}))

    assert [goal.key for goal in goals if not goal.met and goal.key == key] == [key]


def test_a_5xx_in_any_outcome_is_a_fault() -> None:
    assert report.server_faults({"slow": {"200 502": 2, "429": 5}, "empty": {"400": 1}}) == 2
