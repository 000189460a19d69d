"""Properties of template.yaml: streaming, retained data, least privilege, closed buckets and a public client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tools.stack.publish import SUPERSEDED
from tools.stack.settings import lifecycle_rule
from tools.stack.template import UNKNOWN_LOCALLY, Template, packaged

ROLES = ("ChatRole", "JanitorRole", "SignInRole")
SITE = {"Fn::If": ["HasDomain", {"Fn::Sub": "https://${DomainName}"}, {"Ref": "SiteOrigin"}]}
NOTHING = {"Ref": "AWS::NoValue"}
LOCAL_PAGE = {"Fn::If": ["HasLocalCallback", {"Ref": "LocalCallback"}, NOTHING]}


def properties(template: Template, resource: str) -> dict[str, Any]:
    return template["Resources"][resource]["Properties"]


def statements(template: Template, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in properties(template, role)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def references(node: Any) -> Iterator[str]:
    """Yield the names in all Ref and Fn::Sub of `node`."""
    if isinstance(node, dict):
        if "Ref" in node:
            yield node["Ref"]
        if "Fn::Sub" in node:
            text = node["Fn::Sub"] if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"][0]
            yield from (part.partition("}")[0] for part in text.split("${")[1:])
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def has_intrinsics(node: Any) -> bool:
    if isinstance(node, dict):
        return any(name == "Ref" or name.startswith("Fn::") for name in node) or any(map(has_intrinsics, node.values()))
    return isinstance(node, list) and any(map(has_intrinsics, node))


class TestParameters:
    def test_each_is_described_constrained_and_used(self, template: Template) -> None:
        used = set(references([template["Resources"], template["Conditions"], template["Outputs"]]))

        for name, parameter in template["Parameters"].items():
            assert parameter["Description"], name
            assert {"AllowedValues", "AllowedPattern", "MaxValue"} & parameter.keys(), name
            assert "AllowedValues" in parameter or parameter.get("ConstraintDescription"), name
            assert name in used, f"{name} is not used"

    def test_the_console_groups_each(self, template: Template) -> None:
        groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

        assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])


class TestChatFunction:
    @pytest.mark.promise("L1")
    def test_streams_through_the_layers_runtime(self, template: Template) -> None:
        function = properties(template, "ChatFunction")

        assert function["FunctionUrlConfig"] == {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"}
        assert function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"
        assert function["Layers"] == [{"Ref": "StreamingLayer"}, {"Ref": "DependenciesLayer"}]
        assert function["AutoPublishAlias"] == "live"
        assert function["Handler"] == "chat_api.handler.handler"

    def test_runtime_architecture_and_layers_agree(self, template: Template) -> None:
        function = template["Globals"]["Function"]

        for layer in ("StreamingLayer", "DependenciesLayer"):
            assert properties(template, layer)["CompatibleRuntimes"] == [function["Runtime"]]
            assert properties(template, layer)["CompatibleArchitectures"] == function["Architectures"]
            assert [template["Resources"][layer]["Metadata"]["BuildArchitecture"]] == function["Architectures"]

    def test_the_process_runs_in_utc(self, template: Template) -> None:
        for function in ("ChatFunction", "JanitorFunction"):
            assert properties(template, function)["Environment"]["Variables"]["TZ"] == "UTC"

    def test_no_secret_is_in_the_environment(self, template: Template) -> None:
        variables = properties(template, "ChatFunction")["Environment"]["Variables"]

        assert "OPENAI_API_KEY" not in variables
        assert "SecretString" not in properties(template, "OpenAISecret")


class TestJanitor:
    def test_its_role_reads_the_stream_it_follows(self, template: Template) -> None:
        """The actions are those of SAM's DynamoDBStreamReadPolicy. The Lambda service uses them, not the function."""
        event = properties(template, "JanitorFunction")["Events"]["Removed"]["Properties"]
        read, find = (
            next(each for each in statements(template, "JanitorRole") if each["Sid"] == sid)
            for sid in ("ReadStream", "FindStream")
        )

        assert read["Resource"] == event["Stream"] == {"Fn::GetAtt": ["Table", "StreamArn"]}
        assert read["Action"] == ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
        assert find["Action"] == "dynamodb:ListStreams"

    def test_a_failing_batch_is_split_reported_and_kept(self, template: Template) -> None:
        event = properties(template, "JanitorFunction")["Events"]["Removed"]["Properties"]

        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert event["BisectBatchOnFunctionError"] is True
        assert event["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["Bucket", "Arn"]}}}
        assert all(json.loads(each["Pattern"]) for each in event["FilterCriteria"]["Filters"])

    def test_lambda_does_not_stop_the_rounds_of_a_large_thread(self, template: Template) -> None:
        assert properties(template, "JanitorFunction")["RecursiveLoop"] == "Allow"


class TestData:
    @pytest.mark.parametrize("resource", ["Table", "Bucket", "UserPool", "OpenAISecret"])
    def test_survives_stack_and_replacement(self, template: Template, resource: str) -> None:
        assert template["Resources"][resource]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert template["Resources"][resource]["UpdateReplacePolicy"] == "Retain"

    def test_production_cannot_delete_table_or_pool(self, template: Template) -> None:
        assert properties(template, "Table")["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}
        assert properties(template, "UserPool")["DeletionProtection"] == {"Fn::If": ["IsProd", "ACTIVE", "INACTIVE"]}

    def test_table_is_backed_up(self, template: Template) -> None:
        table = properties(template, "Table")

        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}

    @pytest.mark.parametrize(
        ("resource", "name"),
        [
            ("Table", "TimeToLiveSpecification"),
            ("Table", "PointInTimeRecoverySpecification"),
            ("Bucket", "LifecycleConfiguration"),
        ],
    )
    def test_what_the_local_stack_applies_itself_is_literal(self, template: Template, resource: str, name: str) -> None:
        assert not has_intrinsics(properties(template, resource)[name])


class TestBucket:
    @pytest.mark.parametrize("name", ["Bucket", "SiteBucket"])
    def test_is_closed_to_the_public(self, template: Template, name: str) -> None:
        bucket = properties(template, name)

        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}

    @pytest.mark.parametrize("policy", ["BucketPolicy", "SiteBucketPolicy"])
    def test_refuses_plain_http(self, template: Template, policy: str) -> None:
        statement = properties(template, policy)["PolicyDocument"]["Statement"][0]

        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_only_superseded_assets_of_the_site_expire(self, template: Template) -> None:
        """The current assets are as old as the last `make publish`, so a rule by age alone would delete the page."""
        (rule,) = properties(template, "SiteBucket")["LifecycleConfiguration"]["Rules"]

        assert rule["Prefix"] == "assets/"
        assert [{each["Key"]: each["Value"]} for each in rule["TagFilters"]] == [SUPERSEDED]
        assert rule["ExpirationInDays"] == properties(template, "UserPoolClient")["RefreshTokenValidity"]

    def test_takes_uploads_from_the_site_and_from_chatkits_frame(self, template: Template) -> None:
        (rule,) = properties(template, "Bucket")["CorsConfiguration"]["CorsRules"]

        assert rule["AllowedOrigins"] == [SITE, LOCAL_PAGE, "https://cdn.platform.openai.com"]
        assert "PUT" in rule["AllowedMethods"]


