"""template.yaml as data: its resources, its environment variables, and the package that CloudFormation takes.

    template = read_template()
    template["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"]
    packaged(template, bucket="artifacts", key="code.zip")

The short forms of intrinsic functions (`!Ref x`, `!GetAtt a.b`) are read as their long forms (`{"Ref": "x"}`), so the
result is what CloudFormation accepts as JSON.
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
"""The look of Cognito's sign-in pages; MiniStack has its own page."""

Template = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags."""


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
    return yaml.load(path.read_text(), Loader=_Loader)  # our loader is a SafeLoader with tags added


def packaged(template: Template, bucket: str, key: str) -> Template:
    """Return a copy whose local code paths name one S3 object instead, as `sam package` would rewrite them.

    A path of this machine is no property that CloudFormation knows. With `without_unknown_types` it is all that stands
    between template.yaml and the local CloudFormation.
    """
    result = without_unknown_types(template)
    for resource in result["Resources"].values():
        for name in ("CodeUri", "ContentUri"):
            if name in resource["Properties"]:
                resource["Properties"][name] = {"Bucket": bucket, "Key": key}
    return result


def without_unknown_types(template: Template) -> Template:
    """Return a copy without the resources whose types MiniStack does not know; nothing may refer to one."""
    result = copy.deepcopy(template)
    result["Resources"] = {
        name: resource for name, resource in result["Resources"].items() if resource["Type"] not in UNKNOWN_LOCALLY
    }
    return result


def filter_patterns(template: Template, function: str) -> list[dict[str, Any]]:
    """Return the patterns of the only event of `function`: which records of a stream Lambda lets through."""
    (event,) = template["Resources"][function]["Properties"]["Events"].values()
    return [json.loads(each["Pattern"]) for each in event["Properties"]["FilterCriteria"]["Filters"]]
