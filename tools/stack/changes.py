"""The change set of one deployment: shown before it is executed, discarded when the operator declines it.

changes = ChangeSet.read(cloudformation, arn)
console.print(changes.table())
changes.execute(print)          # returns when the stack is complete; raises DeploymentError when it is rolled back
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from rich.table import Table

from tools.stack.description import describe
from tools.stack.operator import DeploymentError
from tools.stack.parameters import Value

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

POLL_SECONDS = (0.1, 3.0)
"""The first and the longest pause between two looks at the stack."""
LIMIT_SECONDS = 3600
KEPT = frozenset({"AWS::Lambda::Version"})
"""Types that a stack removes from its list and does not delete."""


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed; `changes` are CloudFormation's ResourceChange records."""

    client: CloudFormationClient
    arn: str
    stack_name: str
    changes: tuple[Mapping[str, Any], ...]

    @classmethod
    def read(cls, client: CloudFormationClient, arn: str, stack_name: str) -> ChangeSet:
        """Return the change set with all its pages."""
        pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=arn, StackName=stack_name)
        changes = [
            each["ResourceChange"] for page in pages for each in page.get("Changes", []) if "ResourceChange" in each
        ]
        return cls(client, arn, stack_name, tuple(changes))

    def table(self) -> Table:
        """Return one row per resource. Replacements, which delete a resource, are conspicuous."""
        table = Table("change", "resource", "type")
        for each in self.changes:
            replaces = each.get("Replacement") == "True"
            action = f"{each.get('Action')}, replaces it" if replaces else str(each.get("Action"))
            gone = each.get("Action") == "Remove" and each.get("ResourceType") not in KEPT
            style = "bold red" if replaces or gone else ""
            table.add_row(action, each.get("LogicalResourceId"), each.get("ResourceType"), style=style)
        return table

    def discard(self) -> None:
        """Delete the change set, and the empty stack that CloudFormation made for it."""
        self.client.delete_change_set(ChangeSetName=self.arn, StackName=self.stack_name)
        if describe(self.client, self.stack_name).status == "REVIEW_IN_PROGRESS":
            self.client.delete_stack(StackName=self.stack_name)

    def execute(self, report: Callable[[str], None]) -> None:
        """Execute the changes and report each resource's final state. Raises DeploymentError when they fail."""
        seen = {event["EventId"] for event in self._events(set(), pages=1)}
        self.client.execute_change_set(ChangeSetName=self.arn, StackName=self.stack_name)
        failures: list[str] = []
        final = ""
        for status in self._statuses():
            for event in self._events(seen):
                seen.add(event["EventId"])
                line = f"{event.get('ResourceStatus')} {event.get('LogicalResourceId')}"
                if "FAILED" in str(event.get("ResourceStatus")):
                    failures.append(f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}")
                if not line.split()[0].endswith("IN_PROGRESS"):
                    report(line)
            final = status
        if final not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            reason = next((each for each in failures if "cancelled" not in each), "see the stack's events")
            raise DeploymentError(f"the deployment failed and {self.stack_name} is {final}. First failure: {reason}")

    def _statuses(self) -> Iterator[str]:
        """Yield the stack's status until it is final."""
        pause, longest = POLL_SECONDS
        limit = time.monotonic() + LIMIT_SECONDS
        while True:
            status = describe(self.client, self.stack_name).status
            yield status
            if not status.endswith("_IN_PROGRESS"):
                return
            if time.monotonic() > limit:
                raise DeploymentError(f"{self.stack_name} is {status} after an hour: see the stack's events")
            time.sleep(pause)
            pause = min(longest, pause * 1.5)

    def _events(self, seen: Collection[str], pages: int | None = None) -> list[Mapping[str, Any]]:
        """Return the events since the last one that was seen, the oldest first. The newest are on the first page."""
        found: list[Mapping[str, Any]] = []
        paginator = self.client.get_paginator("describe_stack_events")
        for page in islice(paginator.paginate(StackName=self.stack_name), pages):
            for event in page["StackEvents"]:
                if event["EventId"] in seen:
                    return found[::-1]
                found.append(event)
        return found[::-1]


def changed_values(before: Mapping[str, str], after: list[Value]) -> Table | None:
    """Return the parameters that get another value, or None."""
    table = Table("parameter", "before", "after", "from")
    for each in after:
        if before.get(each.name) != each.value:
            table.add_row(each.name, before.get(each.name, "-") or "(empty)", each.value or "(empty)", each.origin)
    return table if table.row_count else None
