"""Deployment, deletion and logs of a stack: `make deploy`, `make destroy`, `make logs` (`ENV=dev` or `prod`).

    deployment = Deployment.of("dev")       # the environment in samconfig.toml
    deployment.deploy()                     # sam deploy, twice for a new stack
    deployment.outputs()["SiteUrl"]

A new stack needs two passes because of a cycle: the sign-in client redirects to the site's domain, the domain exists
once the distribution does, the distribution needs the function, and the function needs the client's id. The first
pass uses a callback to localhost, the second one sets `SiteOrigin` to the stack's own output `SiteUrl`. From then on
CloudFormation keeps the value.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from tools import ROOT
from tools.stack.clients import operator_client
from tools.stack.description import Description, describe

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
NEW_SITE = "http://localhost:5173"
"""The template's default of SiteOrigin; a stack with this value has not had its second pass."""

Run = Callable[[Sequence[str]], None]


class DeploymentError(Exception):
    """The stack does not exist or a command failed. The message names the remedy where there is one."""


def run(command: Sequence[str]) -> None:
    """Run `command` with its output on the terminal. Raises DeploymentError when the command fails."""
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        raise DeploymentError(f"{' '.join(command[:3])} … ended with exit code {done.returncode}")


@dataclass(frozen=True)
class Deployment:
    """One environment of samconfig.toml. Every `sam deploy` gets `options` in addition."""

    env: str
    stack_name: str
    options: tuple[str, ...] = field(default=())
    run: Run = run

    @classmethod
    def of(cls, env: str) -> Deployment:
        """Return the environment named `env`; raises DeploymentError when samconfig.toml does not define it."""
        config = tomllib.loads((ROOT / "samconfig.toml").read_text())
        try:
            return cls(env, config[env]["deploy"]["parameters"]["stack_name"])
        except KeyError:
            known = ", ".join(name for name, each in config.items() if isinstance(each, dict) and "deploy" in each)
            raise DeploymentError(f"samconfig.toml does not define {env!r}; it defines: {known}") from None

    def deploy(self) -> None:
        """Deploy the build. A new stack gets a second pass that lets sign-in redirect to its own site."""
        self._sam_deploy()
        if (origin := self.missing_origin()) is not None:
            print(f"· second pass: sign-in redirects to {origin}")
            self._sam_deploy("--no-confirm-changeset", "--parameter-overrides", f"SiteOrigin={origin}")

    def _sam_deploy(self, *more: str) -> None:
        self.run([str(SAM), "deploy", "--config-env", self.env, *self.options, *more])

    def missing_origin(self) -> str | None:
        """Return the site's own origin if the stack's parameter SiteOrigin still has its default."""
        parameters = self._describe().parameters
        if parameters.get("DomainName") or parameters.get("SiteOrigin") != NEW_SITE:
            return None
        return self.outputs()["SiteUrl"]

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs by name. Raises DeploymentError when the stack does not exist."""
        return dict(self._describe().outputs)

    def parameters(self) -> dict[str, str]:
        """Return the stack's parameters by name."""
        return dict(self._describe().parameters)

    def _describe(self) -> Description:
        with closing(operator_client("cloudformation")) as cloudformation:
            try:
                return describe(cloudformation, self.stack_name)
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise
                raise DeploymentError(
                    f"the stack {self.stack_name} does not exist: run `make deploy ENV={self.env}` first"
                ) from error

    def destroy(self) -> None:
        """Delete the stack and print the names of the retained resources: table, files, users, secret."""
        outputs = self.outputs()
        kept = [outputs[name] for name in ("TableName", "BucketName", "UserPoolId", "OpenAISecretArn")]
        with closing(operator_client("s3")) as s3:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=outputs["SiteBucketName"]):
                for each in page.get("Contents", []):
                    s3.delete_object(Bucket=outputs["SiteBucketName"], Key=each["Key"])
        self.run([str(SAM), "delete", "--config-env", self.env, "--stack-name", self.stack_name, "--no-prompts"])
        print(
            "These resources and their data remain; delete them when you no longer need them:\n  " + "\n  ".join(kept)
        )

    def logs(self) -> None:
        """Follow the chat function's log."""
        self.run([str(SAM), "logs", "--cw-log-group", self.outputs()["ChatLogGroup"], "--tail"])
