"""Before and after `make deploy`: a failed stack is explained and cleared after a question, and prod is protected."""

from __future__ import annotations

import pytest

from tests.fakes.one_stack import NAME, OneStack
from tools.stack import recovery, removal
from tools.stack.operator import DeploymentError
from tools.stack.questions import confirm


@pytest.fixture(autouse=True)
def _no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr(removal, "POLL_SECONDS", 0)
    monkeypatch.setattr(recovery, "POLL_SECONDS", 0)


def prepared(stack: OneStack, answer: str) -> str:
    lines: list[str] = []
    recovery.make_deployable(
        "dev", NAME, client=stack, agree=lambda question: confirm(question, lambda text: answer), say=lines.append
    )
    return "\n".join(lines)


@pytest.mark.promise("D3")
@pytest.mark.feature("failed-stacks")
class TestMakeDeployable:
    @pytest.mark.parametrize("status", ["ABSENT", "REVIEW_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
    def test_a_stack_that_sam_can_deploy_is_left_alone(self, status: str) -> None:
        stack = OneStack(status)

        assert prepared(stack, "") == ""
        assert stack.calls == []

    @pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
    def test_a_failed_creation_is_explained_and_removed(self, status: str) -> None:
        stack = OneStack(status, after=("DELETE_IN_PROGRESS", "DELETE_COMPLETE"))

        text = prepared(stack, "y")

        assert "first deployment failed" in text
        assert "delete_stack" in stack.changes

    def test_a_script_answers_by_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("YES", "1")
        stack = OneStack("ROLLBACK_COMPLETE", after=("DELETE_COMPLETE",))

        prepared(stack, "")

        assert "delete_stack" in stack.changes

    @pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"])
    def test_without_an_answer_nothing_happens(self, status: str) -> None:
        stack = OneStack(status)

        with pytest.raises(DeploymentError, match="nothing was changed"):
            prepared(stack, "")

        assert stack.calls == []

    @pytest.mark.parametrize("status", ["DELETE_FAILED", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"])
    def test_other_states_are_explained(self, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("YES", "1")
        stack = OneStack(status)

        with pytest.raises(DeploymentError, match="Remedy: "):
            prepared(stack, "y")

        assert stack.calls == []

    def test_a_stuck_rollback_is_finished(self) -> None:
        stack = OneStack("UPDATE_ROLLBACK_FAILED", after=("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"))

        prepared(stack, "yes")

        assert stack.changes == ["continue_update_rollback"]

    def test_a_rollback_that_fails_again_is_explained(self) -> None:
        stack = OneStack("UPDATE_ROLLBACK_FAILED", after=("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"))

        with pytest.raises(DeploymentError, match="continue-update-rollback"):
            prepared(stack, "yes")


@pytest.mark.promise("D3")
class TestProtect:
    @pytest.mark.parametrize(("stage", "protected"), [("prod", True), ("dev", False)])
    def test_production_is_protected_against_deletion(self, stage: str, protected: bool) -> None:
        stack = OneStack("CREATE_COMPLETE", stage=stage)

        assert recovery.protect(NAME, client=stack) is protected
        assert stack.protected is protected

    def test_a_protected_stack_is_not_protected_again(self) -> None:
        stack = OneStack("UPDATE_COMPLETE", stage="prod", protected=True)

        recovery.protect(NAME, client=stack)

        assert stack.calls == []
