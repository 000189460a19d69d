"""`make doctor`: is a running stack well? One table: pass, fail with how to mend it, or what cannot be known from here.

    make doctor                # the stack that `make dev` runs
    make doctor ENV=dev        # a deployed one; CHATKIT_TOKEN is an access token of one of its users

Three states, and the third is never green: a check that could not look says why, and which command would tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from tools.client.chatkit import RefusedError


class State(Enum):
    """What a check found; the value is how the table says it."""

    PASS = "[green]pass[/green]"
    FAIL = "[bold red]fail[/bold red]"
    UNKNOWN = "[yellow]cannot be known here[/yellow]"


class FailedError(Exception):
    """The stack is not as it should be; the message says what was found."""


class UnknownError(Exception):
    """This cannot be seen from here; `tell` is the command, or the step, that would tell."""

    def __init__(self, why: str, tell: str) -> None:
        super().__init__(why)
        self.tell = tell


@dataclass(frozen=True)
class Stack:
    """What the doctor looks at, local or deployed.

    `api` is the address before `/chatkit`, `site` opens the site (CloudFront), `client` makes a boto3 client of the
    operator. `token` and `other_token` are access tokens of two users, when there are any.
    """

    outputs: Mapping[str, str]
    parameters: Mapping[str, str]
    api: str
    site: Callable[[], httpx.AsyncClient]
    client: Callable[[str], Any]
    token: str | None = None
    other_token: str | None = None
    local: bool = False
    openai: str = "https://api.openai.com/v1"

    @property
    def origin(self) -> str:
        """Where the browser loads the frontend from."""
        domain = self.parameters.get("DomainName")
        return f"https://{domain}" if domain else self.parameters["SiteOrigin"]

    def signed_in(self) -> str:
        """Return a user's token; raises UnknownError when there is none."""
        if self.token is None:
            raise UnknownError("no user's token", "CHATKIT_TOKEN=<access token> make doctor ENV=…")
        return self.token


@dataclass(frozen=True)
class Check:
    """One row: `look` returns what is well, or raises; `mend` says what to do when it fails."""

    name: str
    look: Callable[[Stack], Awaitable[str]]
    mend: str


@dataclass(frozen=True)
class Finding:
    """What one check found; `advice` mends a failure, or would tell what cannot be known."""

    name: str
    state: State
    found: str
    advice: str = ""


async def examine(stack: Stack, checks: Sequence[Check]) -> list[Finding]:
    """Run `checks` one after the other; no failure of one hides another."""
    return [await _look(stack, check) for check in checks]


async def _look(stack: Stack, check: Check) -> Finding:
    try:
        return Finding(check.name, State.PASS, await check.look(stack))
    except UnknownError as error:
        return Finding(check.name, State.UNKNOWN, str(error), error.tell)
    except (FailedError, RefusedError, httpx.HTTPError, KeyError, ValueError) as error:
        found = str(error) if isinstance(error, FailedError) else f"{type(error).__name__}: {error}"
        return Finding(check.name, State.FAIL, found, check.mend)
    except ClientError as error:
        return _of_aws(check, error)
    except BotoCoreError as error:
        return Finding(check.name, State.UNKNOWN, str(error), "aws sts get-caller-identity, then make doctor again")


def _of_aws(check: Check, error: ClientError) -> Finding:
    """Not to be allowed to look is not a fault of the stack."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in ("AccessDenied", "AccessDeniedException", "ExpiredToken", "InvalidClientTokenId"):
        return Finding(check.name, State.UNKNOWN, f"your AWS key may not look: {code}", "make doctor as an operator")
    return Finding(check.name, State.FAIL, str(error), check.mend)


def show(findings: Sequence[Finding], console: Console) -> bool:
    """Print the table and what it comes to; True when nothing failed."""
    table = Table("check", "state", "found", "what to do", show_lines=True)
    for finding in findings:
        table.add_row(finding.name, finding.state.value, finding.found, finding.advice)
    console.print(table)
    count = {state: sum(finding.state is state for finding in findings) for state in State}
    console.print(
        f"{count[State.PASS]} pass, {count[State.FAIL]} fail, {count[State.UNKNOWN]} cannot be known here",
        style="red" if count[State.FAIL] else "",
    )
    return not count[State.FAIL]
