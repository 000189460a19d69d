"""Requirements of companies: a key, a firewall, a boundary, traces, canaries, a budget, and settings that conflict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.template.translation import translate
from tools.stack.template import Template

KEY = "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/acl/12345678-1234-1234-1234-123456789012"
NO_VALUE = {"Ref": "AWS::NoValue"}


def properties(template: Template, name: str) -> dict[str, Any]:
    return template["Resources"][name]["Properties"]


def evaluate(node: Any, parameters: Mapping[str, str]) -> Any:
    """Evaluate the intrinsic functions of rules and conditions."""
    match node:
        case {"Ref": name}:
            return parameters[name]
        case {"Fn::Equals": [left, right]}:
            return evaluate(left, parameters) == evaluate(right, parameters)
        case {"Fn::Not": [inner]}:
            return not evaluate(inner, parameters)
        case {"Fn::And": parts}:
            return all(evaluate(each, parameters) for each in parts)
        case {"Fn::Or": parts}:
            return any(evaluate(each, parameters) for each in parts)
        case {"Fn::Contains": [items, item]}:
            return evaluate(item, parameters) in [evaluate(each, parameters) for each in items]
        case str() | bool() | int():
            return node
        case _:
            raise AssertionError(f"cannot evaluate {node}")


def refused(template: Template, **values: str) -> list[str]:
    """Return the sentences with which CloudFormation refuses these parameters."""
    parameters = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()} | values
    for name, value in values.items():
        assert accepts(template, name, value), f"{name}={value}"
    return [
        assertion["AssertDescription"]
        for rule in template["Rules"].values()
        if evaluate(rule.get("RuleCondition", True), parameters)
        for assertion in rule["Assertions"]
        if not evaluate(assertion["Assert"], parameters)
    ]


def accepts(template: Template, name: str, value: str) -> bool:
    """Return whether a value meets the constraints of a parameter, as CloudFormation checks them."""
    parameter = template["Parameters"][name]
    if "AllowedValues" in parameter:
        return value in parameter["AllowedValues"]
    if parameter["Type"] == "Number":
        return value.isdigit() and parameter["MinValue"] <= int(value) <= parameter["MaxValue"]
    return re.fullmatch(parameter["AllowedPattern"], value) is not None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"DomainName": "chat.example.com"}, "DomainName requires a CertificateArn"),
        (
            {"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1-2"},
            "CertificateArn requires the DomainName that it certifies",
        ),
        ({"BudgetDollars": "100"}, "BudgetDollars requires an AlarmEmail that receives the warning"),
        ({"LocalCallback": "http://localhost:5173", "Stage": "prod"}, "LocalCallback requires Stage=dev"),
    ],
)
def test_conflicting_settings_are_refused_before_a_deployment(
    template: Template, values: dict[str, str], sentence: str
) -> None:
    assert refused(template, **values) == [sentence]


def test_settings_that_belong_together_are_accepted(template: Template) -> None:
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1-2"
    assert refused(template) == []
    assert refused(template, DomainName="chat.example.com", CertificateArn=certificate) == []
    assert refused(template, BudgetDollars="100", AlarmEmail="ops@example.com") == []


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("KmsKeyArn", [KEY, ""], ["alias/mine", "arn:aws:kms:eu-west-1:123456789012:alias/mine", KEY + " "]),
        ("WebAclArn", [ACL, ""], [ACL.replace("us-east-1", "eu-west-1"), ACL.replace("global", "regional")]),
        (
            "PermissionsBoundary",
            ["arn:aws:iam::123456789012:policy/a/b", "arn:aws:iam::aws:policy/PowerUserAccess", ""],
            ["boundary", "arn:aws:iam::123456789012:role/b"],
        ),
        ("BudgetDollars", ["1", "2500", ""], ["0", "-1", "1.5", "$10", "1e3"]),
        ("MemorySize", ["512", "1769", "10240"], ["511", "10241", "", "1 GB"]),
        ("Timeout", ["30", "900"], ["29", "901", "0"]),
        ("Canary", ["off", "Canary10Percent5Minutes"], ["on", "", "AllAtOnce"]),
        ("Tracing", ["on", "off"], ["Active", "true", ""]),
    ],
)
def test_nonsense_is_refused_by_the_parameter(template: Template, name: str, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not accepts(template, name, value)] == []
    assert [value for value in bad if accepts(template, name, value)] == []


def test_every_default_is_accepted(template: Template) -> None:
    for name, parameter in template["Parameters"].items():
        assert accepts(template, name, str(parameter["Default"])), name


class TestKmsKey:
    def test_it_encrypts_everything_that_holds_data(self, template: Template) -> None:
        for table in ("Table", "AssistantTable"):
            condition, with_key, without = properties(template, table)["SSESpecification"]["Fn::If"]
            assert condition == "HasKmsKey"
            assert with_key == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}
            assert without == NO_VALUE  # SSEEnabled without a key would be AWS's key that costs for each request
        (rule,) = properties(template, "Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        condition, with_key, without = rule["ServerSideEncryptionByDefault"]["Fn::If"]
        assert (condition, without) == ("HasKmsKey", {"SSEAlgorithm": "AES256"})
        assert with_key == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}}
        assert rule["BucketKeyEnabled"]["Fn::If"][:2] == ["HasKmsKey", True]
        holders = {"AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"}
        for name, resource in template["Resources"].items():
            if resource["Type"] in holders:
                assert resource["Properties"]["KmsKeyId"]["Fn::If"][:2] == ["HasKmsKey", {"Ref": "KmsKeyArn"}], name

    def test_both_roles_may_use_it_through_the_services_only(self, template: Template) -> None:
        policy = template["Resources"]["KmsKeyAccess"]
        (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]

        assert policy["Condition"] == "HasKmsKey"
        assert policy["Properties"]["Roles"] == [{"Ref": "ChatRole"}, {"Ref": "JanitorRole"}]
        assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
        assert statement["Resource"] == {"Ref": "KmsKeyArn"}
        assert len(statement["Condition"]["StringEquals"]["kms:ViaService"]) == 3


@pytest.fixture(scope="module")
def everything(template: Template) -> dict[str, Any]:
    return translate(template, {"Canary": "Canary10Percent5Minutes", "Entry": "rest-api"})


class TestTranslated:
    """SAM's own resources follow the parameters as well."""

    def test_every_role_has_the_boundary(self, everything: dict[str, Any], template: Template) -> None:
        for resources in (everything, translate(template)):
            roles = {name: each for name, each in resources.items() if each["Type"] == "AWS::IAM::Role"}
            assert len(roles) >= 3
            for name, role in roles.items():
                boundary = role["Properties"].get("PermissionsBoundary")
                assert boundary == {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, NO_VALUE]}, name

    def test_a_canary_rolls_back_on_our_alarms(self, everything: dict[str, Any]) -> None:
        (group,) = [each for each in everything.values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
        alarms = group["Properties"]["AlarmConfiguration"]["Alarms"]

        assert [each["Name"] for each in alarms] == [{"Ref": "ChatErrors"}, {"Ref": "ServerErrors"}]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]
        assert group["Properties"]["ServiceRoleArn"] == {"Fn::GetAtt": ["CanaryRole", "Arn"]}

    def test_without_canary_there_is_no_codedeploy(self, template: Template) -> None:
        types = {each["Type"] for each in translate(template).values()}
        assert not [each for each in types if "CodeDeploy" in each]

    def test_tracing_is_active_with_its_permission(self, everything: dict[str, Any], template: Template) -> None:
        mode = everything["ChatFunction"]["Properties"]["TracingConfig"]["Mode"]
        assert mode == {"Fn::If": ["HasTracing", "Active", "PassThrough"]}
        assert template["Resources"]["TracingAccess"]["Condition"] == "HasTracing"


