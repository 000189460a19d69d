"""The operator's commands: `python -m tools.ops.cli deploy|publish|destroy|logs|doctor|verify [ENV]`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from rich.console import Console

from tools import ROOT
from tools.local.aws import STACK_NAME
from tools.local.cli import DevStack
from tools.ops.checks import account, api, edge
from tools.ops.doctor import Stack, examine, show
from tools.ops.targets import deployed, in_ministack
from tools.ops.verify import verify
from tools.stack.deployment import Deployment, DeploymentError
from tools.stack.publish import publish

DIST = ROOT / "frontend" / "dist"
LOG_COLUMNS = 140
CHECKS = (*api.CHECKS, *edge.CHECKS, *account.CHECKS)


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.ops.cli", description="Deploy a stack and look after it")
    parser.add_argument("command", choices=["deploy", "publish", "destroy", "logs", "doctor", "verify"])
    parser.add_argument(
        "env", nargs="?", default="", help="an environment of samconfig.toml; doctor: empty is make dev"
    )
    given = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else LOG_COLUMNS)
    try:
        return 0 if _run(given.command, given.env, console) else 1
    except DeploymentError as error:
        console.print(f"[red]✗ {error}[/red]", highlight=False)
        return 1


def _run(command: str, env: str, console: Console) -> bool:
    match command:
        case "doctor":
            return _doctor(env, console)
        case "verify":
            return asyncio.run(verify(console, CHECKS))
        case "destroy":
            Deployment.of(env).destroy()  # never by default
        case "logs":
            Deployment.of(env).logs()
        case _:
            deployment = Deployment.of(env)
            if command == "deploy":
                deployment.deploy()
            _publish(deployment, console)
    return True


def _publish(deployment: Deployment, console: Console) -> None:
    outputs = deployment.outputs()
    if not (DIST / "index.html").exists():
        raise DeploymentError("frontend/dist is missing: make frontend")
    console.print(f"· {publish(outputs, DIST)} files published")
    console.print(f"[bold]{outputs['SiteUrl']}[/bold]  (the API: /chatkit)")


def _doctor(env: str, console: Console) -> bool:
    return show(asyncio.run(examine(_patient(env), CHECKS)), console)


def _patient(env: str) -> Stack:
    if env:
        return deployed(Deployment.of(env))
    dev = DevStack.running()
    return in_ministack(dev.endpoint, STACK_NAME, dev.url)


if __name__ == "__main__":
    sys.exit(main())
