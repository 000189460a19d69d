"""State of a CloudFormation stack, with the first failure and the remedy.

    state = read_state(cloudformation, "chatkit-dev")
    state.kind                       # Kind.FAILED_CREATION
    print(state.explain("dev"))      # the cause in one line, and the commands that help

CloudFormation has 23 statuses. For an operator they fall into seven kinds, and `KINDS` assigns each status to one. The
first failure is looked up in the events of the stack's latest operation; later failures are consequences, such as
"Resource creation cancelled".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

STACK_TYPE = "AWS::CloudFormation::Stack"


class Kind(Enum):
    """Kinds of states; the value is the remedy, with {env} and {stack} to be filled in."""

    ABSENT = "create it: make deploy ENV={env}"
    PLANNED = "`make deploy ENV={env}` creates it, `make destroy ENV={env}` removes the empty entry"
    READY = "nothing is to be done; `make deploy ENV={env}` updates it"
    BUSY = "wait until CloudFormation has finished (its console shows the stack's events), then repeat"
    FAILED_CREATION = (
        "fix the cause, then `make deploy ENV={env}`, which offers to remove the failed stack and deploys again; "
        "`make destroy ENV={env}` only removes it"
    )
    FAILED_UPDATE = (
        "remove the cause, then `make deploy ENV={env}`, which offers to finish the rollback first; by hand: "
        "aws cloudformation continue-update-rollback --stack-name {stack}"
    )
    FAILED_DELETION = (
        "remove the cause and repeat `make destroy ENV={env}`; to leave the resource behind: "
        "aws cloudformation delete-stack --stack-name {stack} --deletion-mode FORCE_DELETE_STACK"
    )


@dataclass(frozen=True)
class Meaning:
    """One status: its kind, the sentence about the past, and the event that began the operation."""

    kind: Kind
    past: str
    began: str = ""


_CREATED = "CREATE_IN_PROGRESS"
_UPDATED = "UPDATE_IN_PROGRESS"

KINDS: Mapping[str, Meaning] = {
    "ABSENT": Meaning(Kind.ABSENT, "does not exist"),
    "REVIEW_IN_PROGRESS": Meaning(Kind.PLANNED, "is empty: its first change set was never executed"),
    "CREATE_COMPLETE": Meaning(Kind.READY, "was created"),
    "UPDATE_COMPLETE": Meaning(Kind.READY, "was updated"),
    "UPDATE_ROLLBACK_COMPLETE": Meaning(Kind.READY, "works as before: its last update failed and was undone", _UPDATED),
    "IMPORT_COMPLETE": Meaning(Kind.READY, "imported resources"),
    "IMPORT_ROLLBACK_COMPLETE": Meaning(Kind.READY, "works as before: its last import failed and was undone"),
    "UPDATE_FAILED": Meaning(Kind.READY, "is half updated: its last update failed and was not undone", _UPDATED),
    "CREATE_FAILED": Meaning(Kind.FAILED_CREATION, "is half created: its first deployment failed", _CREATED),
    "ROLLBACK_COMPLETE": Meaning(
        Kind.FAILED_CREATION, "is empty: its first deployment failed and was undone", _CREATED
    ),
    "ROLLBACK_FAILED": Meaning(
        Kind.FAILED_CREATION, "is half created: its first deployment failed and could not be undone", _CREATED
    ),
    "UPDATE_ROLLBACK_FAILED": Meaning(
        Kind.FAILED_UPDATE, "is stuck: an update failed and could not be undone", "UPDATE_ROLLBACK_IN_PROGRESS"
    ),
    "IMPORT_ROLLBACK_FAILED": Meaning(
        Kind.FAILED_UPDATE, "is stuck: an import failed and could not be undone", "IMPORT_ROLLBACK_IN_PROGRESS"
    ),
    "DELETE_FAILED": Meaning(Kind.FAILED_DELETION, "is half deleted: its deletion failed", "DELETE_IN_PROGRESS"),
}


@dataclass(frozen=True)
class Failure:
    """The resource that failed first, and CloudFormation's reason."""

    resource: str
    type: str
    reason: str

    def __str__(self) -> str:
        return f"{self.resource} ({self.type}): {self.reason}"


@dataclass(frozen=True)
class StackState:
    """State of one stack; `stack_id` also finds it after its deletion."""

    name: str
    status: str
    stack_id: str = ""
    protected: bool = False
    failure: Failure | None = None
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def kind(self) -> Kind:
        """The kind of the status. An unknown status counts as in progress, so that no command acts on it."""
        return KINDS[self.status].kind if self.status in KINDS else Kind.BUSY

    def describe(self) -> str:
        """Return one line: the state, and the cause if there is one."""
        past = KINDS[self.status].past if self.status in KINDS else "is being changed"
        status = "" if self.kind is Kind.ABSENT else f" ({self.status})"
        cause = f". The cause: {self.failure}" if self.failure else ""
        return f"the stack {self.name} {past}{status}{cause.rstrip('.')}"

    def explain(self, env: str) -> str:
        """Return one line: the state, the cause if there is one, and the remedy for the environment `env`."""
        return f"{self.describe()}. Remedy: {self.kind.value.format(env=env, stack=self.name)}"


def read_state(client: CloudFormationClient, stack_name: str) -> StackState:
    """Return the state of the stack with this name or id; ABSENT if there is none."""
    try:
        stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return StackState(stack_name, "ABSENT")
    status, stack_id = stack["StackStatus"], stack.get("StackId", stack_name)
    if status == "DELETE_COMPLETE":
        return StackState(stack["StackName"], "ABSENT", stack_id)
    return StackState(
        stack["StackName"],
        status,
        stack_id,
        stack.get("EnableTerminationProtection", False),
        first_failure(client, stack_id, status),
        {each.get("ParameterKey", ""): each.get("ParameterValue", "") for each in stack.get("Parameters", [])},
    )


def first_failure(client: CloudFormationClient, stack_id: str, status: str) -> Failure | None:
    """Return the first failure of the operation that led to `status`, or None if the status is not a failure."""
    began = KINDS[status].began if status in KINDS else ""
    if not began:
        return None
    failed: dict[str, Any] | None = None
    for event in _newest_first(client, stack_id):
        of_stack = event.get("ResourceType") == STACK_TYPE
        if not of_stack and event.get("ResourceStatus", "").endswith("FAILED") and not _is_consequence(event):
            failed = event
        if of_stack and event.get("PhysicalResourceId") == stack_id and event.get("ResourceStatus") == began:
            break
    if failed is None:
        return None
    reason = failed.get("ResourceStatusReason", "CloudFormation gives no reason")
    return Failure(failed.get("LogicalResourceId", ""), failed.get("ResourceType", ""), " ".join(reason.split()))


def _newest_first(client: CloudFormationClient, stack_id: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            yield {**event}


def _is_consequence(event: Mapping[str, Any]) -> bool:
    return "cancelled" in event.get("ResourceStatusReason", "")
