"""CloudFront, its permissions, the REST API entry and the alarms, in the template as SAM translates it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chat_api.telemetry import SERVICE
from lambda_streaming.wire import ENTRY_VARIABLE, Entry
from tests.unit.template.translation import translate
from tools import ROOT
from tools.stack.template import Template

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
CHATKIT_CDN = "https://cdn.platform.openai.com"


@pytest.fixture(scope="module")
def translated(template: Template) -> dict[str, Any]:
    """All resources after SAM's translation."""
    return translate(template)


@pytest.fixture
def distribution(translated: dict[str, Any]) -> dict[str, Any]:
    return translated["Distribution"]["Properties"]["DistributionConfig"]


def of_type(resources: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: each["Properties"] for key, each in resources.items() if each["Type"] == name}


def alias_of_the_url(translated: dict[str, Any]) -> str:
    (alias,) = of_type(translated, "AWS::Lambda::Alias")
    (url,) = of_type(translated, "AWS::Lambda::Url").values()
    assert url["TargetFunctionArn"] == {"Ref": alias}
    return alias


def origins(distribution: dict[str, Any], entry: str) -> Any:
    """Return the origins for a value of the parameter Entry."""
    return decided(distribution["Origins"], {"IsRestApi": entry == "rest-api", "IsFunctionUrl": entry != "rest-api"})


def decided(node: Any, conditions: dict[str, bool]) -> Any:
    if isinstance(node, dict):
        if "Fn::If" in node and node["Fn::If"][0] in conditions:
            condition, yes, no = node["Fn::If"]
            return decided(yes if conditions[condition] else no, conditions)
        return {key: decided(value, conditions) for key, value in node.items()}
    return [decided(each, conditions) for each in node] if isinstance(node, list) else node


class TestFunctionUrl:
    @pytest.mark.promise("L1")
    def test_streams_and_is_signed(self, translated: dict[str, Any]) -> None:
        (url,) = of_type(translated, "AWS::Lambda::Url").values()

        assert (url["InvokeMode"], url["AuthType"]) == ("RESPONSE_STREAM", "AWS_IAM")

    def test_both_permissions_are_on_the_alias_and_for_this_distribution_only(self, translated: dict[str, Any]) -> None:
        permissions = [
            each
            for each in of_type(translated, "AWS::Lambda::Permission").values()
            if each["Principal"] == "cloudfront.amazonaws.com"
        ]

        assert {each["Action"] for each in permissions} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        for each in permissions:
            assert each["FunctionName"] == {"Ref": alias_of_the_url(translated)}
            assert each["SourceArn"]["Fn::Sub"].endswith(":distribution/${Distribution}")
            assert each.get("FunctionUrlAuthType", "AWS_IAM") == "AWS_IAM"
        assert [each.get("InvokedViaFunctionUrl") for each in permissions].count(True) == 1

    def test_nobody_else_may_invoke_any_function(self, translated: dict[str, Any]) -> None:
        permissions = of_type(translated, "AWS::Lambda::Permission").values()

        assert {each["Principal"] for each in permissions} == {
            "cloudfront.amazonaws.com",
            "apigateway.amazonaws.com",
            "cognito-idp.amazonaws.com",
        }
        assert all("SourceArn" in each for each in permissions)

    def test_origin_is_the_url_and_signed_by_cloudfront(
        self, translated: dict[str, Any], distribution: dict[str, Any]
    ) -> None:
        (api,) = (each for each in origins(distribution, "function-url") if each["Id"] == "api")
        control = translated["FunctionAccess"]["Properties"]["OriginAccessControlConfig"]

        assert "ChatFunctionUrl" in json.dumps(api["DomainName"])
        assert api["OriginAccessControlId"] == {"Ref": "FunctionAccess"}
        assert (control["OriginAccessControlOriginType"], control["SigningBehavior"]) == ("lambda", "always")
        assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"

    @pytest.mark.promise("H4")
    def test_the_origins_silence_may_be_longer_than_the_keep_alive(self, distribution: dict[str, Any]) -> None:
        (api,) = (each for each in distribution["Origins"] if each["Id"] == "api")

        # 120 s is the maximum without a quota increase. A keep-alive comment is sent every 15 s.
        assert 15 * 2 <= api["CustomOriginConfig"]["OriginReadTimeout"] <= 120


