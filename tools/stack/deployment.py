"""A deployed stack, as its operator sees it: `make deploy`, `make destroy`, `make logs` (`ENV=dev` or `prod`).

    deployment = Deployment.of("dev")       # what samconfig.toml calls the stack
    deployment.deploy()                     # sam deploy, twice for a new stack
    deployment.outputs()["SiteUrl"]

Why twice: the sign-in client returns to the site's domain, which only exists once the distribution does, and that needs
the function, and that the client's id. So a new stack is deployed with a callback to localhost, and once more with
`SiteOrigin` set to its own output `SiteUrl`; from then on CloudFormation keeps the value.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from tools import ROOT

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
NEW_SITE = "http://localhost:5173"
"""The template's default of SiteOrigin: it was never set."""

Run = Callable[[Sequence[str]], None]


class DeploymentError(Exception):
    """The stack is not there, or a command failed; the message says what to do."""


def run(command: Sequence[str]) -> None:
    """Run `command` with its output shown; raises DeploymentError when it fails."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        raise DeploymentError(f"{' '.join(command[:3])} … ended with exit code {done.returncode}")


def client(service: str) -> Any:
    """Return a boto3 client by the operator's own configuration; the caller closes it."""
    return boto3.client(service)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownMemberType, reportUnknownVariableType]  # fmt: skip


@dataclass(frozen=True)
class Deployment:
    """One environment of samconfig.toml; `options` are added to every `sam deploy`."""

    env: str
    stack_name: str
    options: tuple[str, ...] = field(default=())
    run: Run = run

    @classmethod
    def of(cls, env: str) -> Deployment:
        """Return the environment named `env`; raises DeploymentError when samconfig.toml has none of that name."""
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        try:
            return cls(env, config[env]["deploy"]["parameters"]["stack_name"])
        except KeyError:
            known = ", ".join(name for name, each in config.items() if isinstance(each, dict) and "deploy" in each)
            raise DeploymentError(f"samconfig.toml has no environment {env!r}, only {known}") from None

    def deploy(self) -> None:
        """Deploy what was built; a new stack a second time, so that sign-in returns to its own site."""
        self._sam_deploy()
        if (origin := self.missing_origin()) is not None:
            print(f"· once more, so that sign-in returns to {origin}")
            self._sam_deploy("--no-confirm-changeset", "--parameter-overrides", f"SiteOrigin={origin}")

    def _sam_deploy(self, *more: str) -> None:
        self.run([str(SAM), "deploy", "--config-env", self.env, *self.options, *more])

    def missing_origin(self) -> str | None:
        """Return the site's own origin when the stack's parameters do not know it yet."""
        stack = self._stack()
        parameters = {each.get("ParameterKey"): each.get("ParameterValue") for each in stack.get("Parameters", [])}
        if parameters.get("DomainName") or parameters.get("SiteOrigin") != NEW_SITE:
            return None
        return self.outputs()["SiteUrl"]

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs by name; raises DeploymentError when there is no such stack."""
        return {each.get("OutputKey", ""): each.get("OutputValue", "") for each in self._stack().get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """Return the stack's parameters by name."""
        given = self._stack().get("Parameters", [])
        return {each.get("ParameterKey", ""): each.get("ParameterValue", "") for each in given}

    def _stack(self) -> StackTypeDef:
        with closing(client("cloudformation")) as cloudformation:
            try:
                return cloudformation.describe_stacks(StackName=self.stack_name)["Stacks"][0]
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise
                raise DeploymentError(f"there is no stack {self.stack_name}: `make deploy ENV={self.env}`") from error

    def destroy(self) -> None:
        """Delete the stack; table, files, users and secret stay, as the template says, and are named."""
        outputs = self.outputs()
        kept = [outputs[name] for name in ("TableName", "BucketName", "UserPoolId", "OpenAISecretArn")]
        with closing(client("s3")) as s3:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=outputs["SiteBucketName"]):
                for each in page.get("Contents", []):
                    s3.delete_object(Bucket=outputs["SiteBucketName"], Key=each["Key"])
        self.run([str(SAM), "delete", "--config-env", self.env, "--stack-name", self.stack_name, "--no-prompts"])
        print("Kept, with everything in them; delete them yourself when nobody needs them:\n  " + "\n  ".join(kept))

    def logs(self) -> None:
        """Follow the chat function's log."""
        self.run([str(SAM), "logs", "--cw-log-group", self.outputs()["ChatLogGroup"], "--tail"])
