"""A CloudFormation stack as `DescribeStacks` returns it, with outputs and parameters by name.

described = describe(cloudformation, "chatkit-dev")
described.outputs["SiteUrl"], described.parameters["SiteOrigin"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient


@dataclass(frozen=True)
class Description:
    """State of one stack; `status` is CloudFormation's, e.g. UPDATE_COMPLETE."""

    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]


def describe(client: CloudFormationClient, stack_name: str) -> Description:
    """Return the stack's description. Raises botocore's ClientError when the stack does not exist."""
    stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    return Description(
        stack["StackStatus"],
        {each.get("OutputKey", ""): each.get("OutputValue", "") for each in stack.get("Outputs", [])},
        {each.get("ParameterKey", ""): each.get("ParameterValue", "") for each in stack.get("Parameters", [])},
    )
