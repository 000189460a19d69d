"""Effective parameters, their origin, and the values that are rejected before anything is built."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tools.stack.deployment import SAM
from tools.stack.operator import DeploymentError
from tools.stack.parameters import Origin, effective, overrides, parse, values_of
from tools.stack.template import Template, read_template

CONVERT = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
json.dump(CfnParameterOverridesType().convert(tuple(sys.argv[1:]), None, None), sys.stdout)
"""


@pytest.fixture
def template() -> Template:
    return {
        "Parameters": {
            "Stage": {"Type": "String", "Default": "dev", "AllowedValues": ["dev", "prod"]},
            "SnapStart": {"Type": "String", "Default": "off", "AllowedValues": ["off", "on"]},
            "OpenAIModel": {"Type": "String", "Default": "gpt-8", "AllowedPattern": "^[a-z0-9.-]+$"},
            "DomainName": {
                "Type": "String",
                "Default": "",
                "ConstraintDescription": "a host",
                "AllowedPattern": "[a-z.]*",
            },
            "CertificateArn": {"Type": "String", "Default": ""},
            "Timeout": {"Type": "Number", "Default": 300, "MinValue": 30, "MaxValue": 900},
        },
        "Rules": {
            "Domain": {
                "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]},
                "Assertions": [
                    {
                        "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "CertificateArn"}, ""]}]},
                        "AssertDescription": "DomainName requires a CertificateArn",
                    }
                ],
            },
            "Region": {
                "Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "AWS::Region"}, "x"]}, "AssertDescription": "x"}]
            },
        },
    }


@pytest.mark.feature("deploy.parameters")
class TestOrigin:
    @pytest.mark.promise("D2")
    def test_the_command_beats_samconfig_beats_the_stack_beats_the_template(self, template: Template) -> None:
        stack = {"Stage": "dev", "SnapStart": "on", "OpenAIModel": "gpt-7", "Gone": "1"}
        configured, given = {"Stage": "prod", "OpenAIModel": "gpt-8"}, {"OpenAIModel": "gpt-9"}

        found = effective(template, stack, configured, given)

        assert {each.name: (each.value, each.origin) for each in found} == {
            "Stage": ("prod", Origin.CONFIGURED),
            "SnapStart": ("on", Origin.STACK),
            "OpenAIModel": ("gpt-9", Origin.GIVEN),
            "DomainName": ("", Origin.TEMPLATE),
            "CertificateArn": ("", Origin.TEMPLATE),
            "Timeout": ("300", Origin.TEMPLATE),
        }

    @pytest.mark.promise("B4")
    def test_the_adopters_folder_has_precedence_over_the_stack_only(self, template: Template) -> None:
        app = {"OpenAIModel": "gpt-app", "Stage": "dev", "Timeout": "60"}

        found = effective(template, {"OpenAIModel": "gpt-7"}, {"Stage": "prod"}, {"Timeout": "90"}, app)

        assert values_of(found)["OpenAIModel"] == "gpt-app"
        assert (values_of(found)["Stage"], values_of(found)["Timeout"]) == ("prod", "90")

    @pytest.mark.promise("D2")
    def test_an_empty_value_replaces_the_stacks(self, template: Template) -> None:
        found = effective(template, {"DomainName": "a.example", "CertificateArn": "arn"}, {}, parse("DomainName="))

        assert values_of(found)["DomainName"] == ""


class TestRejected:
    @pytest.mark.promise("D2")
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"Snapstart": "on"}, r"Snapstart \(PARAMS\).*did you mean SnapStart\?"),
            ({"Colour": "red"}, r"Colour \(PARAMS\) is not a parameter.*make params"),
            ({"SnapStart": "maybe"}, r"SnapStart='maybe' \(PARAMS\).*off, on"),
            ({"OpenAIModel": "gpt 9"}, r"OpenAIModel='gpt 9'.*must match"),
            ({"OpenAIModel": "gpt-9\n"}, "OpenAIModel="),
            ({"DomainName": "A"}, r"DomainName='A'.*a host"),
            ({"DomainName": "a.example"}, "DomainName requires a CertificateArn"),
            ({"Timeout": "soon"}, "Timeout='soon'.*use a whole number"),
            ({"Timeout": "60.5"}, "use a whole number"),
            ({"Timeout": "6e1"}, "use a whole number"),
            ({"Timeout": "٦٠"}, "use a whole number"),
            ({"Timeout": "nan"}, "use a whole number"),
            ({"Timeout": "1"}, "from 30 to 900"),
        ],
    )
    def test_a_name_or_value_that_cannot_work(self, template: Template, given: dict[str, str], message: str) -> None:
        with pytest.raises(DeploymentError, match=message):
            effective(template, {}, {}, given)

    @pytest.mark.promise("D2")
    def test_one_in_samconfig_names_the_file(self, template: Template) -> None:
        with pytest.raises(DeploymentError, match=r"Snapstart \(samconfig.toml\)"):
            effective(template, {}, {"Snapstart": "on"}, {})

    @pytest.mark.parametrize("text", ["SnapStart", "ParameterKey=SnapStart,ParameterValue=on", "A='b"])
    def test_words_that_are_not_parameters(self, text: str) -> None:
        with pytest.raises(DeploymentError, match="Name=value"):
            parse(text)


