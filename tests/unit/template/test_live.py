"""The version that `live` serves, in the template as SAM translates it: every change of the stack publishes another.

Each case is translated with the parameters' real values and with each artifact under a key of its content, as
`sam package` uploads it. A changed logical id of the version is a version that CloudFormation publishes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.local.ministack import PYTHON
from tools.stack.release import stamp
from tools.stack.template import Template, read_template

TRANSLATE = """
import json, sys
from samtranslator.translator.transform import transform
json.dump([transform(template, values, None)["Resources"] for template, values in json.load(sys.stdin)], sys.stdout)
"""
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's, if it is there
OTHER = {
    "Stage": "prod",
    "DomainName": "chat.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b",
    "AllowedOrigins": "https://a.example",
    "LocalCallback": "http://localhost:5173",
    "RetentionDays": "30",
    "Assistant": "my.module:build",
    "WorkflowId": "wf_1",
    "AlarmEmail": "a@example.com",
    "ReservedConcurrency": "5",
    "Attachments": '{"max_image_mb": 5}',
    "Limits": '{"turns_per_day": 100}',
}
"""Another value for parameters without a list of values; the others get a letter more."""

Change = Callable[[Template], object]


def unchanged(template: Template) -> None:
    """The change of cases that have none."""


@dataclass
class Case:
    """One deployment: parameters, artifacts by content, and a change of the template's text."""

    values: Mapping[str, str] = field(default_factory=dict[str, str])
    artifacts: Mapping[str, str] = field(default_factory=dict[str, str])
    change: Change = unchanged
    stamped: bool = True


@cache
def ours() -> Template:
    """Return the whole template, which takes 0.3 s to read; do not change it."""
    return read_template()


def chat(template: Template) -> dict[str, Any]:
    return template["Resources"]["ChatFunction"]["Properties"]


def set_property(name: str, value: object) -> Change:
    return lambda template: chat(template).__setitem__(name, value)


PROPERTIES: dict[str, Change] = {
    "Timeout": set_property("Timeout", 301),
    "MemorySize": set_property("MemorySize", 3008),
    "SnapStart": set_property("SnapStart", {"ApplyOn": "PublishedVersions"}),
    "LoggingConfig": lambda template: chat(template)["LoggingConfig"].update(SystemLogLevel="WARN"),
    "Tracing": set_property("Tracing", "Active"),
    "Handler": set_property("Handler", "other.handler"),
    "a variable": lambda template: chat(template)["Environment"]["Variables"].update(LIMITS='{"turns_per_minute": 5}'),
    "EphemeralStorage": set_property("EphemeralStorage", {"Size": 1024}),
}
ARTIFACTS = ("ChatFunction", "StreamingLayer", "DependenciesLayer")
BUILT = (*ARTIFACTS, "JanitorFunction")


def defaults() -> dict[str, str]:
    return {name: str(each["Default"]) for name, each in ours()["Parameters"].items()}


def another(name: str) -> str:
    declared = ours()["Parameters"][name]
    if values := declared.get("AllowedValues"):
        return next(str(each) for each in values if str(each) != str(declared["Default"]))
    if declared["Type"] == "Number":
        return str(float(declared["Default"]) + 1)
    return OTHER.get(name, f"{declared['Default']}x")


@cache
def written(change: Change) -> str:
    """Return the text of the template after a change, with what decides about the functions only.

    Without the other resources, outputs, rules and descriptions, it is translated in a tenth of the time.
    """
    template = copy.deepcopy(ours())
    change(template)
    template["Resources"] = {name: template["Resources"][name] for name in BUILT}
    for name in ("Outputs", "Rules", "Metadata"):
        del template[name]
    for declared in template["Parameters"].values():
        declared.pop("Description", None)
    return yaml.dump(template, Dumper=DUMPER, sort_keys=False)


