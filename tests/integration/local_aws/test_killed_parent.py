"""The local AWS after its parent was killed, as when a terminal window is closed: it ends, and its state is kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from tools import ROOT
from tools.local.ministack import MiniStack

PARENT = """
import sys, time
from pathlib import Path
from tools.local.ministack import MiniStack

aws = MiniStack.start(state_dir=Path(sys.argv[1]))
print(aws.endpoint, aws._process.pid, flush=True)
time.sleep(120)
"""
SAVED_SECONDS = 60


def wait_until(condition: object, seconds: float = SAVED_SECONDS) -> None:
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


def test_it_ends_and_keeps_what_was_stored(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        try:
            endpoint, pid = parent.stdout.readline().split()
            running = MiniStack(parent, int(endpoint.rpartition(":")[2]), None)  # pyright: ignore[reportArgumentType]
            with closing(running.client("secretsmanager")) as secrets:
                secrets.create_secret(Name="kept", SecretString="x")
            state = tmp_path / "state" / "secretsmanager.json"
            wait_until(lambda: state.exists() and "kept" in state.read_text())
        finally:
            parent.kill()

    wait_until(lambda: ended(int(pid)))
    with MiniStack.start(state_dir=tmp_path) as again, closing(again.client("secretsmanager")) as secrets:
        assert [each["Name"] for each in secrets.list_secrets()["SecretList"]] == ["kept"]
