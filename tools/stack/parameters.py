"""The parameters of a stack: their effective values, the origin of each, and the rejection of values that cannot work.

    values = effective(template, stack={"SnapStart": "off"}, configured={"Stage": "prod"}, given={"SnapStart": "on"})
    overrides(values)      # ['Stage="prod"', 'DomainName=""', …], arguments of `sam deploy --parameter-overrides`

A value comes from the command (PARAMS), else from samconfig.toml, else from app/app.toml, else from the stack, else
from the template. Each `sam deploy` gets all of them, because its `--parameter-overrides` replaces the list in
samconfig.toml.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from rich.table import Table

from chat_api.settings import AttachmentSettings, LimitSettings
from tools.stack.operator import DeploymentError
from tools.stack.template import Template

JSON_VALUE = re.compile(r"(?<!\S)(\w+)=(?=\{)")
JSON_SETTINGS: dict[str, type[BaseModel]] = {"Attachments": AttachmentSettings, "Limits": LimitSettings}


class Origin(StrEnum):
    """The source of a value, from the weakest to the strongest."""

    TEMPLATE = "default in template.yaml"
    STACK = "the stack"
    APP = "app/app.toml"
    CONFIGURED = "samconfig.toml"
    GIVEN = "PARAMS"
    SHELL = "your shell"


@dataclass(frozen=True)
class Value:
    """The effective value of one parameter."""

    name: str
    value: str
    origin: Origin


def parse(text: object) -> dict[str, str]:
    """Return the parameters of `Name=value Name="a value" Name={"json": 1}`, a list of these, or a table of TOML."""
    if isinstance(text, Mapping):
        return {str(name): str(value) for name, value in cast("Mapping[object, object]", text).items()}
    if not isinstance(text, str):
        return {name: value for each in cast("Iterable[object]", text) for name, value in parse(each).items()}
    text, documents = _without_json(text)
    try:
        words = [word.partition("=") for word in shlex.split(text)]
    except ValueError as error:
        raise DeploymentError(f"the parameters {text!r} cannot be read ({error}): write Name=value") from None
    if wrong := [name for name, sign, _ in words if not sign or name == "ParameterKey"]:
        raise DeploymentError(f"{wrong[0]!r} is not a parameter with a value: write Name=value, with Name= for none")
    return {name: value for name, _, value in words} | documents


def _without_json(text: str) -> tuple[str, dict[str, str]]:
    """Return the text without values that are JSON objects, and these: a shell's rules would remove their quotes."""
    documents: dict[str, str] = {}
    rest, position = "", 0
    for found in JSON_VALUE.finditer(text):
        if found.start() < position:
            continue
        with suppress(ValueError):
            _, end = json.JSONDecoder().raw_decode(text, found.end())
            documents[found[1]] = text[found.end() : end]
            rest, position = rest + text[position : found.start()], end
    return rest + text[position:], documents


def effective(
    template: Template,
    stack: Mapping[str, str] | None,
    configured: Mapping[str, str],
    given: Mapping[str, str],
    app: Mapping[str, str] | None = None,
    shell: Mapping[str, str] | None = None,
) -> list[Value]:
    """Return all parameters of the template in its order. Raises DeploymentError for the first one that cannot work.

    `shell` has the developer's, for the local stack only. `stack` may have parameters that the template has no longer;
    those of `configured` and `given` must exist. None: the stack is not known yet.
    """
    declared: dict[str, dict[str, Any]] = template["Parameters"]
    known, stack = stack is not None, stack or {}
    for names, origin in ((given, Origin.GIVEN), (configured, Origin.CONFIGURED)):
        for name in names:
            if name not in declared:
                raise DeploymentError(
                    f"{name} ({origin}) is not a parameter of template.yaml{_similar(name, declared)}"
                )
    found: list[Value] = []
    for name, declaration in declared.items():
        layers = {Origin.GIVEN: given, Origin.CONFIGURED: configured, Origin.APP: app or {}, Origin.STACK: stack}
        layers = {Origin.SHELL: shell or {}, **layers}
        origin = next((origin for origin, values in layers.items() if name in values), Origin.TEMPLATE)
        value = layers[origin][name] if origin in layers else str(declaration["Default"])
        _check(Value(name, value, origin), declaration)
        found.append(Value(name, value, origin))
    _check_rules(template, values_of(found))
    if known:
        _check_workflow(values_of(found).get("WorkflowId", ""), stack.get("WorkflowId", ""))
    return found


