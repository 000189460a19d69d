"""A change set that is shown, executed or discarded."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from tools.stack.changes import ChangeSet, changed_values
from tools.stack.operator import DeploymentError
from tools.stack.parameters import Origin, Value


class Stack:
    """CloudFormation with one stack whose status follows `statuses` after a change set was executed."""

    def __init__(self, *statuses: str, events: list[dict[str, Any]] | None = None) -> None:
        self.statuses = list(statuses)
        self.events = events or []
        self.calls: list[str] = []
        self.operation = ""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        return {"Stacks": [{"StackStatus": status}]}

    def get_paginator(self, operation: str) -> Stack:
        self.operation = operation
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        if self.operation == "describe_stack_events":
            return [{"StackEvents": self.events if "execute" in self.calls else self.events[-1:]}]
        change = {"Action": "Modify", "LogicalResourceId": "Table", "ResourceType": "AWS::DynamoDB::Table"}
        return [
            {"Changes": [{"ResourceChange": {**change, "Replacement": "True"}}]},
            {"Changes": [{"ResourceChange": {**change, "LogicalResourceId": "Second page"}}]},
        ]

    def execute_change_set(self, **_: str) -> None:
        self.calls.append("execute")

    def delete_change_set(self, **_: str) -> None:
        self.calls.append("delete change set")

    def delete_stack(self, **_: str) -> None:
        self.calls.append("delete stack")


def change_set(stack: Any) -> ChangeSet:
    return ChangeSet.read(stack, "arn", "chatkit-dev")


def event(number: int, status: str, resource: str, reason: str = "") -> dict[str, Any]:
    return {
        "EventId": str(number),
        "ResourceStatus": status,
        "LogicalResourceId": resource,
        "ResourceStatusReason": reason,
    }


def text(table: Any) -> str:
    console = Console(width=120, record=True, quiet=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_the_table_has_all_pages_and_shows_replacements() -> None:
    shown = text(change_set(Stack("UPDATE_COMPLETE")).table())

    assert "Modify, replaces it" in shown
    assert "Second page" in shown


def test_changed_values_show_before_after_and_origin() -> None:
    values = [
        Value("Stage", "dev", Origin.STACK),
        Value("SnapStart", "on", Origin.GIVEN),
        Value("DomainName", "", Origin.GIVEN),
    ]

    shown = text(changed_values({"Stage": "dev", "SnapStart": "off", "DomainName": "a.example"}, values))

    assert "Stage" not in shown
    assert "off" in shown
    assert "(empty)" in shown
    assert "PARAMS" in shown
    assert changed_values({"Stage": "dev"}, values[:1]) is None


@pytest.mark.promise("D2")
@pytest.mark.parametrize(
    ("status", "calls"),
    [
        ("UPDATE_COMPLETE", ["delete change set"]),
        ("REVIEW_IN_PROGRESS", ["delete change set", "delete stack"]),
    ],
)
def test_a_declined_one_leaves_nothing_behind(status: str, calls: list[str]) -> None:
    stack = Stack(status)

    change_set(stack).discard()

    assert stack.calls == calls


def test_execution_reports_final_states_in_order_and_waits_for_the_clean_up() -> None:
    events = [
        event(3, "UPDATE_COMPLETE", "chatkit-dev"),
        event(2, "UPDATE_COMPLETE", "Table"),
        event(1, "UPDATE_IN_PROGRESS", "Table"),
        event(0, "UPDATE_FAILED", "Table", "an earlier deployment"),
    ]
    stack = Stack("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", events=events)
    lines: list[str] = []

    change_set(stack).execute(lines.append)

    assert lines == ["UPDATE_COMPLETE Table", "UPDATE_COMPLETE chatkit-dev"]
    assert stack.statuses == ["UPDATE_COMPLETE"]


def test_a_failure_names_its_first_cause() -> None:
    events = [
        event(4, "UPDATE_ROLLBACK_COMPLETE", "chatkit-dev"),
        event(3, "UPDATE_FAILED", "ChatFunction", "Resource update cancelled"),
        event(2, "UPDATE_FAILED", "UserPoolDomain", "Domain already exists."),
        event(1, "UPDATE_COMPLETE", "chatkit-dev"),
    ]
    stack = Stack("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", events=events)

    with pytest.raises(DeploymentError, match=r"UPDATE_ROLLBACK_COMPLETE.*UserPoolDomain: Domain already exists"):
        change_set(stack).execute(lambda line: None)
