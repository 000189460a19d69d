"""`make verify-deploy`: rehearses deployments into a local AWS, starts the built function, and runs the doctor.

1. `sam build` for this machine: its wheels and its Python, everything else as for Lambda.
2. Deploy, change, switch, roll back and destroy two stacks in a MiniStack with the real SAM CLI (`rehearsal`).
3. Publish the frontend, or a placeholder page, through the deployed distribution.
4. Run the chat function from the built folders alone, with the deployed role, behind the local Function URL.
5. Run the doctor. Properties that only an AWS account has are listed with the commands that check them.

One resource is omitted because MiniStack does not support its type: the branding of Cognito's sign-in pages.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import yaml
from rich.console import Console

from tools import ROOT
from tools.app.folder import App
from tools.local.aws import adopt
from tools.local.function.url import FunctionUrl, LocalFunction
from tools.local.ministack import MiniStack
from tools.local.openai.server import API_KEY, ModelServer
from tools.ops.doctor import Check, State, examine, show
from tools.ops.rehearsal import rehearse
from tools.ops.targets import in_ministack
from tools.stack import artifacts
from tools.stack.clients import REGION, ROOT_KEY
from tools.stack.deployment import SAM, Deployment
from tools.stack.operator import DeploymentError
from tools.stack.publish import publish
from tools.stack.template import read_template, without_unknown_types

BUILD = ROOT / ".aws-sam" / "local"
STACK_NAME = "chatkit-verify"
FIRST_STACK_NAME = "chatkit-verify-first"
"""The stack that the rehearsal destroys; the doctor examines the other one."""
PAGE = "<!doctype html><title>chatkit-serverless</title><p>Published by make verify-deploy.</p>"
OPERATORS_OWN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "CLOUDFORMATION_ROLE_ARN")
TIMEOUT_SECONDS = 300
MEMORY_MB = 1024


async def verify(console: Console, checks: Sequence[Check]) -> bool:
    """Deploy into a local AWS and run `checks`. Return True when none failed."""
    console.print("· sam build for this machine")
    build(BUILD)
    with tempfile.TemporaryDirectory(prefix="verify-") as folder, MiniStack.start() as aws:
        console.print(f"· deployments to {aws.endpoint}")
        with operator(aws):
            first, second = (prepared(BUILD, Path(folder), name) for name in (FIRST_STACK_NAME, STACK_NAME))
            rehearse(first, second, console)
            publish(second.outputs(), _site(Path(folder)))
        async with running(aws, BUILD, Path(folder) / "function.log") as api:
            console.print("· the built function is running; starting the checks")
            findings = await examine(in_ministack(aws.endpoint, STACK_NAME, api), checks)
    passed = show(findings, console)
    console.print("\nNot verifiable on this machine. After `make deploy ENV=dev` run:", style="bold")
    for finding in findings:
        if finding.state is State.UNKNOWN:
            console.print(f"  {finding.name}: {finding.advice}", highlight=False, soft_wrap=True)
    for property_, command in ONLY_ON_AWS:
        console.print(f"  {property_}: {command}", highlight=False, soft_wrap=True)
    return passed


ONLY_ON_AWS = (
    ("CloudFront signs requests to the Function URL and streams its responses", "CHATKIT_TOKEN=… make doctor ENV=dev"),
    ("CloudFormation applies expiry, backups and lifecycle", "make doctor ENV=dev, rows table and bucket"),
    ("a cold start on arm64, with and without SnapStart", "make logs ENV=dev, field initDurationMs of REPORT"),
    ("the branding of the sign-in pages", "open the output SiteUrl and sign in"),
    ("Entry=rest-api streams through API Gateway", "deploy with Entry=rest-api, then make doctor ENV=dev"),
    ("alarms fire", "aws cloudwatch set-alarm-state --alarm-name … --state-value ALARM --state-reason test"),
)


def build(folder: Path) -> None:
    """Run `sam build` for this machine into `folder`. Raises DeploymentError when the result has faults."""
    environment = {**os.environ, "BUILD_TARGET": "local", "PYTHONPATH": ""}
    done = subprocess.run(
        [SAM, "build", "--build-dir", folder], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DeploymentError(f"sam build failed:\n{done.stdout}{done.stderr}")
    if faults := artifacts.complete(folder, artifacts.target_of("local"), App.read()).faults:
        raise DeploymentError("the build has faults:\n  " + "\n  ".join(faults))


def sam_deploy(folder: Path, scratch: Path) -> Deployment:
    """Deploy `folder` as `make deploy` does, into the AWS that the environment selects; output goes to sam.log."""
    deployment = prepared(folder, scratch)
    with (scratch / "sam.log").open("a") as log:
        replace(deployment, console=Console(file=log, width=200)).deploy({}, lambda question: True)
    return deployment


def prepared(folder: Path, scratch: Path, stack_name: str = STACK_NAME) -> Deployment:
    """Return a deployment of `folder` without the resource types that MiniStack does not support.

    Its own samconfig.toml keeps the operator's region and profile away from the local AWS.
    """
    template = folder / "template.yaml"
    template.write_text(yaml.safe_dump(without_unknown_types(read_template(template)), sort_keys=False))
    config = scratch / f"{stack_name}.toml"
    config.write_text(SAMCONFIG.format(stack_name=stack_name))
    return replace(Deployment.of("dev", config), build=folder)


SAMCONFIG = """version = 0.1
[dev.deploy.parameters]
stack_name = "{stack_name}"
parameter_overrides = "Stage=dev"
capabilities = "CAPABILITY_IAM"
resolve_s3 = true
"""


@contextmanager
def operator(aws: MiniStack) -> Generator[None]:
    """Point every AWS client of this process and its children to `aws` with the root key."""
    wanted = {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        **ROOT_KEY.environment(),
    }
    before = {name: os.environ.pop(name, None) for name in (*wanted, *OPERATORS_OWN)}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _site(scratch: Path) -> Path:
    dist = ROOT / "frontend" / "dist"
    if (dist / "index.html").exists():
        return dist
    page = scratch / "dist"
    page.mkdir(exist_ok=True)
    (page / "index.html").write_text(PAGE)
    return page


@asynccontextmanager
async def running(aws: MiniStack, build: Path, log: Path) -> AsyncGenerator[str]:
    """Run the deployed chat function from `build` alone, with its role, and yield the address before `/chatkit`."""
    deployed = adopt(aws, read_template(), STACK_NAME, API_KEY)
    key = os.environ.get("OPENAI_API_KEY")
    with ModelServer.start() as model:
        model_environment = {"OPENAI_API_KEY": key} if key else {"OPENAI_BASE_URL": model.url}
        function = LocalFunction(
            handler="chat_api.handler.handler",
            code=[build / "ChatFunction", build / "DependenciesLayer" / "python"],
            layer=build / "StreamingLayer",
            environment={**deployed.chat_environment, **deployed.chat_credentials.environment(), **model_environment},
            timeout_seconds=TIMEOUT_SECONDS,
            memory_mb=MEMORY_MB,
            log=log,
        )
        async with FunctionUrl(function) as front:
            yield front.url
