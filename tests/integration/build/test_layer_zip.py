"""The zip of `make layer` in functions of other projects, which bring their own code and packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
import yaml

from tools import ROOT
from tools.local.function.process import LocalFunction
from tools.local.function.url import FunctionUrl
from tools.workspace import source

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FOREIGN = Path(__file__).parent / "foreign"
README = ROOT / "layers" / "streaming" / "README.md"
UV = ROOT / ".venv" / "bin" / "uv"
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"


def layer_zip(folder: Path, target: str) -> Path:
    """Build the zip as `make layer` does, for `target` (lambda or local)."""
    command = ["make", "-s", "-C", ROOT / "layers" / "streaming", "zip", f"DIST={folder}", f"BUILD_TARGET={target}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


def unzipped(archive: Path, folder: Path) -> Path:
    """Unzip as Lambda does, with modes."""
    with ZipFile(archive) as opened:
        for info in opened.infolist():
            os.chmod(opened.extract(info, folder), info.external_attr >> 16)
    return folder


@pytest.fixture(scope="module")
def zip_for_lambda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layer_zip(tmp_path_factory.mktemp("layer"), "lambda")


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = layer_zip(tmp_path_factory.mktemp("layer"), "local")
    return unzipped(archive, tmp_path_factory.mktemp("opt"))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter without any package, unlike the project's own, which sees this repository."""
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    return str(folder / "bin" / "python")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory, python: str) -> Path:
    """A function's folder: the applications and the packages that they need, at the versions of the project's lock."""
    folder = tmp_path_factory.mktemp("code")
    packages = ["fastapi", "sse-starlette"]
    command = [UV, "pip", "install", "--quiet", "--python", python, "--target", folder, *packages]
    subprocess.run([*command, "--constraint", ROOT / "requirements" / "dev.txt"], check=True)
    shutil.copytree(FOREIGN, folder, dirs_exist_ok=True)
    return folder


class TestZip:
    def test_holds_what_the_layer_of_the_template_holds(self, zip_for_lambda: Path, for_lambda: Path) -> None:
        artifact = for_lambda / "StreamingLayer"
        expected = {str(path.relative_to(artifact)) for path in artifact.rglob("*") if path.is_file()}

        with ZipFile(zip_for_lambda) as opened:
            found = {info.filename for info in opened.infolist() if not info.is_dir()}

        assert expected <= found
        assert all("x86_64" in name for name in found - expected)

    def test_serves_both_architectures(self, zip_for_lambda: Path) -> None:
        with ZipFile(zip_for_lambda) as opened:
            libraries = {name for name in opened.namelist() if name.endswith(".so")}

        arm = {name for name in libraries if name.endswith("cpython-313-aarch64-linux-gnu.so")}
        assert "python/runtime_client.cpython-313-aarch64-linux-gnu.so" in arm
        assert libraries - arm == {name.replace("aarch64", "x86_64") for name in arm}

    def test_has_an_executable_bootstrap(self, zip_for_lambda: Path, tmp_path: Path) -> None:
        assert os.access(unzipped(zip_for_lambda, tmp_path) / "bootstrap", os.X_OK)


class TestElsewhere:
    @pytest.fixture
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(timeout=60) as client:
            yield client

    @pytest.fixture
    def function(self, layer: Path, python: str, code: Path) -> LocalFunction:
        lines: list[str] = []
        environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap"}
        return LocalFunction("fastapi_app.handler", [code], layer, environment, log=lines.append, python=python)

    async def test_a_fastapi_application_answers_json_and_runs_its_lifespan_once(self, function, client) -> None:
        lines: list[str] = []
        function.log = lines.append
        async with FunctionUrl(function) as front:
            answers = [(await client.get(f"{front.url}/?name=me")).json() for _ in range(2)]
            missing = await client.get(f"{front.url}/nowhere")

        assert answers == [{"hello": "me", "starts": 1}] * 2, lines
        assert missing.status_code == 404
        assert lines[-1] == "lifespan stopped"

    @pytest.mark.parametrize("path", ["/async", "/sync"])
    async def test_a_fastapi_application_streams(self, function, client, path, tmp_path) -> None:
        async with FunctionUrl(function) as front:
            pieces = await gated_pieces(client, f"{front.url}{path}", tmp_path)

        assert pieces == [b"0", b"1", b"2"]

    async def test_sse_starlette_streams_event_by_event(self, function, client, tmp_path) -> None:
        function.handler = "starlette_app.handler"
        async with FunctionUrl(function) as front:
            pieces = await gated_pieces(client, front.url, tmp_path)

        assert pieces == [b"event: number\r\ndata: %d\r\n\r\n" % number for number in range(3)]

    def test_nothing_of_this_repository_is_imported(self, layer: Path, python: str, code: Path) -> None:
        program = (
            "import sys, fastapi_app; print(*(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', 0)))"
        )
        environment = {"PYTHONPATH": f"{layer / 'python'}:{code}", "PATH": os.environ["PATH"]}
        done = subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=True)

        assert str(layer / "python" / "lambda_streaming") in done.stdout
        assert str(source("lambda_streaming")) not in done.stdout
        assert str(ROOT / ".venv" / "lib") not in done.stdout


async def gated_pieces(client: httpx.AsyncClient, url: str, gates: Path) -> list[bytes]:
    """Read a stream whose application makes piece n + 1 only after piece n has arrived here."""
    pieces: list[bytes] = []
    async with client.stream("GET", url, params={"gates": str(gates)}) as response:
        assert response.status_code == 200
        async for piece in response.aiter_raw():
            (gates / str(len(pieces))).touch()
            pieces.append(piece)
    return pieces


class TestRecipe:
    """The recipe of the README, read from there."""

    @pytest.fixture
    def recipe(self) -> str:
        (found,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
        return found

    def test_is_a_template_that_sam_accepts(self, recipe: str, tmp_path: Path) -> None:
        (tmp_path / "template.yaml").write_text(recipe)
        command = [SAM, "validate", "--lint", "--template", tmp_path / "template.yaml"]
        environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1", "SAM_CLI_TELEMETRY": "0"}

        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr

    def test_names_the_zip_of_this_version_and_the_file_that_is_in_it(self, recipe: str, zip_for_lambda: Path) -> None:
        resources = yaml.load(recipe.replace("!Ref ", ""), yaml.SafeLoader)["Resources"]
        function, layer = resources["Function"]["Properties"], resources["StreamingLayer"]["Properties"]

        assert layer["ContentUri"] == zip_for_lambda.name
        wrapper = function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]
        with ZipFile(zip_for_lambda) as opened:
            assert wrapper.removeprefix("/opt/") in opened.namelist()
        assert function["FunctionUrlConfig"]["InvokeMode"] == "RESPONSE_STREAM"
        assert function["Runtime"] in layer["CompatibleRuntimes"]
