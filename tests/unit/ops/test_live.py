"""The doctor's row `live`: each difference between the deployed function and the version that serves."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tools.ops.checks.live import CHECKS, differences
from tools.ops.doctor import Finding, State, Target, examine

CONFIGURATION: dict[str, Any] = {
    "Version": "$LATEST",
    "CodeSha256": "a",
    "Runtime": "python3.13",
    "Handler": "h",
    "Role": "r",
    "Timeout": 300,
    "MemorySize": 1024,
    "LoggingConfig": {"LogFormat": "JSON"},
    "TracingConfig": {"Mode": "PassThrough"},
    "Layers": [{"Arn": "layer:1", "CodeSize": 1}],
    "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"},
    "Environment": {"Variables": {"RELEASE": "3f0c", "OPENAI_MODEL": "gpt-8"}},
}


class Functions:
    """Lambda with one function and its alias."""

    def __init__(self, latest: dict[str, Any], serving: dict[str, Any]) -> None:
        self.latest, self.serving = latest, serving

    def get_function_configuration(self, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:
        assert FunctionName == "chat"
        return self.serving if Qualifier == "live" else self.latest

    def close(self) -> None:
        pass


def version(**changes: Any) -> dict[str, Any]:
    snap_start = {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    return {**copy.deepcopy(CONFIGURATION), "Version": "7", "SnapStart": snap_start, **changes}


async def row(latest: dict[str, Any], serving: dict[str, Any], local: bool = False) -> Finding:
    target = Target(
        outputs={"ChatFunctionName": "chat"},
        parameters={},
        api="",
        site=httpx.AsyncClient,
        client=lambda service: Functions(latest, serving),
        local=local,
    )
    (finding,) = await examine(target, CHECKS)
    return finding


@pytest.mark.promise("D1")
async def test_passes_with_version_and_release() -> None:
    finding = await row(CONFIGURATION, version())

    assert (finding.state, finding.found) == (State.PASS, "version 7, release 3f0c")


@pytest.mark.promise("D1")
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {name: "other"}) for name in ("CodeSha256", "Runtime", "Handler", "Role", "Timeout", "MemorySize")),
        ("LoggingConfig", {"LoggingConfig": {"LogFormat": "Text"}}),
        ("TracingConfig", {"TracingConfig": {"Mode": "Active"}}),
        ("Layers", {"Layers": [{"Arn": "layer:2"}]}),
        ("Layers", {"Layers": []}),
        ("SnapStart", {"SnapStart": {"ApplyOn": "None"}}),
        ("OPENAI_MODEL", {"Environment": {"Variables": {"RELEASE": "3f0c", "OPENAI_MODEL": "gpt-9"}}}),
        ("OPENAI_MODEL", {"Environment": {"Variables": {"RELEASE": "3f0c"}}}),
        ("RELEASE", {"Environment": {"Variables": {"RELEASE": "beef", "OPENAI_MODEL": "gpt-8"}}}),
    ],
)
async def test_each_difference_fails_and_is_named(name: str, changes: dict[str, Any]) -> None:
    finding = await row(CONFIGURATION, version(**changes))

    assert finding.state is State.FAIL
    assert finding.found.endswith(f"differs from the deployed function in {name}")
    assert "make deploy" in finding.advice
    assert differences(CONFIGURATION, version(**changes)) == [name]


async def test_the_stack_of_make_dev_runs_no_version() -> None:
    latest = {**CONFIGURATION, "Environment": {"Variables": {"RELEASE": "unstamped", "OPENAI_MODEL": "gpt-9"}}}

    assert (await row(latest, version(), local=True)).state is State.UNKNOWN
    assert (await row(latest, version(), local=False)).state is State.FAIL
