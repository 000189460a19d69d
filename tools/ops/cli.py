"""The operator's commands: `python -m tools.ops.cli COMMAND [ENV]`, with one of COMMANDS.

`prepare` checks credentials, region, parameters and the stack's state before `make deploy` builds anything; `python`
prints the version of Python to build for, which is a parameter. Variables of the shell or of make are the arguments:
`PARAMS="SnapStart=on"` of deploy, `YES=1` agrees to a question, `CONFIRM=<stack name>` to a deletion, `VERSION` of
rollback, `REQUEST` and `LEVEL` of logs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import replace

from rich.console import Console

from tools import ROOT
from tools.local.aws import STACK_NAME
from tools.local.dev import DevStack
from tools.ops.checks import account, api, edge, live
from tools.ops.doctor import Target, examine, show
from tools.ops.local_page import PORT, serve
from tools.ops.logs import follow
from tools.ops.targets import deployed, in_ministack
from tools.ops.verify import verify
from tools.stack.deployment import Deployment
from tools.stack.operator import DeploymentError, explained
from tools.stack.parameters import parse, table, values_of
from tools.stack.publish import publish
from tools.stack.questions import confirm
from tools.stack.recovery import make_deployable
from tools.stack.releases import roll_back
from tools.stack.removal import destroy

DIST = ROOT / "frontend" / "dist"
LOG_COLUMNS = 140
COMMANDS = (
    *("prepare", "python", "deploy", "params", "publish", "destroy", "rollback"),
    *("logs", "page", "doctor", "verify"),
)
CHECKS = (*api.CHECKS, *edge.CHECKS, *account.CHECKS, *live.CHECKS)


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.ops.cli", description="Deploy and operate a stack")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "env", nargs="?", default="", help="environment of samconfig.toml; doctor without one examines make dev"
    )
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else LOG_COLUMNS)
    try:
        with explained():
            return 0 if _run(arguments.command, arguments.env, console) else 1
    except DeploymentError as error:
        console.print(f"✗ {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1


def _run(command: str, env: str, console: Console) -> bool:
    match command:
        case "doctor":
            return _doctor(env, console)
        case "verify":
            return asyncio.run(verify(console, CHECKS))
        case "destroy":
            destroy(env, _deployment(env, console).announce())  # without a default environment
        case "rollback":
            roll_back(env, _deployment(env, console).announce(), os.environ.get("VERSION"))
        case "page":
            deployment = _deployment(env, console)
            serve(deployment, int(os.environ.get("PORT") or PORT), os.environ["VITE"])
        case "logs":
            name = Deployment.of(env).stack_name if env else ""
            follow(env, name, os.environ.get("REQUEST", ""), os.environ.get("LEVEL", ""))
        case "params":
            console.print(table(_deployment(env, console).values(_given())))
        case "python":
            print(values_of(_deployment(env, console).values(_given()))["PythonVersion"])
        case "prepare":
            deployment = _deployment(env, console)
            deployment.check(_given())
            make_deployable(env, deployment.announce())
            deployment.values(_given())
        case "deploy":
            deployment = _deployment(env, console)
            deployment.announce()
            deployment.deploy(_given(), confirm)
            _publish(deployment, console)
        case _:
            deployment = _deployment(env, console)
            deployment.announce()
            _publish(deployment, console)
    return True


def _deployment(env: str, console: Console) -> Deployment:
    return replace(Deployment.of(env), console=console)


def _given() -> dict[str, str]:
    return parse(os.environ.get("PARAMS", ""))


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
