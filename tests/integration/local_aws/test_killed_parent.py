"""The local AWS after its parent was killed, as when a terminal window is closed: it ends, and its state is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from tools import ROOT
from tools.local.ministack import MiniStack
from tools.stack.clients import REGION, ROOT_KEY

PARENT = """
import sys, time
from pathlib import Path
from tools.local.ministack import MiniStack

aws = MiniStack.start(state_dir=Path(sys.argv[1]))
print(aws.endpoint, aws._process.pid, flush=True)
time.sleep(120)
"""
LIMIT_SECONDS = 110


def wait_until(condition: object, seconds: float = LIMIT_SECONDS) -> None:
    assert callable(condition)
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it took too long"
        time.sleep(0.1)


def ended(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def create_secret(endpoint: str, name: str) -> None:
    """Create a secret by a request whose body arrives late, when a save may already have begun."""
    body = json.dumps({"Name": name, "SecretString": "x", "ClientRequestToken": "0" * 32}).encode()
    scope = f"{ROOT_KEY.access_key}/20260101/{REGION}/secretsmanager/aws4_request"
    with closing(HTTPConnection(endpoint.partition("//")[2], timeout=LIMIT_SECONDS)) as connection:
        connection.putrequest("POST", "/")
        connection.putheader("X-Amz-Target", "secretsmanager.CreateSecret")
        connection.putheader("Content-Type", "application/x-amz-json-1.1")
        connection.putheader("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        time.sleep(0.5)
        connection.send(body)
        assert connection.getresponse().status == 200


def test_it_ends_and_keeps_what_was_stored(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        try:
            endpoint, pid = parent.stdout.readline().split()
            create_secret(endpoint, "kept")
            state = tmp_path / "state" / "secretsmanager.json"
            wait_until(lambda: state.exists() and "kept" in state.read_text())
        finally:
            parent.kill()

    wait_until(lambda: ended(int(pid)))
    with MiniStack.start(state_dir=tmp_path) as again, closing(again.client("secretsmanager")) as secrets:
        assert [each["Name"] for each in secrets.list_secrets()["SecretList"]] == ["kept"]
