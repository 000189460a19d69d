"""CloudFormation, S3 and Lambda as commands on one stack see them: a stack in any status, its resources and events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/chatkit-dev/6f1c2e80-cd2a-11f0-8b5e-0affd5bb1fd3"
NAME = "chatkit-dev"
SAM_BUCKET = "aws-sam-cli-managed-default-samclisourcebucket-1"

RESOURCES = (
    ("Table", "AWS::DynamoDB::Table", "RetainExceptOnCreate"),
    ("AssistantTable", "AWS::DynamoDB::Table", "RetainExceptOnCreate"),
    ("Bucket", "AWS::S3::Bucket", "RetainExceptOnCreate"),
    ("UserPool", "AWS::Cognito::UserPool", "RetainExceptOnCreate"),
    ("OpenAISecret", "AWS::SecretsManager::Secret", "RetainExceptOnCreate"),
    ("ChatLogs", "AWS::Logs::LogGroup", "Delete"),
    ("ChatFunction", "AWS::Lambda::Function", "Delete"),
    ("ChatFunctionVersion1", "AWS::Lambda::Version", "Retain"),
    ("SiteBucket", "AWS::S3::Bucket", "Delete"),
    ("UserPoolDomain", "AWS::Cognito::UserPoolDomain", "Delete"),
)


def missing(name: str) -> ClientError:
    """Return CloudFormation's error for a stack that does not exist."""
    message = f"Stack with id {name} does not exist"
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")


def event(resource: str, status: str, reason: str = "", kind: str = "AWS::Cognito::UserPoolDomain") -> dict[str, str]:
    """Return one event of a resource."""
    return {
        "LogicalResourceId": resource,
        "PhysicalResourceId": resource.lower(),
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def stack_event(status: str, reason: str = "") -> dict[str, str]:
    """Return one event of the stack itself."""
    return {**event(NAME, status, reason, "AWS::CloudFormation::Stack"), "PhysicalResourceId": STACK_ID}


class Pages:
    """A paginator that returns one answer per page."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = pages

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        return iter(self.pages)


class OneStack:
    """One stack; `after` lists the statuses that it takes, one per description, once an operation has begun.

    Used as the client of every service. `calls` records each change with its arguments, in order.
    """

    def __init__(
        self,
        status: str,
        events: tuple[dict[str, str], ...] = (),
        after: tuple[str, ...] = (),
        protected: bool = False,
        stage: str = "dev",
        gone: tuple[str, ...] = (),
    ) -> None:
        self.status = status
        self.events = events
        self.after = list(after)
        self.protected = protected
        self.stage = stage
        self.gone = gone
        self.begun = False
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.exceptions = self

    NoSuchBucket = KeyError

    def __call__(self, service: str) -> OneStack:
        return self

    def close(self) -> None:
        pass

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName == "aws-sam-cli-managed-default":
            return {"Stacks": [{"Outputs": [{"OutputKey": "SourceBucket", "OutputValue": SAM_BUCKET}]}]}
        if self.begun and self.after:
            self.status = self.after.pop(0)
        if self.status == "ABSENT" or (self.status == "DELETE_COMPLETE" and StackName != STACK_ID):
            raise missing(StackName)
        stack = {
            "StackName": NAME,
            "StackId": STACK_ID,
            "StackStatus": self.status,
            "EnableTerminationProtection": self.protected,
            "Parameters": [{"ParameterKey": "Stage", "ParameterValue": self.stage}],
        }
        return {"Stacks": [stack]}  # without outputs, as in a stack that failed

    def get_paginator(self, operation: str) -> Pages:
        match operation:
            case "describe_stack_events":
                half = len(self.events) // 2
                return Pages({"StackEvents": self.events[:half]}, {"StackEvents": self.events[half:]})
            case "list_stack_resources":
                return Pages({"StackResourceSummaries": [self._summary(name, kind) for name, kind, _ in RESOURCES]})
            case _:
                return Pages({"Versions": [{"Key": "index.html", "VersionId": "null"}]}, {})

    def _summary(self, name: str, kind: str) -> dict[str, str]:
        status = "DELETE_COMPLETE" if name in self.gone else "CREATE_COMPLETE"
        return {
            "LogicalResourceId": name,
            "ResourceType": kind,
            "PhysicalResourceId": f"{NAME}-{name.lower()}",
            "ResourceStatus": status,
        }

    def get_template(self, **_: Any) -> dict[str, Any]:
        return {
            "TemplateBody": {"Resources": {name: {"Type": kind, "DeletionPolicy": p} for name, kind, p in RESOURCES}}
        }

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> None:
        self.calls.append(("delete_objects", {"Bucket": Bucket}))

    def update_termination_protection(self, **arguments: Any) -> None:
        self.calls.append(("update_termination_protection", arguments))
        self.protected = arguments["EnableTerminationProtection"]

    def delete_stack(self, **arguments: Any) -> None:
        assert not self.protected
        self.calls.append(("delete_stack", arguments))
        self.begun = True

    def continue_update_rollback(self, **arguments: Any) -> None:
        self.calls.append(("continue_update_rollback", arguments))
        self.begun = True

    @property
    def changes(self) -> list[str]:
        """Names of the calls that changed something, in order."""
        return [name for name, _ in self.calls]
