"""`make dev` without its stack: the printed commands, and the lock that tells a running stack from a killed one."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tools.local import dev
from tools.local.dev import DevStack, Lock, how_to

PRINTED = how_to("http://127.0.0.1:65535", "http://localhost:65535")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DEV_FILE", "LOCK_FILE", "STATE"):
        monkeypatch.setattr(dev, name, tmp_path / name.lower() if name != "STATE" else tmp_path)
    return tmp_path


@pytest.mark.parametrize("width", range(60, 200))
def test_the_printed_request_is_valid_at_any_width(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(PRINTED, highlight=False)

    (body,) = re.findall(r"-d '(.*?)'\n", out.getvalue(), re.DOTALL)

    assert json.loads(body)["type"] == "threads.create"
    assert "curl -N http://127.0.0.1:65535/chatkit \\\n" in out.getvalue()


def test_the_printed_request_is_valid_for_a_shell() -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(PRINTED, highlight=False, soft_wrap=True)
    command = out.getvalue().partition("  curl -N")[2].partition("\n\n")[0].replace("$(make -s token)", "t")

    done = subprocess.run(["bash", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)

    assert '"attachments": [], "inference_options": {}' in done.stdout


def test_the_address_comes_last() -> None:
    assert "Open http://localhost:65535" in PRINTED.splitlines()[-2]


def test_a_stack_that_was_killed_is_not_running(state: Path) -> None:
    (state / "dev_file").write_text(json.dumps({"url": "u", "endpoint": "e", "client_id": "c", "redirect_uri": "r"}))

    assert DevStack.found() is None
    with pytest.raises(SystemExit, match="start `make dev`"):
        DevStack.running()


def test_a_running_stack_is_found(state: Path) -> None:
    (state / "dev_file").write_text(json.dumps({"url": "u", "endpoint": "e", "client_id": "c", "redirect_uri": "r"}))
    held = Lock.take()
    assert held is not None

    assert Lock.take() is None
    assert DevStack.running().url == "u"
    held.release()
    assert DevStack.found() is None


def test_a_killed_process_gives_the_lock_back(state: Path) -> None:
    take = f"f = open({str(state / 'lock_file')!r}, 'a'); fcntl.flock(f, 2); print(1, flush=True)"
    code = f"import fcntl, time; {take}; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert Lock.take() is None
        other.kill()

    held = Lock.take()
    assert held is not None
    held.release()


def test_reset_deletes_conversations_only(state: Path) -> None:
    for name in ("aws/state/dynamodb.json", "aws/s3/a", "function.log", "other"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("x")

    dev.reset()

    assert not (state / "aws").exists()
    assert not (state / "function.log").exists()
    assert (state / "other").exists()


def test_reset_refuses_while_the_stack_runs(state: Path) -> None:
    (state / "aws").mkdir()
    held = Lock.take()
    assert held is not None

    with pytest.raises(SystemExit, match="stop it with Ctrl-C"):
        dev.reset()

    assert (state / "aws").exists()
    held.release()
