"""Each state of a stack has an explanation in one line: the state, the first failure, and the remedy."""

from __future__ import annotations

import boto3
import pytest

from tests.fakes.one_stack import NAME, OneStack, event, stack_event
from tools.stack.states import KINDS, Kind, read_state

TAKEN = "Domain already associated with another user pool.\n (Service: Cognito)"
CANCELLED = "Resource creation cancelled"

FAILED_CREATION = (  # newest first, as CloudFormation returns them
    stack_event("ROLLBACK_COMPLETE"),
    event("Table", "DELETE_COMPLETE"),
    stack_event("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [UserPoolDomain, Distribution]."),
    event("Distribution", "CREATE_FAILED", "Role is invalid", "AWS::CloudFront::Distribution"),
    event("SiteBucket", "CREATE_FAILED", CANCELLED, "AWS::S3::Bucket"),
    event("UserPoolDomain", "CREATE_FAILED", TAKEN),
    event("Table", "CREATE_COMPLETE"),
    stack_event("CREATE_IN_PROGRESS", "User Initiated"),
)


def all_statuses() -> list[str]:
    """Return every status that the API has today, from botocore's description of CloudFormation."""
    client = boto3.client("cloudformation", region_name="eu-west-1")  # pyright: ignore[reportUnknownMemberType]
    shape = client.meta.service_model.shape_for("StackStatus")
    client.close()
    return [*shape.enum, "ABSENT"]  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]


@pytest.mark.promise("D3")
@pytest.mark.feature("failed-stacks")
class TestExplanation:
    @pytest.mark.parametrize("status", all_statuses())
    def test_every_status_has_one_line_with_a_remedy(self, status: str) -> None:
        text = read_state(OneStack(status), NAME).explain("dev")  # pyright: ignore[reportArgumentType]

        assert "\n" not in text
        assert NAME in text
        assert "Remedy: " in text
        assert "{" not in text

    @pytest.mark.parametrize("status", all_statuses())
    def test_every_status_that_is_not_in_progress_is_known(self, status: str) -> None:
        assert status in KINDS or status.endswith("_IN_PROGRESS") or status == "DELETE_COMPLETE"

    def test_a_status_of_the_future_is_left_alone(self) -> None:
        assert read_state(OneStack("FROZEN"), NAME).kind is Kind.BUSY  # pyright: ignore[reportArgumentType]

    @pytest.mark.parametrize(
        ("status", "remedy"),
        [
            ("ABSENT", "make deploy ENV=dev"),
            ("ROLLBACK_COMPLETE", "make deploy ENV=dev"),
            ("REVIEW_IN_PROGRESS", "make destroy ENV=dev"),
            ("DELETE_FAILED", "make destroy ENV=dev"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name chatkit-dev"),
            ("UPDATE_IN_PROGRESS", "wait"),
        ],
    )
    def test_the_remedy_is_a_command(self, status: str, remedy: str) -> None:
        text = read_state(OneStack(status), NAME).explain("dev")  # pyright: ignore[reportArgumentType]

        assert remedy in text.partition("Remedy: ")[2]


@pytest.mark.promise("D3")
class TestFirstFailure:
    def explain(self, status: str, *events: dict[str, str]) -> str:
        return read_state(OneStack(status, events), NAME).explain("dev")  # pyright: ignore[reportArgumentType]

    def test_it_is_the_earliest_that_is_not_a_consequence(self) -> None:
        text = self.explain("ROLLBACK_COMPLETE", *FAILED_CREATION)

        assert "UserPoolDomain (AWS::Cognito::UserPoolDomain): Domain already associated" in text
        assert "Role is invalid" not in text
        assert "cancelled" not in text

    def test_only_the_latest_operation_counts(self) -> None:
        text = self.explain(
            "UPDATE_ROLLBACK_COMPLETE",
            stack_event("UPDATE_ROLLBACK_COMPLETE"),
            event("Table", "UPDATE_FAILED", "too many indexes"),
            stack_event("UPDATE_IN_PROGRESS", "User Initiated"),
            stack_event("UPDATE_ROLLBACK_COMPLETE"),
            event("Bucket", "UPDATE_FAILED", "of last week"),
            stack_event("UPDATE_IN_PROGRESS", "User Initiated"),
        )

        assert "too many indexes" in text
        assert "last week" not in text

    def test_a_stuck_rollback_names_what_could_not_be_undone(self) -> None:
        text = self.explain(
            "UPDATE_ROLLBACK_FAILED",
            stack_event("UPDATE_ROLLBACK_FAILED"),
            event("ChatFunction", "UPDATE_FAILED", "NoSuchKey"),
            stack_event("UPDATE_ROLLBACK_IN_PROGRESS"),
            event("Table", "UPDATE_FAILED", "the original cause"),
            stack_event("UPDATE_IN_PROGRESS", "User Initiated"),
        )

        assert "NoSuchKey" in text
        assert "original cause" not in text

    def test_a_healthy_stack_reports_no_old_failure(self) -> None:
        assert "cause" not in self.explain("UPDATE_COMPLETE", event("Table", "UPDATE_FAILED", "long ago"))
