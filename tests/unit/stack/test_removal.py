"""`make destroy` in every state: lists first, changes nothing before the name is typed, and works without outputs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.one_stack import NAME, RESOURCES, SAM_BUCKET, STACK_ID, OneStack, event, stack_event
from tools.stack import removal
from tools.stack.operator import DeploymentError
from tools.stack.states import Kind, read_state

DELETABLE = [
    "REVIEW_IN_PROGRESS",
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    "DELETE_FAILED",
]


@pytest.fixture(autouse=True)
def _no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.delenv("CONFIRM", raising=False)
    monkeypatch.setattr(removal, "POLL_SECONDS", 0)


def typed(text: str) -> Callable[[str], str]:
    return lambda question: text


def destroyed(stack: OneStack, answer: str = NAME) -> str:
    lines: list[str] = []
    removal.destroy("dev", NAME, client=stack, ask=typed(answer), say=lines.append)
    return "\n".join(lines)


@pytest.mark.promise("D3")
@pytest.mark.feature("failed-stacks")
class TestDestroy:
    @pytest.mark.parametrize("status", DELETABLE)
    def test_works_in_every_state_without_outputs(self, status: str) -> None:
        stack = OneStack(status, after=("DELETE_IN_PROGRESS", "DELETE_COMPLETE"))

        destroyed(stack)

        assert stack.changes == ["delete_objects", "delete_stack", "delete_objects"]
        assert stack.calls[0][1]["Bucket"] == f"{NAME}-sitebucket"
        assert stack.calls[1][1] == {"StackName": STACK_ID}
        assert stack.calls[2][1]["Bucket"] == SAM_BUCKET

    @pytest.mark.parametrize("answer", ["", "y", "yes", "chatkit-prod", "CHATKIT-DEV"])
    def test_changes_nothing_before_the_name_is_typed(self, answer: str) -> None:
        stack = OneStack("UPDATE_COMPLETE", protected=True)

        with pytest.raises(DeploymentError, match="nothing was deleted"):
            destroyed(stack, answer)

        assert stack.calls == []

    def test_yes_is_not_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("YES", "1")
        stack = OneStack("UPDATE_COMPLETE")

        with pytest.raises(DeploymentError, match=f"CONFIRM={NAME}"):
            destroyed(stack, "")

        assert stack.calls == []

    @pytest.mark.parametrize(("confirm", "deletes"), [(NAME, True), ("chatkit-prod", False)])
    def test_a_script_confirms_by_name(self, monkeypatch: pytest.MonkeyPatch, confirm: str, deletes: bool) -> None:
        monkeypatch.setenv("CONFIRM", confirm)
        stack = OneStack("UPDATE_COMPLETE", after=("DELETE_COMPLETE",))

        if deletes:
            destroyed(stack, "")
        else:
            with pytest.raises(DeploymentError):
                destroyed(stack, NAME)

        assert ("delete_stack" in stack.changes) is deletes

    def test_everything_that_remains_is_listed_with_its_name(self) -> None:
        text = destroyed(OneStack("UPDATE_COMPLETE", after=("DELETE_COMPLETE",)))

        _, _, remaining = text.partition("These remain")
        for name, _, policy in RESOURCES:
            kept = policy != "Delete" and name != "ChatFunctionVersion1"  # Lambda deletes versions with their function
            assert (f"{NAME}-{name.lower()}" in remaining) is kept, name

    def test_what_goes_is_listed_too_with_logs_as_personal_data(self) -> None:
        text = destroyed(OneStack("UPDATE_COMPLETE", after=("DELETE_COMPLETE",)))

        going = text.partition("These remain")[0]
        assert f"{NAME}-userpooldomain" in going
        assert f"s3://{SAM_BUCKET}/{NAME}/" in going
        assert any("ChatLogs" in line and "personal data" in line for line in going.splitlines())

    def test_after_a_failed_creation_nothing_remains(self) -> None:
        names = tuple(name for name, _, _ in RESOURCES)

        text = destroyed(OneStack("ROLLBACK_COMPLETE", after=("DELETE_COMPLETE",), gone=names))

        assert "Nothing remains." in text
        assert "personal data" not in text

    def test_the_cause_of_the_failure_is_shown_before_the_question(self) -> None:
        events = (
            event("UserPoolDomain", "CREATE_FAILED", "Domain already associated"),
            stack_event("CREATE_IN_PROGRESS"),
        )

        text = destroyed(OneStack("ROLLBACK_COMPLETE", events, after=("DELETE_COMPLETE",)))

        assert "Domain already associated" in text.partition("These are deleted")[0]

    def test_production_loses_its_protection_only_after_the_name(self) -> None:
        stack = OneStack("UPDATE_COMPLETE", after=("DELETE_COMPLETE",), protected=True, stage="prod")

        destroyed(stack)

        assert stack.changes[0] == "update_termination_protection"

    @pytest.mark.parametrize("status", ["ABSENT", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "CREATE_IN_PROGRESS"])
    def test_a_stack_that_is_absent_or_busy_is_explained(self, status: str) -> None:
        stack = OneStack(status)

        with pytest.raises(DeploymentError, match="Remedy: "):
            destroyed(stack)

        assert stack.calls == []

    def test_a_deletion_that_fails_names_the_resource(self) -> None:
        events = (
            stack_event("DELETE_FAILED"),
            event("UserPoolDomain", "DELETE_FAILED", "in use"),
            stack_event("DELETE_IN_PROGRESS", "User Initiated"),
        )
        stack = OneStack("UPDATE_COMPLETE", events, after=("DELETE_IN_PROGRESS", "DELETE_FAILED"))

        with pytest.raises(DeploymentError, match=r"UserPoolDomain .*: in use.*FORCE_DELETE_STACK"):
            destroyed(stack)

    def test_a_second_attempt_is_not_judged_by_the_first(self) -> None:
        stack = OneStack("DELETE_FAILED", after=("DELETE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"))

        destroyed(stack)

        assert read_state(stack, STACK_ID).kind is Kind.ABSENT  # pyright: ignore[reportArgumentType]
