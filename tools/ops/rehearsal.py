"""Two stacks from a failed creation to a rollback, rehearsed in a local AWS with the real SAM CLI.

    rehearse(first, second, console)       # deployments of one build; at the end, only the second one exists

Each step changes something as an operator does, and compares what was deployed with the version that serves.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import yaml
from rich.console import Console

from tools.ops.checks.live import differences
from tools.stack import releases, removal
from tools.stack.clients import operator_client
from tools.stack.deployment import Deployment
from tools.stack.operator import DeploymentError
from tools.stack.release import TEMPLATE
from tools.stack.template import read_template

FIVE = {"OpenAIModel": "gpt-9", "RequiredGroup": "staff", "RetentionDays": "30", "Timeout": "600", "SnapStart": "on"}
SERVED = {"OPENAI_MODEL": "gpt-9", "REQUIRED_GROUP": "staff", "RETENTION_DAYS": "30"}
"""Variables of the function that show three of the five parameters."""
BROKEN = {
    "RehearsalHandle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    "RehearsalNeverReady": {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "RehearsalHandle"}, "Timeout": "1"},
    },
}
"""Resources whose creation fails after a second, because no signal arrives."""


@dataclass(frozen=True)
class Stack:
    """A stack of the rehearsal, and its operator, who answers every question with yes."""

    deployment: Deployment

    @property
    def name(self) -> str:
        return self.deployment.stack_name

    def deploy(self, **given: str) -> str:
        """Run `make deploy` with these parameters and return its output."""
        output = StringIO()
        quiet = replace(self.deployment, console=Console(file=output, width=200))
        try:
            quiet.deploy(given, lambda question: True)
        except DeploymentError as error:
            raise DeploymentError(f"{error}\n{output.getvalue()[-2000:]}") from error
        return output.getvalue()

    def live(self) -> Mapping[str, Any]:
        """Return the configuration that serves. Raises DeploymentError if another one was deployed."""
        with closing(operator_client("lambda")) as functions:
            name = self.deployment.outputs()["ChatFunctionName"]
            latest = functions.get_function_configuration(FunctionName=name)
            serving = functions.get_function_configuration(FunctionName=name, Qualifier="live")
        if wrong := differences(latest, serving):
            raise DeploymentError(f"{self.name}: live differs from the deployed function in {', '.join(wrong)}")
        return serving

    def origin(self) -> str:
        """Return the host to which CloudFront sends requests of the API."""
        with closing(operator_client("cloudfront")) as cloudfront:
            found = cloudfront.get_distribution(Id=self.deployment.outputs()["DistributionId"])
        origins = found["Distribution"]["DistributionConfig"]["Origins"]["Items"]
        return next(each["DomainName"] for each in origins if each["Id"] == "api")


def rehearse(first: Deployment, second: Deployment, console: Console) -> None:
    """Run all steps. Raises DeploymentError for the first one that does not do what it should."""
    one, two = Stack(first), Stack(second)
    for text, step in (
        ("a creation that fails is removed, and the next deployment succeeds", lambda: _failed_creation(one)),
        ("the same deployment again publishes nothing", lambda: _unchanged(one)),
        ("five parameters and a layer reach users", lambda: _five_and_a_layer(one)),
        ("the entry is switched, and back", lambda: _entry(one)),
        ("a second stack is deployed, and the first one destroyed", lambda: _second(one, two)),
        ("the second stack is rolled back, and deployed again", lambda: _rollback(two)),
    ):
        start = time.monotonic()
        step()
        console.print(f"  [green]✓[/green] {text} ({time.monotonic() - start:.0f} s)", highlight=False)


def _must(held: bool, text: str) -> None:
    if not held:
        raise DeploymentError(f"the rehearsal failed: {text}")


def _failed_creation(stack: Stack) -> None:
    with _broken(stack.deployment):
        try:
            stack.deploy()
        except DeploymentError as error:
            _must("RehearsalNeverReady" in str(error), f"the failure does not name its cause: {error}")
        else:
            raise DeploymentError("the rehearsal failed: a creation that cannot succeed succeeded")
    stack.deploy()
    _must(stack.live()["Version"] == "1", "a new stack published more than one version")


@contextmanager
def _broken(deployment: Deployment) -> Generator[None]:
    """Add resources to the built template that cannot be created."""
    path = deployment.build / TEMPLATE
    text, template = path.read_text(), read_template(path)
    template["Resources"] |= BROKEN
    path.write_text(yaml.safe_dump(template, sort_keys=False))
    try:
        yield
    finally:
        path.write_text(text)


def _unchanged(stack: Stack) -> None:
    _must("no changes to deploy" in stack.deploy(), "an unchanged deployment has changes")
    _must(stack.live()["Version"] == "1", "an unchanged deployment published a version")


def _five_and_a_layer(stack: Stack) -> None:
    layers = stack.live()["Layers"]
    added = stack.deployment.build / "StreamingLayer" / "python" / "rehearsal.py"
    added.write_text("")
    try:
        stack.deploy(**FIVE)
    finally:
        added.unlink()
    live = stack.live()
    found = live["Environment"]["Variables"]
    _must({name: found[name] for name in SERVED} == SERVED, "a parameter did not reach the version that serves")
    _must(live["Timeout"] == int(FIVE["Timeout"]), "the timeout did not reach the version that serves")
    _must(live["SnapStart"]["ApplyOn"] == "PublishedVersions", "SnapStart did not reach the version that serves")
    _must(live["Layers"] != layers, "the layer did not reach the version that serves")


def _entry(stack: Stack) -> None:
    stack.deploy(Entry="rest-api")
    _must(".execute-api." in stack.origin(), "Entry=rest-api did not change CloudFront's origin")
    stack.deploy(Entry="function-url")
    _must(".lambda-url." in stack.origin(), "Entry=function-url did not change CloudFront's origin")
    stack.live()


def _second(one: Stack, two: Stack) -> None:
    two.deploy()
    code = _uploaded(two.name)
    removal.destroy(one.deployment.env, one.name, ask=lambda question: one.name, say=lambda text: None)
    _must(code != [] and _uploaded(two.name) == code, f"destroying {one.name} deleted code of {two.name}")
    _must(_uploaded(one.name) == [], f"destroying {one.name} left its code behind")
    two.live()


def _uploaded(stack_name: str) -> list[str]:
    """Return the objects that the SAM CLI has uploaded for a stack."""
    with closing(operator_client("s3")) as s3:
        buckets = [each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("aws-sam-cli-")]
        pages = [s3.list_objects_v2(Bucket=bucket, Prefix=f"{stack_name}/") for bucket in buckets]
    return sorted(each["Key"] for page in pages for each in page.get("Contents", []))


def _rollback(stack: Stack) -> None:
    stack.deploy(OpenAIModel="gpt-bad")
    env = stack.deployment.env
    after = releases.roll_back(env, stack.name, agree=lambda question: True, say=lambda text: None)
    _must(after.live_version < after.newest.version, "the rollback did not move live to the version before")
    stack.deploy()
    _must(stack.live()["Environment"]["Variables"]["OPENAI_MODEL"] == "gpt-bad", "the next deployment did not serve")
    stack.deploy(OpenAIModel="gpt-6.1-terra")
