"""Check of the version that serves: alias `live` has everything that was deployed to the chat function."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from tools.ops.doctor import Check, FailedError, Target, UnknownError
from tools.stack.versions import ALIAS

UNSTAMPED = "unstamped"
FROZEN = ("CodeSha256", "Runtime", "Handler", "Role", "Timeout", "MemorySize", "LoggingConfig", "TracingConfig")
"""Properties that a published version freezes and that compare as they are."""


async def live(target: Target) -> str:
    """The version that serves has the function's code, layers, variables and settings."""

    def read() -> tuple[dict[str, Any], dict[str, Any]]:
        name = target.outputs["ChatFunctionName"]
        with closing(target.client("lambda")) as functions:
            latest = functions.get_function_configuration(FunctionName=name)
            return latest, functions.get_function_configuration(FunctionName=name, Qualifier=ALIAS)

    latest, serving = await asyncio.to_thread(read)
    release = _variables(serving).get("RELEASE", "")
    version = f"version {serving['Version']}, release {release or 'unknown'}"
    if wrong := differences(latest, serving):
        if target.local and _variables(latest).get("RELEASE") == UNSTAMPED:
            raise UnknownError("this stack runs the source tree, not a version", "make verify-deploy")
        raise FailedError(f"{version}, differs from the deployed function in {', '.join(wrong)}")
    return version


def differences(latest: Mapping[str, Any], serving: Mapping[str, Any]) -> list[str]:
    """Return the names of all properties and variables that differ."""
    wrong = [name for name in FROZEN if latest.get(name) != serving.get(name)]
    if _layers(latest) != _layers(serving):
        wrong.append("Layers")
    if _snap_start(latest) != _snap_start(serving):
        wrong.append("SnapStart")
    before, after = _variables(serving), _variables(latest)
    return wrong + sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _variables(configuration: Mapping[str, Any]) -> Mapping[str, str]:
    return configuration.get("Environment", {}).get("Variables", {})


def _layers(configuration: Mapping[str, Any]) -> list[str]:
    return [each["Arn"] for each in configuration.get("Layers", [])]


def _snap_start(configuration: Mapping[str, Any]) -> str:
    # OptimizationStatus is On for versions only.
    return configuration.get("SnapStart", {}).get("ApplyOn", "None")


CHECKS = (
    Check(
        "live",
        live,
        "make deploy ENV=…: plain sam deploy does not publish new values of parameters. After make rollback, this is "
        "expected until the next deployment",
    ),
)