class TestBehaviours:
    def test_the_api_is_neither_cached_nor_compressed(self, distribution: dict[str, Any]) -> None:
        (api,) = distribution["CacheBehaviors"]

        assert (api["PathPattern"], api["TargetOriginId"]) == ("/chatkit*", "api")
        assert api["Compress"] is False
        assert api["CachePolicyId"] == CACHING_DISABLED
        assert api["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST
        assert {"POST", "GET", "OPTIONS"} <= set(api["AllowedMethods"])
        assert "FunctionAssociations" not in api

    @pytest.mark.promise("H2")
    def test_no_error_of_one_user_is_kept_for_another(self, distribution: dict[str, Any]) -> None:
        """By default, CloudFront caches all of these errors of the API for all users, even with CachingDisabled:
        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
        """
        kept_seconds = {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in distribution["CustomErrorResponses"]}

        assert kept_seconds == dict.fromkeys((404, 405, 414, 500, 501, 502, 503, 504), 0)

    def test_no_error_of_the_api_becomes_the_sites_page(self, distribution: dict[str, Any]) -> None:
        """CustomErrorResponses apply to the whole distribution; a function of the site's behaviour serves the views."""
        assert not any("ResponsePagePath" in each for each in distribution["CustomErrorResponses"])
        (association,) = distribution["DefaultCacheBehavior"]["FunctionAssociations"]
        assert association["EventType"] == "viewer-request"

    def test_the_site_is_private_and_read_through_this_distribution_only(
        self, translated: dict[str, Any], distribution: dict[str, Any]
    ) -> None:
        (site,) = (each for each in distribution["Origins"] if each["Id"] == "site")
        statements = translated["SiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        (allowed,) = (each for each in statements if each["Effect"] == "Allow")

        assert site["OriginAccessControlId"] == {"Ref": "SiteAccess"}
        assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert allowed["Action"] == "s3:GetObject"
        assert allowed["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"].endswith("/${Distribution}")

    def test_no_bucket_policy_allows_everybody(self, translated: dict[str, Any]) -> None:
        for policy in of_type(translated, "AWS::S3::BucketPolicy").values():
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Deny" or statement["Principal"] != "*"

    def test_plain_http_is_redirected_or_refused(self, distribution: dict[str, Any]) -> None:
        assert distribution["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"
        assert distribution["CacheBehaviors"][0]["ViewerProtocolPolicy"] == "https-only"


class TestSecurityHeaders:
    @pytest.fixture
    def policy(self, translated: dict[str, Any]) -> dict[str, list[str]]:
        headers = translated["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
        text = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
        return {name: values for name, *values in (part.split() for part in text.split(";"))}

    def test_are_sent_by_every_behaviour(self, translated: dict[str, Any], distribution: dict[str, Any]) -> None:
        config = translated["SecurityHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]

        for behaviour in (distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]):
            assert behaviour["ResponseHeadersPolicyId"] == {"Ref": "SecurityHeaders"}
        assert config.keys() == {
            "ContentTypeOptions",
            "FrameOptions",
            "ReferrerPolicy",
            "StrictTransportSecurity",
            "ContentSecurityPolicy",
        }
        assert all(each["Override"] for each in config.values())

    def test_scripts_and_frames_come_from_here_and_from_chatkit(self, policy: dict[str, list[str]]) -> None:
        assert policy["default-src"] == ["'self'"]
        assert policy["script-src"] == ["'self'", CHATKIT_CDN]
        assert policy["frame-src"] == [CHATKIT_CDN]

    @pytest.mark.parametrize("name", ["object-src", "base-uri", "frame-ancestors"])
    def test_nothing_may(self, policy: dict[str, list[str]], name: str) -> None:
        assert policy[name] == ["'none'"]

    def test_the_browser_talks_to_cognito_and_the_bucket_only(self, policy: dict[str, list[str]]) -> None:
        assert policy["connect-src"] == [
            "'self'",
            "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}",
            "https://${UserPoolDomain}.auth.${AWS::Region}.amazoncognito.com",
            "https://${Bucket.RegionalDomainName}",
        ]
        assert not any("*" in value for values in policy.values() for value in values)


class TestRestApi:
    @pytest.fixture
    def body(self, translated: dict[str, Any]) -> dict[str, Any]:
        return translated["RestApi"]["Properties"]["Body"]

    def operations(self, body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in body["paths"].items():
            for method, operation in methods.items():
                yield path, method, operation

    def test_exists_only_when_chosen(self, translated: dict[str, Any], distribution: dict[str, Any]) -> None:
        rest = {name for name, each in translated.items() if each.get("Condition") == "IsRestApi"}

        assert {"RestApi", "RestApiInvokesFunction"} <= rest
        assert {name for name, each in translated.items() if "ApiGateway" in each["Type"]} <= rest
        for name in ("EdgeInvokesUrl", "EdgeInvokesFunction"):
            assert translated[name]["Condition"] == "IsFunctionUrl"
        (api,) = (each for each in origins(distribution, "rest-api") if each["Id"] == "api")
        assert "RestApi" in json.dumps(api["DomainName"])
        assert api["OriginPath"] == "/live"
        assert api["OriginAccessControlId"] == {"Ref": "AWS::NoValue"}

    @pytest.mark.promise("L1")
    def test_every_operation_streams_from_the_alias(
        self, translated: dict[str, Any], body: dict[str, Any], template: Template
    ) -> None:
        for _, _, operation in self.operations(body):
            integration = operation["x-amazon-apigateway-integration"]
            uri, names = integration["uri"]["Fn::Sub"]

            assert (integration["type"], integration["responseTransferMode"]) == ("aws_proxy", "STREAM")
            assert re.search(r":lambda:path/2021-11-15/functions/\$\{Alias\}/response-streaming-invocations$", uri)
            assert names == {"Alias": {"Ref": alias_of_the_url(translated)}}
            # API Gateway waits as long as any function may run.
            assert integration["timeoutInMillis"] == template["Parameters"]["Timeout"]["MaxValue"] * 1000

    @pytest.mark.promise("H1")
    def test_every_operation_with_data_wants_an_access_token(self, body: dict[str, Any]) -> None:
        """Without scopes, Cognito's authorizer accepts ID tokens; with scopes, access tokens."""
        open_operations = {(path, method) for path, method, each in self.operations(body) if "security" not in each}

        assert open_operations == {
            ("/chatkit", "get"),
            ("/chatkit", "options"),
            ("/chatkit/attachments", "get"),
            ("/chatkit/attachments", "options"),
            ("/chatkit/{proxy+}", "options"),
        }
        for _, _, operation in self.operations(body):
            for requirement in operation.get("security", []):
                assert requirement == {"Cognito": ["openid", "aws.cognito.signin.user.admin"]}

    def test_the_authorizer_is_our_pools_and_reads_our_header(self, body: dict[str, Any]) -> None:
        (scheme,) = body["components"]["securitySchemes"].values()

        assert scheme["name"] == "x-auth-token"
        assert scheme["x-amazon-apigateway-authorizer"] == {
            "type": "cognito_user_pools",
            "providerARNs": [{"Fn::GetAtt": ["UserPool", "Arn"]}],
        }

    def test_only_uploads_are_binary(self, body: dict[str, Any]) -> None:
        """Dictation is JSON with Base64; no route takes audio as such."""
        assert body["x-amazon-apigateway-binary-media-types"] == ["multipart/form-data"]

    @pytest.mark.promise("D1")
    def test_each_event_names_its_entry(self, template: Template, translated: dict[str, Any]) -> None:
        """Not the function, whose variables change minutes before or after CloudFront's origin does."""
        (stage,) = of_type(translated, "AWS::ApiGateway::Stage").values()
        variables = template["Resources"]["ChatFunction"]["Properties"]["Environment"]["Variables"]

        assert stage["Variables"] == {ENTRY_VARIABLE: Entry.REST_API.value}
        assert ENTRY_VARIABLE not in variables


class TestAlarms:
    def test_each_tells_somebody_and_is_in_the_runbook(self, translated: dict[str, Any]) -> None:
        runbook = (ROOT / "docs" / "operate" / "operations.md").read_text()
        alarms = of_type(translated, "AWS::CloudWatch::Alarm")

        assert len(alarms) >= 6
        for name, alarm in alarms.items():
            assert alarm["AlarmActions"] == {"Fn::If": ["HasAlarmEmail", [{"Ref": "Alarms"}], {"Ref": "AWS::NoValue"}]}
            assert alarm["TreatMissingData"] == "notBreaching"
            assert f"`{name}`" in runbook, f"{name} is not in docs/operate/operations.md"

    def test_metrics_are_where_the_function_writes_them(self, template: Template, translated: dict[str, Any]) -> None:
        variables = template["Resources"]["ChatFunction"]["Properties"]["Environment"]["Variables"]
        alarm = translated["SlowFirstToken"]["Properties"]

        assert alarm["Namespace"] == variables["METRICS_NAMESPACE"]
        assert alarm["Dimensions"] == [{"Name": "service", "Value": SERVICE}]

    def test_the_janitors_last_resort_is_counted(self, translated: dict[str, Any]) -> None:
        """Lambda publishes metrics of an event source mapping only with EventCount."""
        ((name, mapping),) = of_type(translated, "AWS::Lambda::EventSourceMapping").items()

        assert mapping["MetricsConfig"] == {"Metrics": ["EventCount"]}
        assert translated["JanitorGaveUp"]["Properties"]["Dimensions"][0]["Value"] == {"Ref": name}

    def test_the_dashboard_is_json(self, translated: dict[str, Any]) -> None:
        body = translated["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]

        widgets = json.loads(body)["widgets"]

        assert {each["properties"]["title"] for each in widgets} >= {"Turns and failures", "Latest failures"}
        names = set(re.findall(r"\$\{(\w+)\}", body))
        assert names <= translated.keys()