def packaged(case: Case, folder: Path) -> tuple[Template, dict[str, str]]:
    """Build, stamp and package a deployment as `make deploy` does."""
    for name in BUILT:
        (folder / name).mkdir(parents=True)
        (folder / name / "content").write_text(case.artifacts.get(name, "same"))
    (folder / "template.yaml").write_text(written(case.change))
    values = {**defaults(), **case.values}
    if case.stamped:
        stamp(folder, values)
    result = read_template(folder / "template.yaml")
    for name in BUILT:
        properties = result["Resources"][name]["Properties"]
        uri = "CodeUri" if "CodeUri" in properties else "ContentUri"
        key = hashlib.sha256((folder / name / "content").read_bytes()).hexdigest()
        properties[uri] = f"s3://artifacts/{key}"
    return result, values


def versions(cases: Mapping[str, Case], folder: Path) -> dict[str, str]:
    """Return the logical id of the version that each case publishes."""
    package = [packaged(case, folder / str(number)) for number, case in enumerate(cases.values())]
    environment = {"AWS_DEFAULT_REGION": "eu-west-1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [PYTHON, "-c", TRANSLATE], input=json.dumps(package), env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {
        name: next(key for key, each in resources.items() if each["Type"] == "AWS::Lambda::Version")
        for name, resources in zip(cases, json.loads(done.stdout), strict=True)
    }


@pytest.mark.feature("deploy.live")
@pytest.mark.promise("D1")
def test_with_the_stamp_every_parameter_layer_and_property_moves_live(tmp_path: Path) -> None:
    cases = {"": Case(), "again": Case()}
    cases |= {f"parameter {name}": Case(values={name: another(name)}) for name in defaults() if name != "SiteOrigin"}
    cases |= {f"artifact {name}": Case(artifacts={name: "other"}) for name in ARTIFACTS}
    cases |= {f"property {name}": Case(change=change) for name, change in PROPERTIES.items()}

    found = versions(cases, tmp_path)

    assert [name for name, version in found.items() if version == found[""]] == ["", "again"]


@pytest.mark.promise("D1")
def test_without_the_stamp_all_but_the_values_of_parameters_move_live(tmp_path: Path) -> None:
    """Plain `sam deploy`: docs/operate/operations.md names the exception, and the doctor detects it."""
    plain = {"": Case(stamped=False), "parameter": Case(values={"OpenAIModel": "gpt-9"}, stamped=False)}
    plain |= {name: Case(artifacts={name: "other"}, stamped=False) for name in ARTIFACTS}
    plain |= {name: Case(change=change, stamped=False) for name, change in PROPERTIES.items()}

    found = versions(plain, tmp_path)

    assert [name for name, version in found.items() if version == found[""]] == ["", "parameter"]


@pytest.mark.promise("D1")
def test_the_second_pass_of_a_new_stack_publishes_nothing(tmp_path: Path) -> None:
    first, second = Case(), Case(values={"SiteOrigin": "https://d1.cloudfront.net"})

    found = versions({"first": first, "second": second}, tmp_path)

    assert found["first"] == found["second"]


@pytest.mark.promise("D1")
def test_no_function_depends_on_the_sites_address(template: Template) -> None:
    """SiteOrigin is not part of the release."""
    for name in (*BUILT, "ChatRole", "JanitorRole"):
        assert "SiteOrigin" not in json.dumps(template["Resources"][name]), name
    assert "SiteOrigin" not in json.dumps(template["Globals"])


@pytest.mark.promise("D1")
def test_every_function_has_the_line_that_is_stamped(template: Template) -> None:
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Serverless::Function"]

    assert len(functions) == 3
    for each in functions:
        assert each["Properties"]["Environment"]["Variables"]["RELEASE"] == "unstamped"


@pytest.mark.promise("D3")
def test_layers_are_named_by_stack(template: Template) -> None:
    names = [
        each["Properties"]["LayerName"]["Fn::Sub"]
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Serverless::LayerVersion"
    ]

    assert sorted(names) == ["${AWS::StackName}-packages", "${AWS::StackName}-streaming"]
