"""The artifacts of `sam build`: complete, small, for the right machine, and running from their own files alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tools import ROOT
from tools.app.folder import App
from tools.local.function.url import FunctionUrl, LocalFunction
from tools.stack.artifacts import (
    MAX_UNZIPPED_BYTES,
    inspect,
    locked_packages,
    target_of,
    unchecked,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SETTINGS = {
    "TABLE_NAME": "table",
    "BUCKET_NAME": "bucket",
    "COGNITO_ISSUER": "https://cognito.example/pool",
    "COGNITO_JWKS_URL": "http://127.0.0.1:1/jwks.json",  # unreachable: the function starts without the keys
    "COGNITO_CLIENT_ID": "client",
    "ASSISTANT_TABLE": "assistant",
    "OPENAI_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:key",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
SOURCES = (
    ROOT / "functions" / "chat" / "chat_api" / "handler.py",
    ROOT / "functions" / "janitor" / "janitor" / "handler.py",
)
CREDENTIALS = {"sso", "sso-oidc", "sts"}


class TestForLambda:
    def test_has_no_faults(self, for_lambda: Path) -> None:
        """Packages, imports and the streaming layer are complete, without junk; machine code is for arm64."""
        assert inspect(for_lambda).faults == ()

    def test_is_far_below_the_limit(self, for_lambda: Path) -> None:
        sizes = inspect(for_lambda).sizes

        assert sum(sizes.values()) < MAX_UNZIPPED_BYTES * 0.7
        assert sizes["ChatFunction"] < 5_000_000

    def test_the_function_holds_our_packages_only(self, for_lambda: Path) -> None:
        assert {path.name for path in (for_lambda / "ChatFunction").iterdir()} - {"app"} == {
            "assistant_kit",
            "attachments_s3",
            "chat_api",
            "coach",
            "examples",
            "function_setup",
            "languages",
            "store_dynamo",
        }
        assert not (for_lambda / "ChatFunction" / "store_dynamo" / "testing").exists()

    def test_the_runtime_is_in_its_layer_and_nowhere_else(self, for_lambda: Path) -> None:
        assert (for_lambda / "StreamingLayer" / "python" / "awslambdaric").is_dir()
        assert (for_lambda / "StreamingLayer" / "python" / "lambda_streaming").is_dir()
        assert not (for_lambda / "DependenciesLayer" / "python" / "awslambdaric").exists()

    @pytest.mark.promise("D1")
    def test_no_layer_depends_on_the_path_of_the_checkout(self, for_lambda: Path) -> None:
        """RECORD lists console scripts with hashes that contain this path, and SAM uploads a layer by its content."""
        records = list(for_lambda.rglob("*.dist-info/RECORD"))

        assert len(records) > 20
        assert [path for path in records if re.search(r"(?m)^(\.\./)*bin/", path.read_text())] == []
        assert list(for_lambda.rglob("RECORD.*")) == []

    def test_a_package_in_both_layers_has_one_version(self) -> None:
        """Lambda merges layers into one folder, in which the later layer overwrites the earlier one."""
        runtime, dependencies = (
            locked_packages(ROOT / "requirements" / name, target_of("lambda"))
            for name in ("streaming.txt", "functions.txt")
        )

        common = runtime.keys() & dependencies.keys()

        assert {name: runtime[name] for name in common} == {name: dependencies[name] for name in common}


class TestForThisMachine:
    def test_has_no_faults(self, for_this_machine: Path) -> None:
        report = inspect(for_this_machine, target_of("local"))

        assert report.faults == ()
        assert report.compiled

    def test_bytecode_is_not_checked_against_the_source(self, for_this_machine: Path) -> None:
        """The zip does not keep times, so Python would discard bytecode that it compares with them."""
        compiled = list((for_this_machine / "ChatFunction").rglob("*.pyc"))

        assert compiled
        assert all(unchecked(file) for file in compiled)

    @pytest.mark.parametrize("module", ["chat_api.handler", "lambda_streaming", "runtime_client"])
    def test_the_chat_function_imports_from_its_artifacts_alone(self, for_this_machine: Path, module: str) -> None:
        layers = [for_this_machine / layer / "python" for layer in ("StreamingLayer", "DependenciesLayer")]

        done = _import(module, [for_this_machine / "ChatFunction", *layers])

        assert done.returncode == 0, done.stderr

    async def test_the_built_function_answers_through_the_built_runtime(self, for_this_machine: Path) -> None:
        lines: list[str] = []
        function = LocalFunction(
            handler="chat_api.handler.handler",
            code=[for_this_machine / "ChatFunction", for_this_machine / "DependenciesLayer" / "python"],
            layer=for_this_machine / "StreamingLayer",
            environment={**SETTINGS, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"},
            log=lines.append,
        )

        async with FunctionUrl(function) as front, httpx.AsyncClient(timeout=60) as http:
            answer = await http.get(f"{front.url}/chatkit")

        assert (answer.status_code, answer.text) == (200, '{"status":"ok"}'), lines

    def test_every_aws_service_that_is_called_is_shipped(self, for_this_machine: Path) -> None:
        """Other services are left out; the handler and the janitor name the ones that they call."""
        named = {name for source in SOURCES for name in re.findall(r'client\("([a-z0-9-]+)"', source.read_text())}
        layer = for_this_machine / "DependenciesLayer" / "python"
        make = "; ".join(f"session.create_client({name!r})" for name in sorted(named))

        done = _run(f"import botocore.session; session = botocore.session.get_session(); {make}", [layer])

        assert named == {"dynamodb", "s3", "secretsmanager"}
        assert done.returncode == 0, done.stderr
        shipped = {path.name for path in (layer / "botocore" / "data").iterdir() if path.is_dir()}
        assert shipped - set(app.services if (app := App.read()) else ()) == named | CREDENTIALS

    def test_a_missing_layer_is_noticed(self, for_this_machine: Path) -> None:
        """Without the dependencies the import of the test above fails, so that test is meaningful."""
        done = _import("chat_api.handler", [for_this_machine / "ChatFunction"])

        assert "ModuleNotFoundError" in done.stderr


def _import(module: str, folders: list[Path]) -> subprocess.CompletedProcess[str]:
    return _run(f"import {module}", folders)


def _run(program: str, folders: list[Path]) -> subprocess.CompletedProcess[str]:
    """Run `program` with the standard library and `folders` only: -S leaves out .venv, -P the repository."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "TZ": "UTC",
        **SETTINGS,
    }
    return subprocess.run(
        [sys.executable, "-S", "-P", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
