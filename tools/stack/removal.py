"""Deletion of a stack in any state: `make destroy ENV=dev`, and the clean-up of a failed first deployment.

    destroy("dev", "chatkit-dev")               # list, ask for the name, delete, list what remains
    remove("dev", read_state(...))              # the same without the question; for callers that have asked

The lists come from CloudFormation (resources and the deletion policies of the deployed template), not from outputs,
which a failed stack does not have. Nothing is changed before the operator has typed the stack's name: until then, the
site keeps its files and a production stack its termination protection. Code that was uploaded under the stack's own
prefix of SAM's bucket is deleted with the stack; other stacks use other prefixes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from botocore.exceptions import ClientError

from tools.stack.clients import operator_client
from tools.stack.operator import DeploymentError
from tools.stack.questions import Ask, ask, confirm_name
from tools.stack.states import Kind, StackState, read_state
from tools.stack.template import read_template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

SAM_BUCKET_STACK = "aws-sam-cli-managed-default"
RETAINED = ("Retain", "RetainExceptOnCreate")
GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
PERSONAL = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Cognito::UserPool", "AWS::Logs::LogGroup")
"""Types of resources that contain personal data."""
NOT_SHOWN = ("AWS::IAM::", "AWS::Lambda::", "AWS::CloudWatch::Alarm", "AWS::S3::BucketPolicy", "AWS::ApiGateway::")
"""Types that only serve others; the list counts them."""
DELETE_LIMIT_SECONDS = 3600
POLL_SECONDS = 3.0

Client = Callable[[str], Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Resource:
    """One resource of a stack; `retained` if the template keeps it when the stack is deleted."""

    logical_id: str
    type: str
    physical_id: str
    retained: bool

    def __str__(self) -> str:
        personal = self.type in PERSONAL and (self.retained or self.type == "AWS::Logs::LogGroup")
        note = "  (personal data)" if personal else ""
        return f"{self.logical_id:<16} {self.type:<32} {self.physical_id}{note}"


@dataclass(frozen=True)
class Inventory:
    """The existing resources of a stack, and where its uploaded code is (bucket and prefix), if known."""

    resources: tuple[Resource, ...]
    code: tuple[str, str] | None = None

    @property
    def remaining(self) -> list[Resource]:
        """Resources that outlive the stack."""
        return [each for each in self.resources if each.retained]

    @property
    def going(self) -> list[Resource]:
        """Resources that are deleted with the stack."""
        return [each for each in self.resources if not each.retained]

    def describe(self) -> str:
        """Return both lists as text."""
        shown = [each for each in self.going if not each.type.startswith(NOT_SHOWN)]
        lines = [
            "These are deleted:" if self.going else "Only the empty stack is deleted.",
            *(f"  {each}" for each in shown),
        ]
        if hidden := len(self.going) - len(shown):
            lines.append(f"  and {hidden} functions, roles, permissions, policies and alarms")
        if self.code and self.going:
            lines.append(f"  uploaded code    s3://{'/'.join(self.code)}/")
        return "\n".join([*lines, *self.describe_remaining()])

    def describe_remaining(self) -> list[str]:
        """Return the list of resources that remain, as lines."""
        if not self.remaining:
            return ["Nothing remains."]
        return [
            "These remain with their data, and cost money, until you delete them (docs/operate/accidents.md):",
            *(f"  {each}" for each in self.remaining),
        ]


def destroy(env: str, stack_name: str, *, client: Client = operator_client, ask: Ask = ask, say: Say = print) -> None:
    """List what is deleted and what remains, ask for the stack's name, and delete the stack, whatever its state.

    `CONFIRM=<stack name>` in the environment replaces the answer. Raises DeploymentError if the stack does not exist,
    is being changed, is not confirmed, or cannot be deleted; the message names cause and remedy.
    """
    with closing(client("cloudformation")) as cloudformation:
        state = read_state(cloudformation, stack_name)
        if state.kind in (Kind.ABSENT, Kind.BUSY):
            raise DeploymentError(state.explain(env))
        say(state.describe())
        say(take_inventory(cloudformation, state).describe())
        if not confirm_name(state.name, ask):
            raise DeploymentError(
                f"nothing was deleted, because the stack's name was not typed; in scripts: CONFIRM={state.name}"
            )
    remove(env, state, client=client, say=say)


def remove(env: str, state: StackState, *, client: Client = operator_client, say: Say = print) -> None:
    """Delete a stack without a question, and print what remains.

    Turns termination protection off, empties the buckets that go with the stack, deletes the stack, waits, and deletes
    its uploaded code. Raises DeploymentError with the first resource that could not be deleted and its reason.
    """
    with closing(client("cloudformation")) as cloudformation, closing(client("s3")) as s3:
        inventory = take_inventory(cloudformation, state)
        if state.protected:
            cloudformation.update_termination_protection(StackName=state.name, EnableTerminationProtection=False)
        for bucket in inventory.going:
            if bucket.type == "AWS::S3::Bucket":
                delete_objects(s3, bucket.physical_id)
        slow = any(each.type == "AWS::CloudFront::Distribution" for each in inventory.going)
        say(f"· deleting {state.name}{'; CloudFront takes some minutes' if slow else ''}")
        cloudformation.delete_stack(StackName=state.stack_id or state.name)
        _wait_until_deleted(cloudformation, env, state)
        if inventory.code:
            delete_objects(s3, inventory.code[0], f"{inventory.code[1]}/")
    say(f"· {state.name} is deleted")
    say("\n".join(inventory.describe_remaining()))


def take_inventory(client: CloudFormationClient, state: StackState) -> Inventory:
    """Return the stack's existing resources with their fate, and the place of its uploaded code."""
    policies = _deletion_policies(client, state)
    found = tuple(
        Resource(
            each["LogicalResourceId"],
            each["ResourceType"],
            each.get("PhysicalResourceId", ""),
            policies.get(each["LogicalResourceId"]) in RETAINED and not _is_of_parent(each["ResourceType"]),
        )
        for each in _resources(client, state)
        if each["ResourceStatus"] not in GONE and each.get("PhysicalResourceId")
    )
    return Inventory(found, _uploaded_code(client, state.name))