class TestUserPoolClient:
    def test_is_public_and_signs_in_by_code_or_srp_only(self, template: Template) -> None:
        client = properties(template, "UserPoolClient")

        assert client["GenerateSecret"] is False
        assert client["AllowedOAuthFlows"] == ["code"]
        assert {"Fn::If": ["HasLocalUsers", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"]} in client["ExplicitAuthFlows"]
        assert "PASSWORD" not in json.dumps(client["ExplicitAuthFlows"])
        assert client["PreventUserExistenceErrors"] == "ENABLED"
        assert client["EnableTokenRevocation"] is True

    def test_returns_to_the_site_only(self, template: Template) -> None:
        client = properties(template, "UserPoolClient")

        own, site = ({"Fn::Sub": f"{origin}/"} for origin in ("https://${DomainName}", "${SiteOrigin}"))
        local = {"Fn::If": ["HasLocalCallback", {"Fn::Sub": "${LocalCallback}/"}, NOTHING]}
        assert client["CallbackURLs"] == client["LogoutURLs"] == [{"Fn::If": ["HasDomain", own, site]}, local]

    def test_returns_to_a_developers_machine_in_dev_only(self, template: Template) -> None:
        rule = template["Rules"]["LocalCallbackIsForDevelopment"]
        in_dev = {"Fn::Equals": [{"Ref": "Stage"}, "dev"]}

        assert rule["Assertions"][0]["Assert"] == in_dev
        assert in_dev in template["Conditions"]["HasLocalCallback"]["Fn::And"]
        assert template["Parameters"]["LocalCallback"]["Default"] == ""

    @pytest.mark.parametrize(
        ("origin", "accepted"),
        [
            ("", True),
            ("http://localhost:5173", True),
            ("http://localhost:5173/", False),
            ("http://localhost", False),
            ("https://evil.example", False),
            ("http://localhost:5173.evil.example", False),
            ("http://localhost:5173@evil.example", False),
        ],
    )
    def test_a_local_callback_is_on_localhost(self, template: Template, origin: str, accepted: bool) -> None:
        pattern = template["Parameters"]["LocalCallback"]["AllowedPattern"]

        assert bool(re.fullmatch(pattern, origin)) is accepted

    def test_only_an_operator_creates_users_unless_a_parameter_says_otherwise(self, template: Template) -> None:
        pool = properties(template, "UserPool")

        assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": {"Fn::If": ["IsOpen", False, True]}}
        assert template["Conditions"]["IsOpen"] == {"Fn::Equals": [{"Ref": "SelfSignUp"}, "yes"]}
        assert template["Parameters"]["SelfSignUp"]["Default"] == "no"

    def test_passwords_are_long(self, template: Template) -> None:
        assert properties(template, "UserPool")["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12


@pytest.mark.parametrize("role", ROLES)
class TestRoles:
    def test_every_statement_has_its_own_name(self, template: Template, role: str) -> None:
        names = [statement["Sid"] for statement in statements(template, role)]

        assert len(set(names)) == len(names)

    @pytest.mark.promise("H15")
    def test_audit_records_can_only_be_added(self, template: Template, role: str) -> None:
        table = {"Fn::GetAtt": ["Table", "Arn"]}
        denied = [each for each in statements(template, role) if each["Effect"] == "Deny"]
        allowed = {
            action
            for each in statements(template, role)
            if each["Effect"] == "Allow" and table in as_list(each["Resource"])
            for action in as_list(each["Action"])
        }
        assert bool(denied) == bool(allowed)
        for each in denied:
            assert each["Condition"] == {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["AUDIT", "AUDIT#*"]}}
            assert table in each["Resource"]
            assert allowed - set(each["Action"]) <= {"dynamodb:PutItem", "dynamodb:ConditionCheckItem"}

    def test_no_wildcards(self, template: Template, role: str) -> None:
        for statement in statements(template, role):
            for action in as_list(statement["Action"]):
                assert "*" not in action, action
            for resource in as_list(statement["Resource"]):
                assert isinstance(resource, dict), f"{statement['Sid']} names no resource of this stack"

    def test_nothing_may_scan_or_change_the_table(self, template: Template, role: str) -> None:
        actions = {action for statement in statements(template, role) for action in as_list(statement["Action"])}

        assert not actions & {"dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "s3:DeleteBucket"}

    def test_only_lambda_takes_the_role(self, template: Template, role: str) -> None:
        (statement,) = properties(template, role)["AssumeRolePolicyDocument"]["Statement"]

        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


class TestTemplateAsData:
    def test_packaging_replaces_local_paths_only(self, template: Template) -> None:
        package = packaged(template, "bucket", "key")

        for name, resource in template["Resources"].items():
            if resource["Type"] in UNKNOWN_LOCALLY:
                assert name not in package["Resources"]
                continue
            for field, value in resource["Properties"].items():
                wanted = {"Bucket": "bucket", "Key": "key"} if field in ("CodeUri", "ContentUri") else value
                assert package["Resources"][name]["Properties"][field] == wanted

    def test_lifecycle_rules_keep_prefix_and_days(self) -> None:
        rule = lifecycle_rule({"Id": "a", "Status": "Enabled", "Prefix": "pending/", "ExpirationInDays": 1})

        assert rule == {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "pending/"}, "Expiration": {"Days": 1}}