def values_of(values: Sequence[Value]) -> dict[str, str]:
    """Return the values by name."""
    return {each.name: each.value for each in values}


def overrides(values: Mapping[str, str]) -> list[str]:
    """Return arguments for `--parameter-overrides`. The SAM CLI takes an empty value only in quotes."""
    return [f'{name}="{value.replace(chr(34), chr(92) + chr(34))}"' for name, value in values.items()]


def table(values: Sequence[Value]) -> Table:
    """Return the table of `make params`."""
    result = Table("parameter", "value", "from")
    for each in values:
        style = "" if each.origin is Origin.TEMPLATE else "bold"
        result.add_row(each.name, each.value or "(empty)", each.origin, style=style)
    return result


# --- checks -----------------------------------------------------------------------------------------------------------


def _similar(name: str, declared: Mapping[str, object]) -> str:
    by_case = {each.lower(): each for each in declared}
    close = difflib.get_close_matches(name.lower(), by_case, n=1)
    if close:
        return f": did you mean {by_case[close[0]]}? `make params` lists all"
    return ": `make params` lists all"


def _check(value: Value, declaration: Mapping[str, Any]) -> None:
    text = f"{value.name}={value.value!r} ({value.origin}) is not allowed"
    allowed = [str(each) for each in declaration.get("AllowedValues", ())]
    if allowed and value.value not in allowed:
        raise DeploymentError(f"{text}: use one of {', '.join(allowed)}")
    pattern = declaration.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value.value):
        raise DeploymentError(f"{text}: {declaration.get('ConstraintDescription', f'it must match {pattern}')}")
    if value.name in JSON_SETTINGS:
        _check_json(text, JSON_SETTINGS[value.name], value.value)
    if declaration.get("Type") == "Number":
        _check_number(text, value.value, declaration)


def _check_json(text: str, model: type[BaseModel], value: str) -> None:
    """Validate a setting like the function, whose processes would not start with a wrong one."""
    try:
        model.model_validate_json(value)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        named = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg']}" for each in faults)
        raise DeploymentError(f"{text}: {named}. Names are {', '.join(model.model_fields)}") from None


def _check_number(text: str, value: str, declaration: Mapping[str, Any]) -> None:
    """Accept whole numbers only. CloudFormation's Number has fractions, which fail later: no property takes them."""
    if not re.fullmatch(r"-?[0-9]{1,15}", value):
        raise DeploymentError(f"{text}: use a whole number")
    number = int(value)
    low, high = int(declaration.get("MinValue", number)), int(declaration.get("MaxValue", number))
    if not low <= number <= high:
        raise DeploymentError(f"{text}: use a number from {low} to {high}")


def _check_workflow(wanted: str, running: str) -> None:
    """Refuse a workflow that the stack does not have yet: what is built on it now fails in a few days."""
    if wanted and wanted != running:
        raise DeploymentError(
            f"WorkflowId={wanted} is refused: OpenAI ends Agent Builder, which runs workflows, on 30 November 2026. "
            "Export the workflow as Agents SDK code and put it into app/: docs/use/leaving-agent-builder.md"
        )


def _check_rules(template: Template, values: Mapping[str, str]) -> None:
    """Evaluate the template's Rules, which CloudFormation does too, but only after the build and the upload."""
    for rule in template.get("Rules", {}).values():
        try:
            if "RuleCondition" in rule and not _evaluate(rule["RuleCondition"], values):
                continue
            broken = [each for each in rule["Assertions"] if not _evaluate(each["Assert"], values)]
        except NotImplementedError:
            continue
        if broken:
            raise DeploymentError(f"the parameters do not fit together: {broken[0]['AssertDescription']}")


def _evaluate(node: Any, values: Mapping[str, str]) -> Any:
    """Return the value of an intrinsic function; NotImplementedError leaves its rule to CloudFormation."""
    if isinstance(node, list):
        return [_evaluate(each, values) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    ((function, argument),) = cast("dict[str, Any]", node).items()
    if function == "Ref":
        if argument not in values:  # AWS::Region
            raise NotImplementedError(argument)
        return values[argument]
    arguments = _evaluate(argument, values)
    match function:
        case "Fn::Equals":
            return str(arguments[0]) == str(arguments[1])
        case "Fn::Not":
            return not arguments[0]
        case "Fn::And":
            return all(arguments)
        case "Fn::Or":
            return any(arguments)
        case "Fn::Contains":
            return arguments[1] in arguments[0]
        case _:
            raise NotImplementedError(function)