def _is_of_parent(resource_type: str) -> bool:
    """Published versions have the policy Retain, but Lambda deletes them with their function."""
    return resource_type == "AWS::Lambda::Version"


def _resources(client: CloudFormationClient, state: StackState) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator("list_stack_resources").paginate(StackName=state.stack_id or state.name):
        yield from page["StackResourceSummaries"]


def _deletion_policies(client: CloudFormationClient, state: StackState) -> dict[str, str]:
    """Return the policies of the deployed template; those of template.yaml if the stack has none yet."""
    try:
        body: Any = client.get_template(StackName=state.stack_id or state.name, TemplateStage="Processed")[
            "TemplateBody"
        ]
    except ClientError:
        body = read_template()
    template: Any = _parsed(body) if isinstance(body, str) else body
    resources: Mapping[str, Mapping[str, Any]] = template.get("Resources", {})
    return {name: each.get("DeletionPolicy", "Delete") for name, each in resources.items()}


def _parsed(body: str) -> Any:
    return json.loads(body) if body.lstrip().startswith("{") else yaml.safe_load(body)


def _uploaded_code(client: CloudFormationClient, stack_name: str) -> tuple[str, str] | None:
    """Return SAM's bucket and the stack's prefix in it, which is the stack's name (samconfig.toml, s3_prefix)."""
    try:
        stack = client.describe_stacks(StackName=SAM_BUCKET_STACK)["Stacks"][0]
    except ClientError:
        return None
    outputs = {each.get("OutputKey"): each.get("OutputValue", "") for each in stack.get("Outputs", [])}
    bucket = outputs.get("SourceBucket")
    return (bucket, stack_name) if bucket else None


def delete_objects(s3: S3Client, bucket: str, prefix: str = "") -> None:
    """Delete all objects and versions of `bucket` under `prefix`. A bucket that does not exist is empty."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            keys: list[ObjectIdentifierTypeDef] = [
                {"Key": each.get("Key", ""), "VersionId": each.get("VersionId", "null")}
                for each in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
            ]
            if keys:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    except s3.exceptions.NoSuchBucket:
        return


def _wait_until_deleted(client: CloudFormationClient, env: str, before: StackState) -> None:
    limit = time.monotonic() + DELETE_LIMIT_SECONDS
    started = False
    while time.monotonic() < limit:
        now = read_state(client, before.stack_id or before.name)
        started = started or now.status != before.status  # at first, a second attempt may show the old DELETE_FAILED
        if now.kind is Kind.ABSENT:
            return
        if started and now.kind is Kind.FAILED_DELETION:
            raise DeploymentError(now.explain(env))
        time.sleep(POLL_SECONDS)
    raise DeploymentError(f"CloudFormation is still deleting {before.name}: repeat make destroy ENV={env} later")
