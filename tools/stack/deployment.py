"""Deployment, deletion and logs of a stack: `make deploy`, `make destroy`, `make logs` (`ENV=dev` or `prod`).

    deployment = Deployment.of("dev")                          # the environment in samconfig.toml
    deployment.deploy({"SnapStart": "on"}, agree)              # upload, change set, and a second pass for a new stack
    deployment.outputs()["SiteUrl"]

The SAM CLI uploads the build and creates a change set with every parameter's effective value. The change set is shown,
and executed after the operator agrees where samconfig.toml or the stage asks for it. Afterwards, the alias `live`
serves the stack's version, and old versions are deleted.

A new stack needs two passes because of a cycle: the sign-in client redirects to the site's domain, the domain exists
once the distribution does, the distribution needs the function, and the function needs the client's id. The first
pass uses a callback to localhost, the second one sets `SiteOrigin` to the stack's own output `SiteUrl`. Later
deployments keep the stack's value.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError
from rich.console import Console

from tools import ROOT
from tools.app.folder import App, AppError
from tools.stack.changes import ChangeSet, changed_values
from tools.stack.clients import operator_client
from tools.stack.description import Description, describe
from tools.stack.environment import SAMCONFIG, Environment
from tools.stack.operator import DeploymentError, explained, identify, select
from tools.stack.parameters import Origin, Value, effective, overrides, values_of
from tools.stack.questions import Agree
from tools.stack.recovery import make_deployable, protect
from tools.stack.release import TEMPLATE, stamp
from tools.stack.template import Template, read_template
from tools.stack.versions import Versions

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
BUILD = ROOT / ".aws-sam" / "build"
NEW_SITE = "http://localhost:5173"
"""The template's default of SiteOrigin; a stack with this value has not had its second pass."""
_CHANGE_SET = re.compile(r"arn:[\w-]+:cloudformation:\S+:changeSet/\S+")


def _with_origin(each: Value, origin: str) -> Value:
    return Value(each.name, origin, Origin.STACK) if each.name == "SiteOrigin" else each


def _of_app(template: Template) -> dict[str, str]:
    """Return the parameters of app/app.toml. Raises DeploymentError."""
    try:
        return app.parameters(template) if (app := App.read()) else {}
    except AppError as error:
        raise DeploymentError(str(error)) from None


def as_json(build: Path) -> Path:
    """Write the stamped template as JSON next to itself: the SAM CLI parses it seven times, YAML slowly."""
    result = (build / TEMPLATE).with_suffix(".json")
    result.write_text(json.dumps(read_template(build / TEMPLATE), default=str))  # str: an unquoted date
    return result


