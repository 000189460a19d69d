"""`make doctor`: checks a running stack and prints one table of results with remedies.

    make doctor                # the stack that `make dev` runs
    make doctor ENV=dev        # a deployed stack; CHATKIT_TOKEN: see `make token ENV=dev EMAIL=…`

A check passes, fails, warns of a failure at a known time, or is unknown because it cannot run here. A failed row shows
how to fix the fault, an unknown one how to check it elsewhere. Unknown rows are never green. Checks that need a failed
one are not run, so that one fault is one failed row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from tools.client.chatkit import RefusedError

SERVER_ERROR = 500
NOT_PERMITTED = ("AccessDenied", "AccessDeniedException", "ExpiredToken", "InvalidClientTokenId")


class State(Enum):
    """Outcome of a check; the value is its text in the table."""

    PASS = "[green]pass[/green]"
    WARN = "[yellow]warn[/yellow]"
    FAIL = "[bold red]fail[/bold red]"
    UNKNOWN = "[yellow]unknown[/yellow]"
    NOT_CHECKED = "[dim]not checked[/dim]"


class FailedError(Exception):
    """The stack has a fault; the message describes it."""


class WarningError(Exception):
    """The stack works now and will fail at a known time; the message says when."""


class UnknownError(Exception):
    """The check cannot run here; `advice` is the command or the step that makes it possible."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.advice = advice


@dataclass(frozen=True)
class Target:
    """A local or deployed stack as the checks see it.

    `api` is the address before `/chatkit`, `site` opens the site (CloudFront), `client` returns a boto3 client of the
    operator. `token` and `other_token` are access tokens of two users, if available.
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
        """The frontend's origin in a browser."""
        domain = self.parameters.get("DomainName")
        return f"https://{domain}" if domain else self.parameters["SiteOrigin"]

    def signed_in(self) -> str:
        """Return a user's access token. Raises UnknownError when none is available."""
        if self.token is None:
            raise UnknownError(
                "an access token of a user is required",
                "CHATKIT_TOKEN=$(make token ENV=… EMAIL=…) make doctor ENV=…",
            )
        return self.token


@dataclass(frozen=True)
class Check:
    """One row: `run` returns a description of the healthy state or raises; `fix` is the remedy for a failure.

    After the failure of a check in `needs` it says nothing about the stack, and is not run.
    """

    name: str
    run: Callable[[Target], Awaitable[str]]
    fix: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Result of one check; `advice` is the remedy for a failure, or the way to check an unknown row."""

    name: str
    state: State
    found: str
    advice: str = ""


async def examine(target: Target, checks: Sequence[Check]) -> list[Finding]:
    """Run all `checks` one after the other, except those that need one that failed."""
    causes: dict[str, str] = {}
    """The check that failed first, by the name of each that failed or was not run."""
    findings: list[Finding] = []
    for check in checks:
        cause = next((causes[name] for name in check.needs if name in causes), None)
        if cause is None:
            finding = await _examine(target, check)
        else:
            finding = Finding(check.name, State.NOT_CHECKED, f"because of {cause}", f"first correct {cause}")
        if finding.state in (State.FAIL, State.NOT_CHECKED):
            causes[check.name] = cause or check.name
        findings.append(replace(finding, advice=_here(finding.advice)) if target.local else finding)
    return findings


def _here(advice: str) -> str:
    """Return the advice for the local stack."""
    return advice.replace("make logs ENV=…", "make logs")


async def _examine(target: Target, check: Check) -> Finding:
    try:
        return Finding(check.name, State.PASS, await check.run(target))
    except UnknownError as error:
        return Finding(check.name, State.UNKNOWN, str(error), error.advice)
    except WarningError as error:
        return Finding(check.name, State.WARN, str(error), check.fix)
    except (FailedError, RefusedError, httpx.HTTPError, KeyError, ValueError) as error:
        if isinstance(error, RefusedError) and error.status >= SERVER_ERROR:
            return Finding(check.name, State.FAIL, f"the API returns {error}", "make logs ENV=… shows the fault")
        found = str(error) if isinstance(error, FailedError) else f"{type(error).__name__}: {error}"
        return Finding(check.name, State.FAIL, found, check.fix)
    except ClientError as error:
        return _from_aws(check, error)
    except BotoCoreError as error:
        return Finding(
            check.name, State.UNKNOWN, str(error), "check `aws sts get-caller-identity`, then repeat make doctor"
        )


def _from_aws(check: Check, error: ClientError) -> Finding:
    """A key without permission to read a setting is not a fault of the stack."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in NOT_PERMITTED:
        return Finding(
            check.name,
            State.UNKNOWN,
            f"your AWS key has no permission to read this: {code}",
            "repeat make doctor with an operator's key",
        )
    return Finding(check.name, State.FAIL, str(error), check.fix)


def show(findings: Sequence[Finding], console: Console) -> bool:
    """Print the table and its totals. Return True when no check failed."""
    table = Table("check", "state", "found", "what to do", show_lines=True)
    for finding in findings:
        table.add_row(finding.name, finding.state.value, finding.found, finding.advice)
    console.print(table)
    count = {state: sum(finding.state is state for finding in findings) for state in State}
    skipped = f", {count[State.NOT_CHECKED]} not checked" if count[State.NOT_CHECKED] else ""
    warned = f"{count[State.WARN]} warn, " if count[State.WARN] else ""
    console.print(
        f"{count[State.PASS]} pass, {warned}{count[State.FAIL]} fail, {count[State.UNKNOWN]} unknown{skipped}",
        style="red" if count[State.FAIL] else "",
    )
    return not count[State.FAIL]
