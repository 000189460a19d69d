"""`make deploy` with the real SAM CLI, of a second stack in the account: what is deployed is what `live` serves.

The fixtures are the deployments, each made once and after the one before it; the tests read what each of them did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tests.integration.deploy.conftest import stub_build
from tools.local.ministack import MiniStack
from tools.ops import verify
from tools.stack.clients import operator_client
from tools.stack.deployment import Deployment
from tools.stack.operator import DeploymentError
from tools.stack.versions import Versions

STACK_NAME = "chatkit-second"
FROZEN = ("Environment", "Layers", "Timeout", "MemorySize", "LoggingConfig", "CodeSha256")
FIVE = {
    "OpenAIModel": "gpt-9",
    "RequiredGroup": "staff",
    "RetentionDays": "30",
    "SnapStart": "on",
    "LogLevel": "DEBUG",
}


@dataclass(frozen=True)
class Step:
    """One deployment: what it printed, and the configuration that serves after it."""

    output: str
    live: Mapping[str, Any]

    @property
    def variables(self) -> Mapping[str, str]:
        return self.live["Environment"]["Variables"]


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

    def step(self, given: Mapping[str, str] | None = None) -> Step:
        return Step(self.deploy(given), self.live())

    def configuration(self, qualifier: str) -> dict[str, Any]:
        with closing(operator_client("lambda")) as functions:
            return functions.get_function_configuration(FunctionName=self.function(), Qualifier=qualifier)

    def function(self) -> str:
        return self.deployment.outputs()["ChatFunctionName"]

    def live(self) -> dict[str, Any]:
        """Return the configuration that serves, after comparing it with the one that was deployed."""
        latest, live = self.configuration("$LATEST"), self.configuration("live")
        assert {name: live[name] for name in FROZEN} == {name: latest[name] for name in FROZEN}
        assert live["SnapStart"]["ApplyOn"] == latest["SnapStart"]["ApplyOn"]
        return live


@pytest.fixture(scope="module")
def operator(aws: MiniStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    scratch = tmp_path_factory.mktemp("second")
    build = stub_build(scratch / "build")
    with verify.operator(aws):
        yield Operator(verify.prepared(build, scratch, STACK_NAME))


@pytest.fixture(scope="module")
def declined(operator: Operator) -> list[str]:
    """The stacks after a new one was declined, and before it is created."""
    prod = Operator(replace(operator.deployment, confirm=True), answer=False)
    with pytest.raises(DeploymentError, match="declined"):
        prod.deploy()
    with closing(operator_client("cloudformation")) as cloudformation:
        return [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]


@pytest.fixture(scope="module")
def created(operator: Operator, declined: list[str]) -> Step:
    return operator.step()


@pytest.fixture(scope="module")
def five(operator: Operator, created: Step) -> tuple[Step, Step]:
    """Two deployments: with five parameters, and the same again without any."""
    return operator.step(FIVE), operator.step()


@pytest.fixture(scope="module")
def emptied(operator: Operator, five: tuple[Step, Step]) -> Step:
    return operator.step({"RequiredGroup": ""})


@pytest.mark.promise("D2")
def test_a_declined_new_stack_leaves_no_stack(declined: list[str]) -> None:
    assert STACK_NAME not in declined


@pytest.mark.promise("D1")
def test_a_new_stack_publishes_one_version_in_its_two_passes(created: Step) -> None:
    assert "second pass" in created.output
    assert created.live["Version"] == "1"


@pytest.mark.promise("D1")
def test_the_same_again_publishes_nothing(five: tuple[Step, Step]) -> None:
    before, again = five

    assert "no changes to deploy" in again.output
    assert again.live["Version"] == before.live["Version"]


@pytest.mark.promise("D1")
def test_five_parameters_reach_live_and_stay(five: tuple[Step, Step]) -> None:
    for step in five:
        names = ("OPENAI_MODEL", "REQUIRED_GROUP", "RETENTION_DAYS", "LOG_LEVEL")
        assert [step.variables[name] for name in names] == ["gpt-9", "staff", "30", "DEBUG"]
        assert step.live["SnapStart"]["ApplyOn"] == "PublishedVersions"
        assert step.live["Version"] == "2"


@pytest.mark.promise("D1")
def test_an_emptied_parameter_reaches_live(emptied: Step) -> None:
    assert emptied.variables["REQUIRED_GROUP"] == ""
    assert emptied.live["Version"] == "3"


@pytest.mark.promise("D1")
def test_another_layer_reaches_live_and_old_versions_are_deleted(operator: Operator, emptied: Step) -> None:
    (operator.deployment.build / "StreamingLayer" / "more.py").write_text("")

    changed = operator.step()

    assert changed.live["Layers"] != emptied.live["Layers"]
    assert changed.live["Version"] == "4"
    assert "deleted old versions: 1" in changed.output


@pytest.mark.promise("D2")
def test_a_declined_change_changes_nothing(operator: Operator, created: Step) -> None:
    prod = Operator(replace(operator.deployment, confirm=True), answer=False)
    before = operator.configuration("$LATEST")["Environment"]["Variables"]

    with pytest.raises(DeploymentError, match="declined"):
        prod.deploy({"OpenAIModel": "gpt-10"})

    assert operator.configuration("$LATEST")["Environment"]["Variables"] == before
    with closing(operator_client("cloudformation")) as cloudformation:
        sets = cloudformation.list_change_sets(StackName=STACK_NAME)["Summaries"]
    assert [each for each in sets if each.get("ExecutionStatus") == "AVAILABLE"] == []


@pytest.mark.promise("D2")
@pytest.mark.usefixtures("created")
def test_prod_asks_without_a_setting(operator: Operator) -> None:
    with pytest.raises(DeploymentError, match="declined"):
        Operator(operator.deployment, answer=False).deploy({"Stage": "prod"})


@pytest.mark.promise("D1")
@pytest.mark.usefixtures("five")
def test_a_deployment_ends_a_rollback_by_alias(operator: Operator) -> None:
    newest = operator.live()["Version"]
    with closing(operator_client("lambda")) as functions:
        versions = Versions(functions, operator.function())
        versions.serve(versions.numbers()[1])

    output = operator.deploy()

    assert "no changes to deploy" in output
    assert operator.live()["Version"] == newest


@pytest.mark.promise("D2")
@pytest.mark.usefixtures("created")
def test_an_unknown_parameter_is_refused_before_anything_is_uploaded(operator: Operator) -> None:
    with pytest.raises(DeploymentError, match="did you mean SnapStart"):
        operator.deploy({"Snapstart": "on"})
