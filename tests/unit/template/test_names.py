"""Names that AWS keeps for a whole account or for all accounts: unique for each stack, and within AWS's lengths."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tools.stack.template import Template

LONGEST_STACK_NAME = "s" * 128
LONGEST_REGION = "ap-southeast-7"
OTHER_REGION = "us-east-1"
IDS = ("6f1c2e80-cd2a-11f0-8b5e-0affd5bb1fd3", "6f1c2e81-cd2a-11f0-8b5e-0affd5bb1fd3")
"""Ids of two stacks that one CloudFormation host made: they have most parts in common."""

# https://docs.aws.amazon.com/cloudfront/latest/APIReference/ and the reference of AWS::CloudWatch::Dashboard
LONGEST = {
    "AWS::CloudFront::CachePolicy": 128,
    "AWS::CloudFront::Function": 64,
    "AWS::CloudFront::OriginAccessControl": 64,
    "AWS::CloudFront::OriginRequestPolicy": 128,
    "AWS::CloudFront::ResponseHeadersPolicy": 128,
    "AWS::CloudWatch::Dashboard": 255,
    "AWS::Budgets::Budget": 100,
    "AWS::IAM::ManagedPolicy": 128,
    "AWS::IAM::Role": 64,
    "AWS::S3::Bucket": 63,
}
NAMES = re.compile(r"^(Name|BucketName|BudgetName|DashboardName|ManagedPolicyName|RoleName)$")
RESERVED = ("aws", "amazon", "cognito")
"""Cognito refuses prefixes with these words:
https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
"""


def resolved(node: Any, stack: str = "chatkit", region: str = OTHER_REGION, uuid: str = IDS[0]) -> str:
    """Evaluate the intrinsic functions of a name."""
    pseudo = {
        "AWS::StackName": stack,
        "AWS::Region": region,
        "AWS::AccountId": "123456789012",
        "AWS::StackId": f"arn:aws:cloudformation:{region}:123456789012:stack/{stack}/{uuid}",
    }

    def value(node: Any) -> Any:
        match node:
            case str():
                return node
            case {"Ref": name}:
                return pseudo[name]
            case {"Fn::Select": [index, items]}:
                return value(items)[int(index)]
            case {"Fn::Split": [separator, text]}:
                return value(text).split(separator)
            case {"Fn::Sub": [text, names]}:
                return _filled(text, {**pseudo, **{name: value(each) for name, each in names.items()}})
            case {"Fn::Sub": text}:
                return _filled(text, pseudo)
            case _:
                raise AssertionError(f"cannot evaluate {node}")

    return value(node)


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{([\w:]+)\}", lambda found: values[found[1]], text)


def account_wide(template: Template) -> dict[str, tuple[str, Any]]:
    """Return type and explicit name of each resource that is named per account."""
    return {
        f"{resource}.{key}": (each["Type"], name)
        for resource, each in template["Resources"].items()
        if each["Type"] in LONGEST
        for key, name in _names(each.get("Properties", {}))
    }


def _names(properties: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the names in `properties` and one level below, where CloudFront's types have them."""
    nested = [each for each in properties.values() if isinstance(each, dict)]
    return [(key, value) for level in (properties, *nested) for key, value in level.items() if NAMES.match(key)]


@pytest.mark.promise("D3")
class TestAccountWideNames:
    def test_every_one_differs_in_a_second_region(self, template: Template) -> None:
        for resource, (_, name) in account_wide(template).items():
            assert resolved(name, region="eu-west-1") != resolved(name, region="us-east-1"), resource

    def test_every_one_fits_for_the_longest_stack_name(self, template: Template) -> None:
        for resource, (kind, name) in account_wide(template).items():
            length = len(resolved(name, stack=LONGEST_STACK_NAME, region=LONGEST_REGION))
            assert length <= LONGEST[kind], f"{resource} has {length} characters"

    def test_none_is_used_twice(self, template: Template) -> None:
        names = [(kind, resolved(name)) for kind, name in account_wide(template).values()]

        assert len(set(names)) == len(names)

    def test_known_ones_are_found(self, template: Template) -> None:
        found = {resource.partition(".")[0] for resource in account_wide(template)}

        assert {"SiteAccess", "FunctionAccess", "SiteViews", "SecurityHeaders", "Dashboard"} <= found

    def test_names_that_hide_the_stack_describe_it(self, template: Template) -> None:
        """The console lists these resources by ids only; their description names the stack."""
        for resource, (_, name) in account_wide(template).items():
            owner = template["Resources"][resource.partition(".")[0]]["Properties"]
            assert "AWS::StackName" in json.dumps([name, owner]), resource


@pytest.mark.promise("D3")
class TestSignInDomain:
    def prefix(self, template: Template, **values: str) -> str:
        return resolved(template["Resources"]["UserPoolDomain"]["Properties"]["Domain"], **values)

    def test_differs_for_stacks_of_one_cloudformation_host(self, template: Template) -> None:
        assert self.prefix(template, uuid=IDS[0]) != self.prefix(template, uuid=IDS[1])

    def test_cognito_accepts_it(self, template: Template) -> None:
        prefix = self.prefix(template, stack=LONGEST_STACK_NAME, region=LONGEST_REGION)

        assert re.fullmatch(r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?", prefix)
        assert not any(word in prefix for word in RESERVED)

    def test_a_stack_name_with_a_reserved_word_is_no_obstacle(self, template: Template) -> None:
        assert not any(word in self.prefix(template, stack="my-aws-chat") for word in RESERVED)
