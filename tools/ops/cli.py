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
from tools.ops.doctor import Target, examine, show
from tools.ops.targets import deployed, in_ministack
from tools.ops.verify import verify
from tools.stack.deployment import Deployment, DeploymentError
from tools.stack.publish import publish

DIST = ROOT / "frontend" / "dist"
LOG_COLUMNS = 140
CHECKS = (*api.CHECKS, *edge.CHECKS, *account.CHECKS)


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.ops.cli", description="Deploy and operate a stack")
    parser.add_argument("command", choices=["deploy", "publish", "destroy", "logs", "doctor", "verify"])
    parser.add_argument(
        "env", nargs="?", default="", help="environment of samconfig.toml; doctor without one examines make dev"
    )
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else LOG_COLUMNS)
    try:
        return 0 if _run(arguments.command, arguments.env, console) else 1
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
            Deployment.of(env).destroy()  # without a default environment
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
        raise DeploymentError("frontend/dist does not exist: run `make frontend` first")
    console.print(f"· {publish(outputs, DIST)} files published")
    console.print(f"[bold]{outputs['SiteUrl']}[/bold]  (the API: /chatkit)")


def _doctor(env: str, console: Console) -> bool:
    return show(asyncio.run(examine(_target(env), CHECKS)), console)


def _target(env: str) -> Target:
    if env:
        return deployed(Deployment.of(env))
    dev = DevStack.running()
    return in_ministack(dev.endpoint, STACK_NAME, dev.url)


if __name__ == "__main__":
    sys.exit(main())
