"""CloudFormation can create a stack with each value that a parameter allows."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tools.local.aws import STACK_NAME, LocalStack, deploy, outputs_of
from tools.local.ministack import MiniStack

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b-2c3d"


def resources(aws: MiniStack) -> dict[str, str]:
    """Return the types of all existing resources by logical id."""
    with closing(aws.client("cloudformation")) as client:
        found = client.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return {each["LogicalResourceId"]: each["ResourceType"] for each in found}


def origin_of_the_api(aws: MiniStack) -> dict[str, Any]:
    with closing(aws.client("cloudfront")) as client:
        config = client.get_distribution(Id=outputs_of(aws)["DistributionId"])["Distribution"]["DistributionConfig"]
    (origin,) = (each for each in config["Origins"]["Items"] if each["Id"] == "api")
    return origin


def test_by_default_the_edge_goes_to_the_function_url(aws: MiniStack, stack: LocalStack) -> None:
    origin = origin_of_the_api(aws)

    assert ".lambda-url.eu-west-1." in origin["DomainName"]
    assert origin["OriginAccessControlId"]
    assert {"EdgeInvokesUrl", "EdgeInvokesFunction"} <= resources(aws).keys()
    assert "AWS::ApiGateway::RestApi" not in resources(aws).values()


def test_entry_rest_api_puts_the_gateway_before_the_function(aws: MiniStack, stack: LocalStack) -> None:
    deploy(aws, {"Entry": "rest-api"})
    origin, made = origin_of_the_api(aws), resources(aws)
    deploy(aws)

    assert ".execute-api.eu-west-1." in origin["DomainName"]
    assert origin["OriginPath"] == "/live"
    assert not origin.get("OriginAccessControlId")
    assert made["RestApi"] == "AWS::ApiGateway::RestApi"
    assert "RestApiInvokesFunction" in made
    assert not {"EdgeInvokesUrl", "EdgeInvokesFunction"} & made.keys()


def test_a_domain_of_ones_own_is_the_sites_address_everywhere(aws: MiniStack, stack: LocalStack) -> None:
    changed = deploy(aws, {"DomainName": "chat.example.com", "CertificateArn": CERTIFICATE})
    outputs = outputs_of(aws)
    deploy(aws)

    assert outputs["SiteUrl"] == "https://chat.example.com"
    assert changed.redirect_uri == "https://chat.example.com/"


def test_a_domain_without_a_certificate_is_refused(aws: MiniStack, stack: LocalStack) -> None:
    with pytest.raises(ClientError, match="CertificateArn"):
        deploy(aws, {"DomainName": "chat.example.com"})


@pytest.mark.parametrize(
    "parameters",
    [
        {"AlarmEmail": "ops@example.com"},
        {"SnapStart": "on", "ReservedConcurrency": "5"},
        {"SelfSignUp": "yes", "RequiredGroup": "family"},
        {"Stage": "prod"},
    ],
    ids=lambda parameters: " ".join(parameters),
)
def test_each_other_choice_deploys(aws: MiniStack, stack: LocalStack, parameters: Mapping[str, str]) -> None:
    deploy(aws, parameters)
    made = resources(aws)
    deploy(aws)

    assert ("Alarms" in made) == ("AlarmEmail" in parameters)
