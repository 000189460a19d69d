"""Legal holds and the audit record, for an operator: `make hold`, `make lift`, and `make audit`.

with Operator.of(outputs, client) as operator:
    async with operator.recorded("export", user_id): ...        # who, what, when, and the outcome
    await run_records("hold", operator, [user_id], "case 2026-17", console)
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from store_dynamo import Backoff, HeldError
from store_dynamo.audit import Action, Audit
from store_dynamo.holds import Holds, describe
from store_dynamo.table import Table
from tools.stack.operator import DeploymentError

RECORDS = ("hold", "lift", "audit")


@dataclass(frozen=True)
class Operator:
    """The person who runs a command, by the ARN of the AWS credentials and the name of the machine."""

    name: str
    machine: str
    holds: Holds
    audit: Audit

    @classmethod
    @contextmanager
    def of(cls, outputs: Mapping[str, str], client: Callable[[str], Any]) -> Generator[Operator]:
        """Yield the operator of a stack with these outputs."""
        with closing(client("dynamodb")) as dynamodb, closing(client("sts")) as sts:
            table = Table(outputs["TableName"], dynamodb, Backoff())
            name: str = sts.get_caller_identity()["Arn"]
            yield cls(name, f"{getpass.getuser()}@{socket.gethostname()}", Holds(table), Audit(table))

    @asynccontextmanager
    async def recorded(self, action: str, subject: str | None) -> AsyncGenerator[None]:
        """Record an action before it begins, and its outcome."""
        async with self.audit.recorded(Action(action, self.name, subject, source=self.machine)):
            yield

    async def refuse_held(self, user_ids: Sequence[str]) -> None:
        """Raise DeploymentError if the data of one of the users, or of all, is under a legal hold."""
        for user_id in (*user_ids, None):
            if hold := await self.holds.find(user_id):
                error = HeldError(describe(hold))
                raise DeploymentError(f"{error}. To end it, run `make lift` (docs/operate/users.md)")


async def run_records(
    command: str, operator: Operator, subjects: Sequence[str | None], reason: str, console: Console
) -> None:
    """Place or lift holds, or print audit records. Raises DeploymentError."""
    if command == "hold" and not reason:
        raise DeploymentError('a hold needs its reason, without personal data: add REASON="case 2026-17"')
    for subject in subjects:
        match command:
            case "hold":
                async with operator.recorded("hold", subject):
                    await operator.holds.place(subject, reason, operator.name)
                console.print(f"✓ {_name(subject)}: nothing is deleted from now on", style="green", highlight=False)
            case "lift":
                count = 0
                async with operator.recorded("lift", subject):
                    with console.status("releasing") as status:
                        async for _ in operator.holds.lift(subject):
                            count += 1
                            status.update(f"releasing: {count} copies")
                console.print(
                    f"✓ {_name(subject)}: the hold is lifted; the janitor deletes {count} kept records and their files",
                    style="green",
                    highlight=False,
                )
            case _:
                await _print(operator, subject, console)


def _name(subject: str | None) -> str:
    return "all users" if subject is None else f"user {subject}"


async def _print(operator: Operator, subject: str | None, console: Console) -> None:
    grid = Grid("time (UTC)", "action", "by", "on", "from", "outcome", title=_name(subject), title_justify="left")
    async with operator.recorded("audit", subject):
        async for entry in operator.audit.read(subject):
            names = ("at", "action", "actor", "target", "source", "outcome")
            grid.add_row(*(entry.get(name, "") for name in names))
    console.print(grid)
