"""Agreement of template.yaml with the code: table schema, settings, object prefixes, metrics and limits."""

from __future__ import annotations

import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

import attachments_s3.keys
import coach.accounts_table
import janitor.settings
import store_dynamo.keys
from chat_api.settings import Settings
from chat_api.telemetry import SERVICE, Metrics, TurnMetrics
from function_setup import configure_logs, read_settings, release_logs
from lambda_streaming.wire import Entry
from store_dynamo.expressions import TURN_LIFE
from tools.stack.template import TEMPLATE, Template, filter_patterns

# Set on a developer's machine only. Deployed functions read the key from Secrets Manager.
# APP_SECRET_ARN is added for an app/ with secrets (tools.app.folder).
LOCAL_SETTINGS = {"OPENAI_API_KEY", "APP_SECRET_ARN", "SHOW_ERRORS"}
# Read by the runtime and by the logs, not by Settings.
RUNTIME_VARIABLES = {
    "AWS_LAMBDA_EXEC_WRAPPER",
    "TZ",
    "RELEASE",
}


def properties(template: Template, resource: str) -> dict[str, Any]:
    return template["Resources"][resource]["Properties"]


def environment(template: Template, function: str) -> dict[str, Any]:
    return properties(template, function)["Environment"]["Variables"]


def object_prefixes(template: Template, role: str, sid: str) -> set[str]:
    statements = properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"]
    (statement,) = (each for each in statements if each["Sid"] == sid)
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    return {arn["Fn::Sub"].removeprefix("${Bucket.Arn}/") for arn in resources}


class TestTable:
    @pytest.mark.promise("S2")
    def test_keys_and_index_are_the_stores(self, template: Template) -> None:
        table = properties(template, "Table")
        wanted: dict[str, Any] = {**store_dynamo.keys.table_definition("any")}

        for name in ("KeySchema", "AttributeDefinitions", "LocalSecondaryIndexes", "BillingMode"):
            assert table[name] == wanted[name], name
        assert table["StreamSpecification"]["StreamViewType"] == wanted["StreamSpecification"]["StreamViewType"]

    @pytest.mark.promise("S10")
    def test_time_to_live_is_the_stores_attribute(self, template: Template) -> None:
        time_to_live = properties(template, "Table")["TimeToLiveSpecification"]

        assert time_to_live == {"AttributeName": store_dynamo.keys.TTL_ATTRIBUTE, "Enabled": True}

    def test_the_assistants_keys_are_the_coachs(self, template: Template) -> None:
        table = properties(template, "AssistantTable")

        for name, wanted in coach.accounts_table.table_definition("any").items():
            assert name == "TableName" or table[name] == wanted, name