def run(command: Sequence[str]) -> None:
    """Run `command` with its output on the terminal. Raises DeploymentError when the command fails."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        raise DeploymentError(f"{' '.join(command[:3])} … ended with exit code {done.returncode}")


@dataclass(frozen=True)
class Deployment:
    """One environment of samconfig.toml, or of the file `config`, and the folder that `sam build` wrote."""

    env: str
    stack_name: str
    configured: Mapping[str, str] = field(default_factory=dict[str, str])
    confirm: bool = False
    region_source: str = ""
    build: Path = BUILD
    config: Path = SAMCONFIG
    console: Console = field(default_factory=Console)

    @classmethod
    def of(cls, env: str, config: Path = SAMCONFIG) -> Deployment:
        """Return the environment named `env`, and select its region and profile for this process.

        Raises DeploymentError when the file does not define it, or when no setting names a region.
        """
        environment = Environment.of(env, config)
        with explained():
            source = select(environment.options)
        confirm = bool(environment.options.get("confirm_changeset"))
        return cls(env, environment.stack_name, environment.parameters, confirm, source, config=config)

    def announce(self) -> str:
        """Print account, identity, region and stack, and return the stack's name.

        Raises DeploymentError when AWS rejects the credentials.
        """
        with explained():
            operator = identify(self.region_source)
        self.console.print(f"· account {operator.account} ({operator.arn})", highlight=False, soft_wrap=True)
        self.console.print(f"· region {operator.region} ({operator.source or 'this process'})", highlight=False)
        self.console.print(f"· stack {self.stack_name}", highlight=False)
        return self.stack_name

    # --- deploy -------------------------------------------------------------------------------------------------------

    def values(self, given: Mapping[str, str]) -> list[Value]:
        """Return the effective parameters. Raises DeploymentError for an unknown name or a value that cannot work."""
        before = self._described()
        template = read_template()
        return effective(template, before.parameters if before else {}, self.configured, given, _of_app(template))

    def check(self, given: Mapping[str, str]) -> None:
        """Check names and single values, which needs no AWS. Whether they fit together can depend on the stack's."""
        template = read_template()
        effective({**template, "Rules": {}}, None, self.configured, given, _of_app(template))

    def deploy(self, given: Mapping[str, str], agree: Agree) -> None:
        """Deploy the build with the parameters `given`. Raises DeploymentError when it fails or is declined."""
        with explained():
            make_deployable(self.env, self.stack_name, agree=agree)
            before = self._described()
            serving = self._versions().live() if before else None
            values = self.values(given)
            self._pass(before, values, agree)
            if (origin := self.missing_origin()) is not None:
                self.console.print(f"· second pass: sign-in redirects to {origin}", highlight=False)
                with_site = [_with_origin(each, origin) for each in values]
                self._pass(self._described(), with_site, lambda question: True)
            self._serve(serving)
            protect(self.stack_name)

    def _pass(self, before: Description | None, values: list[Value], agree: Agree) -> None:
        release = stamp(self.build, values_of(values))
        self.console.print(f"· release {release}: uploading and comparing", highlight=False)
        with closing(operator_client("cloudformation")) as cloudformation:
            if (arn := self._propose(values)) is None:
                self.console.print("· the stack is up to date: no changes to deploy")
                return
            changes = ChangeSet.read(cloudformation, arn, self.stack_name)
            if before and (table := changed_values(before.parameters, values)):
                self.console.print(table)
            self.console.print(changes.table())
            if self._asks(before, values) and not agree(f"deploy these changes to {self.stack_name}?"):
                changes.discard()
                raise DeploymentError("declined: the stack and the page stay as they are")
            changes.execute(lambda line: self.console.print(f"  {line}", highlight=False))

    def _asks(self, before: Description | None, values: list[Value]) -> bool:
        return self.confirm or "prod" in (values_of(values).get("Stage"), before and before.parameters.get("Stage"))

    def _propose(self, values: list[Value]) -> str | None:
        """Upload the build and return the ARN of a change set, or None when nothing would change."""
        command = [str(SAM), "deploy", "--template-file", str(as_json(self.build)), "--use-json"]
        command += ["--config-file", str(self.config), "--config-env", self.env, "--stack-name", self.stack_name]
        command += ["--s3-prefix", self.stack_name, "--no-confirm-changeset", "--no-execute-changeset"]
        command += ["--no-fail-on-empty-changeset", "--no-progressbar"]
        if role := os.environ.get("CLOUDFORMATION_ROLE_ARN"):
            command += ["--role-arn", role]
        command += ["--parameter-overrides", *overrides(values_of(values))]
        done = subprocess.run(
            command, cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if not done.returncode and (found := _CHANGE_SET.search(done.stdout)):
            return found[0]
        if not done.returncode and "No changes to deploy" in done.stdout:
            return None
        raise DeploymentError(f"sam deploy failed:\n{done.stdout[-3000:]}")

    def _serve(self, serving: str | None) -> None:
        """Let `live` serve the stack's version, also after a rollback by alias, and delete old versions."""
        with closing(operator_client("cloudformation")) as cloudformation:
            resources = cloudformation.describe_stack_resources(StackName=self.stack_name)["StackResources"]
        published = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Lambda::Version"]
        versions, live = self._versions(), published[0].rsplit(":", 1)[-1]
        if versions.live() != live:
            versions.serve(live)
            self.console.print(f"· live served another version; it serves version {live} again", highlight=False)
        try:
            with explained():
                gone = versions.prune({serving} if serving else set())
        except DeploymentError as error:
            self.console.print(f"· old versions were not deleted: {error}", highlight=False)
        else:
            if gone:
                self.console.print(f"· deleted old versions: {', '.join(gone)}", highlight=False)

    def _versions(self) -> Versions:
        with closing(operator_client("cloudformation")) as cloudformation:
            detail = cloudformation.describe_stack_resource(
                StackName=self.stack_name, LogicalResourceId="ChatFunction"
            )["StackResourceDetail"]
        return Versions(operator_client("lambda"), detail["PhysicalResourceId"])

    # --- the stack ----------------------------------------------------------------------------------------------------

    def missing_origin(self) -> str | None:
        """Return the site's own origin if the stack's parameter SiteOrigin still has its default."""
        described = self._describe()
        if described.parameters.get("DomainName") or described.parameters.get("SiteOrigin") != NEW_SITE:
            return None
        return described.outputs["SiteUrl"]

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs by name. Raises DeploymentError when the stack does not exist."""
        return dict(self._describe().outputs)

    def parameters(self) -> dict[str, str]:
        """Return the stack's parameters by name."""
        return dict(self._describe().parameters)

    def _describe(self) -> Description:
        if (described := self._described()) is None:
            raise DeploymentError(f"the stack {self.stack_name} does not exist: run `make deploy ENV={self.env}` first")
        return described

    def _described(self) -> Description | None:
        """Return the stack, or None before its first deployment."""
        with explained(), closing(operator_client("cloudformation")) as cloudformation:
            try:
                described = describe(cloudformation, self.stack_name)
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise
                return None
        return None if described.status == "REVIEW_IN_PROGRESS" else described
