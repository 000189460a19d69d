"""MiniStack: a local AWS as a child process.

    with MiniStack.start() as aws:
        aws.client("dynamodb").list_tables()          # with the root key: for set-up only
        aws.client("s3", aws.iam_user("app", policy)) # as the application: SigV4 and IAM are verified

MiniStack pins its own botocore, so it has a separate environment (`.tools/ministack`, created by the Makefile). It runs
CloudFront functions with the project's Node.js, binds the loopback interface only, and refuses requests of other sites'
pages (`ministack_app`). The root key bypasses signature and IAM checks, so nothing under test may use it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from botocore.config import Config

from tools import ROOT
from tools.stack.clients import REGION, ROOT_KEY, Credentials, local_client

PYTHON = ROOT / ".tools" / "ministack" / "bin" / "python"
NODE = ROOT / ".tools" / "node" / "bin" / "node"
ACCOUNT_ID = "000000000000"
START_LIMIT_SECONDS = 30


class MiniStack:
    """One running server. Call `stop()` or use it as a context manager."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, scratch: Path | None) -> None:
        self._process = process
        self._scratch = scratch
        self.endpoint = f"http://127.0.0.1:{port}"

    @classmethod
    def start(cls, port: int = 0, state_dir: Path | None = None, log: Path | None = None) -> Self:
        """Start a server and wait until it accepts requests.

        `port` 0 selects a free one. With `state_dir`, tables and objects outlive the process. `log` receives its
        output. Raises FileNotFoundError when its environment or Node.js is missing, RuntimeError when it does not
        start.
        """
        for needed in (PYTHON, NODE):  # without Node.js, every request for the site gets a 503
            if not needed.exists():
                raise FileNotFoundError(f"{needed.relative_to(ROOT)} is missing: run `make ministack`")
        port = port or free_port()
        scratch = None if state_dir else Path(tempfile.mkdtemp(prefix="ministack-"))
        state = state_dir or cast(Path, scratch)
        state.mkdir(parents=True, exist_ok=True)
        output = log.open("ab") if log else None
        process = subprocess.Popen(
            [
                str(PYTHON),
                "-m",
                "hypercorn",
                "tools.local.ministack_app:app",
                "--workers",
                "0",
                "--bind",
                f"127.0.0.1:{port}",
            ],
            env=_environment(port, state, keep=state_dir is not None),
            stdout=output or subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            umask=0o077,  # files of the state
            start_new_session=True,  # Ctrl-C must not reach it: it stops after the Function URL and this process
        )
        if output:
            output.close()
        stack = cls(process, port, scratch)
        stack._wait_until_ready()
        return stack

    def _wait_until_ready(self) -> None:
        limit = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                raise RuntimeError(f"MiniStack stopped with exit code {self._process.returncode}")
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"MiniStack did not start within {START_LIMIT_SECONDS} s")

    def stop(self) -> None:
        """Stop the server; a second call does nothing."""
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def client(self, service: str, credentials: Credentials = ROOT_KEY, config: Config | None = None) -> Any:
        """Return a boto3 client of this server; the caller closes it."""
        return local_client(service, self.endpoint, credentials, config)

    def iam_user(self, name: str, policy: Mapping[str, Any]) -> Credentials:
        """Create an IAM user with `policy` and return its key."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        iam.close()
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def _environment(port: int, state: Path, keep: bool) -> dict[str, str]:
    return {
        "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}",
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
        "PYTHONPATH": str(ROOT),
        "PARENT_PID": str(os.getpid()),
        "TZ": "UTC",
        "STATE_DIR": str(state / "state"),  # MiniStack always writes its Cognito keys there
        "S3_DATA_DIR": str(state / "s3"),
        "PERSIST_STATE": "1" if keep else "0",
        "S3_PERSIST": "1" if keep else "0",
    }


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
