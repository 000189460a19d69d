"""Commands about users: `python -m tools.ops.user_commands user|token|export|erase|hold|lift|audit [ENV]`.

The address is in the variable EMAIL, a group in GROUP. Without ENV, they concern the stack of `make dev`. Commands that
read or change data are in the audit record.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TextIO

from rich.console import Console

from chat_api.assistant import AssistantSettings, Environment
from chat_api.factory import load_factory
from chat_api.warmup import AssistantSecrets
from tools.app.folder import App
from tools.local.aws import STACK_NAME
from tools.local.dev import DevStack
from tools.ops.personal_data import Client, PersonalData
from tools.ops.user_records import RECORDS, Operator, run_records
from tools.ops.user_token import access_token
from tools.ops.users import PoolUser, Users
from tools.stack.clients import local_client, operator_client
from tools.stack.deployment import Deployment
from tools.stack.description import describe
from tools.stack.operator import DeploymentError, explained

COMMANDS = ("user", "token", "export", "erase", *RECORDS)


@dataclass(frozen=True)
class Place:
    """A stack whose users are meant: its outputs and parameters, and a maker of AWS clients."""

    name: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    client: Client

    @classmethod
    def of(cls, env: str, console: Console) -> Place:
        """Return an environment's stack, or without `env` the one that `make dev` runs."""
        if env:
            deployment = Deployment.of(env)
            deployment.announce()
            return cls(deployment.stack_name, deployment.outputs(), deployment.parameters(), operator_client)
        client = partial(local_client, endpoint=DevStack.running().endpoint)
        with closing(client("cloudformation")) as cloudformation:
            found = describe(cloudformation, STACK_NAME)
        console.print("· the stack of make dev", highlight=False)
        return cls("make dev", found.outputs, found.parameters, client)

    @contextmanager
    def assistant(self) -> Generator[object]:
        """Yield the assistant, which may keep data elsewhere than in its table. Raises DeploymentError."""
        name = self.parameters.get("Assistant", "")
        model = self.parameters.get("OpenAIModel", "")
        with closing(self.client("dynamodb")) as dynamodb:
            try:
                own = app.variables(self.parameters.get("Stage", "dev")) if (app := App.read()) else {}
                settings = AssistantSettings(
                    model,
                    None,
                    _no_key,
                    self.outputs["AssistantTableName"],
                    dynamodb,
                    env=Environment({**own, **os.environ}),
                    secret=AssistantSecrets(os.environ, None),
                )
                assistant = load_factory(name)(settings)
            except Exception as error:
                raise DeploymentError(
                    f"the assistant {name} cannot be loaded here ({type(error).__name__}), so its data would be "
                    "missing: run the command in the checkout that was deployed"
                ) from error
            yield assistant


async def _no_key() -> str:
    raise DeploymentError("this command does not call a model")


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.ops.user_commands", description="Users of a stack and their data")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("env", nargs="?", default="", help="environment of samconfig.toml; without one, make dev")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    try:
        with explained():
            return run(arguments.command, Place.of(arguments.env, console), os.environ, console)
    except DeploymentError as error:
        console.print(f"✗ {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1


def run(command: str, place: Place, given: Mapping[str, str], console: Console) -> int:
    """Run `command` in `place`; return the exit code. Raises DeploymentError."""
    email = given.get("EMAIL", "").strip()
    with closing(place.client("cognito-idp")) as cognito, Operator.of(place.outputs, place.client) as operator:
        users = Users(cognito, place.outputs["UserPoolId"])
        match command:
            case "user":
                done = users.invite(email, given.get("GROUP", "").strip())
                console.print(f"✓ {done}", style="green", highlight=False)
            case "token":
                client_id = place.outputs["UserPoolClientId"]
                print(access_token(cognito, place.outputs["UserPoolId"], client_id, email, _ask))
            case "export":
                _export(place, operator, users.find(email), email, console)
            case "erase":
                _erase(place, operator, users, email, given, console)
            case _:
                everyone = given.get("ALL", "") == "yes"
                subjects = [None] if everyone else [user.user_id for user in users.find(email)]
                asyncio.run(run_records(command, operator, subjects, given.get("REASON", "").strip(), console))
    return 0


def _ask(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass(f"{name}: ", stream=sys.stderr)


def _export(place: Place, operator: Operator, found: list[PoolUser], email: str, console: Console) -> None:
    path = Path(f"export-{email.replace('/', '_')}-{datetime.now(UTC):%Y%m%d-%H%M%S}.jsonl")
    count = asyncio.run(_write(place, operator, found, path, console))
    console.print(f"✓ {count} entries in {path}, readable by you only", style="green", highlight=False)


async def _write(place: Place, operator: Operator, found: list[PoolUser], path: Path, console: Console) -> int:
    count = 0
    with place.assistant() as assistant, _private(path) as file, console.status("exporting") as status:
        for user in found:
            async with operator.recorded("export", user.user_id):
                async for entry in PersonalData(place.outputs, place.client, user.user_id, assistant).export():
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                    count += 1
                    status.update(f"exporting: {count} entries")
    return count


def _private(path: Path) -> TextIO:
    """Return a new file that only the operator can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _erase(
    place: Place, operator: Operator, users: Users, email: str, given: Mapping[str, str], console: Console
) -> None:
    found = users.find(email)
    asyncio.run(operator.refuse_held([user.user_id for user in found]))
    console.print(
        f"This deletes in {place.name} the user {email} with all conversations, files and the assistant's data."
    )
    console.print("Backups of the tables keep them for up to 35 days. Logs contain ids, no words.")
    if (given.get("CONFIRM") or _typed(email)) != email:
        raise DeploymentError("nothing was deleted: the address was not repeated")
    with place.assistant() as assistant:
        for user in found:
            users.disable(user)
            console.print(f"· sign-in disabled, sessions ended: {user.name}", highlight=False)
            count = asyncio.run(_delete(place, operator, user, assistant, console))
            users.delete(user)
            console.print(
                f"✓ {count} records and files of {user.name} deleted, and the user", style="green", highlight=False
            )


async def _delete(place: Place, operator: Operator, user: PoolUser, assistant: object, console: Console) -> int:
    count = 0
    with console.status("erasing") as status:
        async with operator.recorded("erase", user.user_id):
            async for _ in PersonalData(place.outputs, place.client, user.user_id, assistant).erase():
                count += 1
                status.update(f"erasing: {count} records and files")
    return count


def _typed(email: str) -> str:
    if not sys.stdin.isatty():
        raise DeploymentError(f"there is no terminal to ask on: add CONFIRM={email}")
    return input("Type the address again to delete everything: ").strip()


if __name__ == "__main__":
    sys.exit(main())