def test_the_firewall_is_in_front_of_site_and_api(template: Template) -> None:
    config = properties(template, "Distribution")["DistributionConfig"]
    assert config["WebACLId"] == {"Fn::If": ["HasWebAcl", {"Ref": "WebAclArn"}, NO_VALUE]}


def test_the_budget_warns_before_and_by_forecast(template: Template) -> None:
    budget = properties(template, "Budget")
    kinds = [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in budget["NotificationsWithSubscribers"]
    ]
    assert kinds == [("ACTUAL", 80), ("FORECASTED", 100)]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "BudgetDollars"}, "Unit": "USD"}


def test_refusals_of_api_gateway_can_be_read_by_other_origins(template: Template) -> None:
    body = properties(template, "RestApi")["DefinitionBody"]
    condition, responses, without = body["x-amazon-apigateway-gateway-responses"]["Fn::If"]

    assert (condition, without) == ("HasAllowedOrigins", NO_VALUE)
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        headers = responses[kind]["responseParameters"]
        assert headers["gatewayresponse.header.access-control-allow-origin"] == "'*'"


def test_the_page_may_use_the_microphone_and_no_other_device(template: Template) -> None:
    config = properties(template, "SecurityHeaders")["ResponseHeadersPolicyConfig"]
    headers = {each["Header"]: each["Value"] for each in config["CustomHeadersConfig"]["Items"]}

    assert headers["cross-origin-opener-policy"] == "same-origin"
    allowed = dict(re.findall(r"([a-z-]+)=(\([^)]*\))", headers["permissions-policy"]))
    assert allowed.pop("microphone") == '(self "https://cdn.platform.openai.com")'
    assert set(allowed.values()) == {"()"}
    assert {"camera", "geolocation", "payment"} <= allowed.keys()
