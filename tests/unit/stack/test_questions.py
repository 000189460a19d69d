"""Answers of the operator: by terminal, by variable, and never by default."""

from __future__ import annotations

import io

import pytest

from tools.stack.operator import DeploymentError
from tools.stack.questions import confirm, confirm_name


@pytest.fixture(autouse=True)
def _without_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.delenv("CONFIRM", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\nchatkit-dev\n"))


@pytest.mark.promise("D3")
class TestWithoutTerminal:
    def test_a_question_names_the_variable(self) -> None:
        with pytest.raises(DeploymentError, match="YES=1"):
            confirm("deploy?")

    def test_the_name_of_the_stack_too(self) -> None:
        with pytest.raises(DeploymentError, match="CONFIRM=chatkit-dev"):
            confirm_name("chatkit-dev")

    @pytest.mark.parametrize(("value", "answer"), [("1", True)])
    def test_yes_is_one(self, monkeypatch: pytest.MonkeyPatch, value: str, answer: bool) -> None:
        monkeypatch.setenv("YES", value)

        assert confirm("deploy?") is answer


@pytest.mark.parametrize(
    ("typed", "agreed"), [("y", True), (" YES ", True), ("", False), ("n", False), ("yeah", False)]
)
def test_only_y_and_yes_agree(typed: str, agreed: bool) -> None:
    assert confirm("deploy?", lambda question: typed) is agreed