class TestSettings:
    def test_every_variable_is_a_setting(self, template: Template) -> None:
        known = {name.upper() for name in Settings.model_fields} | RUNTIME_VARIABLES

        assert environment(template, "ChatFunction").keys() <= known

    def test_every_setting_is_a_variable(self, template: Template) -> None:
        wanted = {name.upper() for name in Settings.model_fields} - LOCAL_SETTINGS

        assert wanted <= environment(template, "ChatFunction").keys()

    def test_defaults_of_parameters_are_the_settings(self, template: Template) -> None:
        parameters = template["Parameters"]

        assert parameters["Assistant"]["Default"] == Settings.model_fields["assistant"].default
        assert parameters["OpenAIModel"]["Default"] == Settings.model_fields["openai_model"].default
        transcription = Settings.model_fields["transcription_model"].default
        assert parameters["TranscriptionModel"]["Default"] == transcription
        efforts = get_args(get_args(Settings.model_fields["reasoning_effort"].annotation)[0])
        assert tuple(parameters["ReasoningEffort"]["AllowedValues"]) == ("", *efforts)
        assert parameters["LogLevel"]["Default"] == Settings.model_fields["log_level"].default
        assert tuple(parameters["LogLevel"]["AllowedValues"]) == get_args(Settings.model_fields["log_level"].annotation)

    def test_the_janitors_variables_are_its_settings(self, template: Template) -> None:
        wanted = {name.upper() for name in janitor.settings.Settings.model_fields}

        assert environment(template, "JanitorFunction").keys() - RUNTIME_VARIABLES == wanted

    def test_entries_are_those_of_the_runtime(self, template: Template) -> None:
        parameter = template["Parameters"]["Entry"]

        assert parameter["Default"] == Entry.FUNCTION_URL.value
        assert parameter["AllowedValues"] == [entry.value for entry in Entry]

    def test_an_empty_parameter_is_an_absent_setting(self, template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in environment(template, "ChatFunction").items():
            monkeypatch.setenv(name, value if isinstance(value, str) else "https://some.example")
        for variable, value in environment(template, "ChatFunction").items():
            parameter = value.get("Ref") if isinstance(value, dict) else None
            if parameter in template["Parameters"]:
                monkeypatch.setenv(variable, template["Parameters"][parameter]["Default"])

        settings = read_settings(Settings)

        assert settings.retention_days is None
        assert settings.required_group is None
        assert settings.workflow_id is None
        assert settings.allowed_origins == ()


class TestObjects:
    def test_each_role_reaches_the_areas_that_the_packages_use(self, template: Template) -> None:
        keys = attachments_s3.keys
        files = {f"{area}/*" for area in (keys.PENDING, keys.FILES, keys.GENERATED)}
        overflow = {f"{store_dynamo.keys.OVERFLOW_AREA}/*"}

        assert object_prefixes(template, "ChatRole", "Files") == files
        assert object_prefixes(template, "ChatRole", "BigBodies") == overflow
        assert object_prefixes(template, "JanitorRole", "DeleteFiles") == files | overflow

    @pytest.mark.promise("A6")
    def test_unsent_uploads_expire_where_the_browser_puts_them(self, template: Template) -> None:
        rules = properties(template, "Bucket")["LifecycleConfiguration"]["Rules"]

        expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule}

        assert expiring[f"{attachments_s3.keys.PENDING}/"] == 1
        # Files that a message refers to never expire.
        assert expiring.keys() == {f"{attachments_s3.keys.PENDING}/", "aws/lambda/"}


class TestJanitorsEvents:
    def test_the_filters_are_the_janitors(self, template: Template) -> None:
        wanted = json.loads((Path(janitor.__file__).parent / "filters.json").read_text())["Filters"]

        assert filter_patterns(template, "JanitorFunction") == [each["Pattern"] for each in wanted]


class TestMetrics:
    def test_what_alarms_and_dashboard_read_is_what_a_turn_writes(self, template: Template) -> None:
        variables = environment(template, "ChatFunction")
        body = properties(template, "Dashboard")["DashboardBody"]["Fn::Sub"]
        configure_logs("chat_api", "ERROR", (), stream := io.StringIO())

        Metrics("ChatKit/stack").turn(
            TurnMetrics(started_at=0, model_called_at=1, first_token_at=2, ended_at=3, input_tokens=1, output_tokens=1)
        )

        release_logs()
        (line,) = map(json.loads, stream.getvalue().splitlines())
        written = line["_aws"]["CloudWatchMetrics"][0]
        names = {each["Name"] for each in written["Metrics"]}
        assert variables["METRICS_NAMESPACE"] == {"Fn::Sub": "ChatKit/${AWS::StackName}"}
        assert (written["Namespace"], written["Dimensions"]) == ("ChatKit/stack", [["service"]])
        assert line["service"] == SERVICE
        assert {each["Unit"] for each in written["Metrics"] if "Time" in each["Name"]} == {"Milliseconds"}
        assert properties(template, "SlowFirstToken")["MetricName"] in names
        assert set(re.findall(r'"ChatKit/[^"]*", "(\w+)", "service", "chat"', body)) <= names


class TestLimits:
    def test_a_tombstone_outlives_the_longest_turn(self, template: Template) -> None:
        assert template["Parameters"]["Timeout"]["MaxValue"] < TURN_LIFE.total_seconds()


class TestSamconfig:
    def test_every_environment_names_parameters_that_exist(self, template: Template) -> None:
        config = tomllib.loads((TEMPLATE.parent / "samconfig.toml").read_text())

        for name in template["Parameters"]["Stage"]["AllowedValues"]:
            overrides = dict(
                each.split("=", 1) for each in config[name]["deploy"]["parameters"]["parameter_overrides"].split()
            )
            assert overrides["Stage"] == name
            assert overrides.keys() <= template["Parameters"].keys()
