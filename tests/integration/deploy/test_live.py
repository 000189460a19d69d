"""`make deploy` with the real SAM CLI, of a second stack in the account: what is deployed is what `live` serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tests.integration.deploy.conftest import Deployed
from tools.ops import verify
from tools.stack.clients import operator_client
from tools.stack.deployment import Deployment
from tools.stack.operator import DeploymentError

STACK_NAME = "chatkit-second"
FROZEN = ("Environment", "Layers", "Timeout", "MemorySize", "LoggingConfig", "CodeSha256")


@dataclass
class Operator:
    """An operator at a terminal: runs `make deploy` and reads what it prints."""

    deployment: Deployment
    answer: bool = True

    def deploy(self, given: Mapping[str, str] | None = None) -> str:
        output = StringIO()
        console = Console(file=output, width=200)
        replace(self.deployment, console=console).deploy(given or {}, lambda question: self.answer)
        return output.getvalue()

    def configuration(self, qualifier: str) -> dict[str, Any]:
        name = self.deployment.outputs()["ChatFunctionName"]
        with closing(operator_client("lambda")) as functions:
            return functions.get_function_configuration(FunctionName=name, Qualifier=qualifier)

    def live(self) -> dict[str, Any]:
        """Return the configuration that serves, after comparing it with the one that was deployed."""
        latest, live = self.configuration("$LATEST"), self.configuration("live")
        assert {name: live[name] for name in FROZEN} == {name: latest[name] for name in FROZEN}
        assert live["SnapStart"]["ApplyOn"] == latest["SnapStart"]["ApplyOn"]
        return live

    def variables(self) -> dict[str, str]:
        return self.live()["Environment"]["Variables"]


@pytest.fixture(scope="module")
def operator(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with verify.operator(deployed.aws):
        deployment = verify.prepared(deployed.build, tmp_path_factory.mktemp("second"), STACK_NAME)
        yield Operator(deployment)


@pytest.mark.promise("D2")
def test_a_declined_new_stack_leaves_no_stack(operator: Operator) -> None:
    prod = Operator(replace(operator.deployment, confirm=True), answer=False)

    with pytest.raises(DeploymentError, match="declined"):
        prod.deploy()

    with closing(operator_client("cloudformation")) as cloudformation:
        names = [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]
    assert STACK_NAME not in names


@pytest.mark.promise("D1")
def test_a_new_stack_publishes_one_version_in_its_two_passes(operator: Operator) -> None:
    output = operator.deploy()

    assert "second pass" in output
    assert operator.live()["Version"] == "1"


@pytest.mark.promise("D1")
def test_the_same_again_publishes_nothing(operator: Operator) -> None:
    assert "no changes to deploy" in operator.deploy()
    assert operator.live()["Version"] == "1"


@pytest.mark.promise("D1")
def test_five_parameters_reach_live_and_stay(operator: Operator) -> None:
    five = {
        "OpenAIModel": "gpt-9",
        "RequiredGroup": "staff",
        "RetentionDays": "30",
        "SnapStart": "on",
        "LogLevel": "DEBUG",
    }

    operator.deploy(five)
    after = operator.variables()
    operator.deploy()

    assert operator.live()["SnapStart"]["ApplyOn"] == "PublishedVersions"
    for variables in (after, operator.variables()):
        names = ("OPENAI_MODEL", "REQUIRED_GROUP", "RETENTION_DAYS", "LOG_LEVEL")
        assert [variables[name] for name in names] == ["gpt-9", "staff", "30", "DEBUG"]
    assert operator.live()["Version"] == "2"


@pytest.mark.promise("D1")
def test_an_emptied_parameter_reaches_live(operator: Operator) -> None:
    operator.deploy({"RequiredGroup": ""})

    assert operator.variables()["REQUIRED_GROUP"] == ""
    assert operator.live()["Version"] == "3"


@pytest.mark.promise("D1")
def test_another_layer_reaches_live_and_old_versions_are_deleted(operator: Operator, deployed: Deployed) -> None:
    before = operator.live()["Layers"]
    changed = deployed.build / "StreamingLayer" / "python" / "more.py"
    changed.write_text("")
    try:
        output = operator.deploy()
    finally:
        changed.unlink()

    assert operator.live()["Layers"] != before
    assert operator.live()["Version"] == "4"
    assert "deleted old versions: 1" in output


@pytest.mark.promise("D2")
def test_a_declined_change_changes_nothing(operator: Operator) -> None:
    prod = Operator(replace(operator.deployment, confirm=True), answer=False)
    before = operator.configuration("$LATEST")["Environment"]["Variables"]

    with pytest.raises(DeploymentError, match="declined"):
        prod.deploy({"OpenAIModel": "gpt-10"})

    assert operator.configuration("$LATEST")["Environment"]["Variables"] == before
    with closing(operator_client("cloudformation")) as cloudformation:
        sets = cloudformation.list_change_sets(StackName=STACK_NAME)["Summaries"]
    assert [each for each in sets if each.get("ExecutionStatus") == "AVAILABLE"] == []


@pytest.mark.promise("D2")
def test_prod_asks_without_a_setting(operator: Operator) -> None:
    with pytest.raises(DeploymentError, match="declined"):
        Operator(operator.deployment, answer=False).deploy({"Stage": "prod"})


@pytest.mark.promise("D1")
def test_a_deployment_ends_a_rollback_by_alias(operator: Operator) -> None:
    operator.deploy()  # the layer as it was
    newest = operator.live()["Version"]
    name = operator.deployment.outputs()["ChatFunctionName"]
    with closing(operator_client("lambda")) as functions:
        functions.update_alias(FunctionName=name, Name="live", FunctionVersion="3")

    output = operator.deploy()

    assert "no changes to deploy" in output
    assert operator.live()["Version"] == newest


@pytest.mark.promise("D2")
def test_an_unknown_parameter_is_refused_before_anything_is_uploaded(operator: Operator) -> None:
    with pytest.raises(DeploymentError, match="did you mean SnapStart"):
        operator.deploy({"Snapstart": "on"})
