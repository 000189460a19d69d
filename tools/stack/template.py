"""template.yaml as data, and the package that CloudFormation accepts.

    template = read_template()
    template["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"]
    packaged(template, bucket="artifacts", key="code.zip")

Short forms of intrinsic functions (`!Ref x`, `!GetAtt a.b`) become their long forms (`{"Ref": "x"}`), so CloudFormation
accepts the result as JSON. cfn-lint's loader returns the same data; importing it takes five times as long as this file
needs to read the template.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from tools import ROOT

TEMPLATE = ROOT / "template.yaml"

UNKNOWN_LOCALLY = frozenset({"AWS::Cognito::ManagedLoginBranding"})
"""Resource types that MiniStack does not support: the branding of Cognito's sign-in pages."""

Template = dict[str, Any]


_Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, which takes a fifth of the time, where PyYAML was built with it."""


class _Loader(_Base):
    """A YAML loader for CloudFormation's tags."""


def _intrinsic(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _intrinsic)  # pyright: ignore[reportUnknownMemberType]


def read_template(path: Path = TEMPLATE) -> Template:
    """Return the template as plain data."""
    return yaml.load(path.read_text(), Loader=_Loader)  # a SafeLoader with additional tags


def packaged(template: Template, bucket: str, key: str) -> Template:
    """Return a copy whose local code paths are replaced by one S3 object, as `sam package` does.

    Together with `without_unknown_types` this is the only difference between template.yaml and the template that the
    local CloudFormation deploys.
    """
    result = without_unknown_types(template)
    for resource in result["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource["Properties"]:
                resource["Properties"][name] = {"Bucket": bucket, "Key": key}
    return result


def without_unknown_types(template: Template) -> Template:
    """Return a copy without resources of types that MiniStack does not support.

    Other resources must not refer to them.
    """
    result = copy.deepcopy(template)
    result["Resources"] = {
        name: resource for name, resource in result["Resources"].items() if resource["Type"] not in UNKNOWN_LOCALLY
    }
    return result


def filter_patterns(template: Template, function: str) -> list[dict[str, Any]]:
    """Return the filter patterns of the only event source of `function`."""
    (event,) = template["Resources"][function]["Properties"]["Events"].values()
    return [json.loads(each["Pattern"]) for each in event["Properties"]["FilterCriteria"]["Filters"]]