class TestForms:
    @pytest.mark.parametrize(
        "form",
        [
            "Stage=prod AlarmEmail= Limits='{\"turns\": 5}'",
            ["Stage=prod", "AlarmEmail=", "Limits='{\"turns\": 5}'"],
            {"Stage": "prod", "AlarmEmail": "", "Limits": '{"turns": 5}'},
        ],
    )
    def test_text_list_and_table_of_samconfig(self, form: Any) -> None:
        assert parse(form) == {"Stage": "prod", "AlarmEmail": "", "Limits": '{"turns": 5}'}

    @pytest.mark.promise("D2")
    @pytest.mark.skipif(not SAM.exists(), reason="the SAM CLI is missing: make sam")
    def test_the_sam_cli_reads_every_value_as_it_is(self) -> None:
        values = {
            "Empty": "",
            "Words": "two words",
            "List": "https://a.example,https://b.example:8443",
            "Json": '{"turns_per_minute": 5}',
            "Equals": "a=b",
            "Quote": "it's",
        }

        done = subprocess.run(
            [SAM.with_name("python"), "-c", CONVERT, *overrides(values)], capture_output=True, text=True, check=True
        )

        assert json.loads(done.stdout) == values


class TestOurTemplate:
    def test_every_rule_can_be_evaluated_here(self) -> None:
        """An assertion and its opposite cannot both hold, so one of them is rejected if they are evaluated at all."""
        template = read_template()
        for rule in template["Rules"].values():
            for each in rule["Assertions"]:
                opposite = {**each, "Assert": {"Fn::Not": [each["Assert"]]}}
                contradiction = {**template, "Rules": {"Both": {"Assertions": [each, opposite]}}}
                with pytest.raises(DeploymentError, match="do not fit together"):
                    effective(contradiction, {}, {}, {})

    def test_the_defaults_fit_together(self) -> None:
        assert effective(read_template(), {}, {}, {})


class TestHostedWorkflows:
    """Agent Builder ends: a stack keeps its workflow, and no stack gets a new one."""

    @pytest.mark.parametrize("origin", ["given", "configured"])
    @pytest.mark.parametrize("running", ["", "wf_old"])
    def test_a_new_workflow_is_refused_with_the_reason_and_the_way_out(self, origin: str, running: str) -> None:
        new, stack = {"WorkflowId": "wf_new"}, {"WorkflowId": running}

        with pytest.raises(DeploymentError, match=r"ends Agent Builder.*30 November 2026.*leaving-agent-builder\.md"):
            effective(read_template(), stack, *((new, {}) if origin == "configured" else ({}, new)))

    def test_the_workflow_that_a_stack_has_stays_and_can_be_removed(self) -> None:
        stack = {"WorkflowId": "wf_old"}

        assert values_of(effective(read_template(), stack, {}, {}))["WorkflowId"] == "wf_old"
        assert values_of(effective(read_template(), stack, {"WorkflowId": "wf_old"}, {}))["WorkflowId"] == "wf_old"
        assert not values_of(effective(read_template(), stack, {}, {"WorkflowId": ""}))["WorkflowId"]

    def test_before_the_stack_is_known_nothing_is_refused(self) -> None:
        assert effective(read_template(), None, {"WorkflowId": "wf_old"}, {})


@pytest.mark.promise("B1")
@pytest.mark.parametrize(
    "text",
    [
        'Stage=dev Limits={"turns_per_day": 5, "x": "a b"} LogLevel=WARN',
        'Stage=dev LogLevel=WARN Limits=\'{"turns_per_day": 5, "x": "a b"}\'',
        ["Stage=dev", 'Limits={"turns_per_day": 5, "x": "a b"}', "LogLevel=WARN"],
    ],
)
def test_json_keeps_its_quotes(text: object) -> None:
    assert parse(text) == {"Stage": "dev", "LogLevel": "WARN", "Limits": '{"turns_per_day": 5, "x": "a b"}'}
