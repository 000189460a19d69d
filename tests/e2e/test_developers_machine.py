"""The local stack on a developer's machine: who can reach its servers, and from where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tools.local.openai.server import API_KEY
from tools.local.site.frontend import running_site
from tools.local.stack import Stack, running_stack

ROOT_KEY = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=00"
)
REAL_KEY = "sk-proj-" + "x" * 40
LISTENING = "0A"
LOOPBACK = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}


def processes() -> Iterator[int]:
    """Yield this process and its descendants."""
    parents = {int(stat.parent.name): parent_of(stat) for stat in Path("/proc").glob("[0-9]*/stat")}
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    yield from family


def parent_of(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return 0


def sockets(pid: int) -> Iterator[str]:
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if (target := os.readlink(descriptor)).startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return


def listening() -> dict[str, str]:
    """Return the hexadecimal address and port of each listening socket of our processes, by inode."""
    ours = {inode for pid in processes() for inode in sockets(pid)}
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[9]: row[1] for row in rows if row[3] == LISTENING and row[9] in ours}


async def test_every_server_listens_on_the_loopback_interface_only(stack: Stack) -> None:
    async with running_site(stack, 0, ("demo@example.com", "password")):
        found = listening()

    assert len(found) >= 4  # the local AWS, the model, the Function URL, a Runtime API or more, the site and sign-in
    assert {address.partition(":")[0] for address in found.values()} <= LOOPBACK, found


async def test_another_sites_page_reaches_no_server(stack: Stack) -> None:
    assert stack.model is not None
    async with running_site(stack, 0, ("demo@example.com", "password")) as site, httpx.AsyncClient() as http:
        servers = [stack.aws.endpoint, stack.model.url, stack.url, site.url, site.sign_in_url]
        for server in servers:
            for headers in (
                {"origin": "https://evil.example"},
                {"origin": "null"},
                {"host": "evil.example"},  # DNS rebinding
            ):
                for method in ("GET", "POST", "OPTIONS"):
                    answer = await http.request(method, server, headers=headers)
                    assert answer.status_code == 403, (server, headers, method)
                    assert not {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("target", ["ListSecrets", "GetSecretValue"])
async def test_another_sites_page_cannot_read_secrets_with_the_root_key(stack: Stack, target: str) -> None:
    headers = {
        "x-amz-target": f"secretsmanager.{target}",
        "content-type": "application/x-amz-json-1.1",
        "authorization": ROOT_KEY,
    }
    body = json.dumps({"SecretId": stack.aws.secret_arn} if target == "GetSecretValue" else {})
    foreign = {**headers, "origin": "https://evil.example"}
    async with httpx.AsyncClient() as http:
        of_a_page = await http.post(stack.aws.endpoint, headers=foreign, content=body)
        of_a_program = await http.post(stack.aws.endpoint, headers=headers, content=body)

    assert (of_a_page.status_code, of_a_program.status_code) == (403, 200)


async def test_a_real_key_reaches_the_function_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", REAL_KEY)
    async with running_stack(lambda _: None, log=tmp_path / "function.log") as stack:
        with closing(stack.server.client("secretsmanager")) as secrets:
            stored = secrets.get_secret_value(SecretId=stack.aws.secret_arn)["SecretString"]
        environment = dict(stack.function.environment)

    assert stored == API_KEY
    assert environment["OPENAI_API_KEY"] == REAL_KEY
