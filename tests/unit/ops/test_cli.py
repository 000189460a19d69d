"""The operator's commands: a fault of environment, credentials, region, network or parameters is one line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tools.ops import cli

EXPIRED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message>
</Error></ErrorResponse>"""
VARIABLES = (
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "PARAMS",
    "YES",
)


class Refusal(BaseHTTPRequestHandler):
    """An AWS that refuses every request because the token has expired."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(403)
        self.send_header("content-length", str(len(EXPIRED)))
        self.end_headers()
        self.wfile.write(EXPIRED)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def expired() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command in a shell with only these variables, and return the line of its fault."""
    for name in (*VARIABLES, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")  # so that what the command sets is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def command(*arguments: str, **variables: str) -> str:
        monkeypatch.setattr("sys.argv", ["cli", *arguments])
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert cli.main() == 1
        output = capsys.readouterr()
        assert output.err == ""
        (line,) = [line for line in output.out.splitlines() if not line.startswith("·")]
        assert line.startswith("✗ ")
        return line

    return command


KEY = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
NEEDS_AWS = ("prepare", "deploy", "params", "publish", "destroy", "rollback", "logs", "doctor")


@pytest.mark.promise("D2")
@pytest.mark.parametrize("command", NEEDS_AWS)
def test_without_credentials(run: Callable[..., str], command: str) -> None:
    assert "no AWS credentials were found: run `aws configure`" in run(command, "dev", AWS_REGION="eu-central-1")


@pytest.mark.promise("D2")
@pytest.mark.parametrize("command", NEEDS_AWS)
def test_without_a_region(run: Callable[..., str], command: str) -> None:
    assert "no AWS region is set" in run(command, "dev")


@pytest.mark.promise("D2")
@pytest.mark.parametrize("command", NEEDS_AWS)
def test_with_an_unknown_environment(run: Callable[..., str], command: str) -> None:
    assert "use ENV= with one of dev, prod" in run(command, "staging", **KEY)


@pytest.mark.promise("D2")
def test_without_a_network(run: Callable[..., str]) -> None:
    assert "AWS cannot be reached" in run("prepare", "dev", AWS_ENDPOINT_URL="http://127.0.0.1:1", **KEY)


@pytest.mark.promise("D2")
def test_with_expired_credentials(run: Callable[..., str], expired: str) -> None:
    assert "your credentials have expired: sign in again" in run("prepare", "dev", AWS_ENDPOINT_URL=expired, **KEY)


@pytest.mark.promise("D2")
@pytest.mark.parametrize(
    ("parameters", "fault"),
    [("Snapstart=on", "did you mean SnapStart?"), ("SnapStart=maybe", "off, on"), ("SnapStart", "Name=value")],
)
def test_with_parameters_that_cannot_work(run: Callable[..., str], parameters: str, fault: str) -> None:
    """Before AWS is asked: this shell has no credentials."""
    assert fault in run("prepare", "dev", AWS_REGION="eu-central-1", PARAMS=parameters)
