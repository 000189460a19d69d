"""`make dev-frontend ENV=dev`: the real Vite with a stand-in for the deployed site."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tools import ROOT
from tools.local.ministack import NODE, free_port
from tools.ops.local_page import vite_environment
from tools.stack.operator import DeploymentError

VITE = ROOT / "frontend" / "node_modules" / "vite" / "bin" / "vite.js"
OUTPUTS = {
    "SiteUrl": "https://d111.cloudfront.net",
    "UserPoolId": "eu-west-1_ABC",
    "UserPoolClientId": "client",
    "SignInDomain": "https://chatkit-1.auth.eu-west-1.amazoncognito.com",
}

released = threading.Event()


class DeployedSite(BaseHTTPRequestHandler):
    """Answers POST /chatkit with the Host header, and after the test has read it, with a second part."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.part(f"host: {self.headers['host']}\n")
        released.wait(10)
        self.part("end\n")
        self.wfile.write(b"0\r\n\r\n")

    def part(self, text: str) -> None:
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), DeployedSite)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def page(site: str) -> Iterator[str]:
    port = free_port()
    parameters = {"LocalCallback": f"http://localhost:{port}"}
    settings = {**vite_environment("dev", OUTPUTS, parameters, port), "API_URL": site}
    command = [str(NODE), str(VITE), "frontend", "--host", "127.0.0.1"]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
        process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        assert process.poll() is None, "Vite ended"
        try:
            httpx.get(url, timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError


def test_the_configuration_is_the_deployed_one_with_a_local_callback(page: str) -> None:
    config = httpx.get(f"{page}/config.json").json()

    assert config["clientId"] == OUTPUTS["UserPoolClientId"]
    assert config["signInDomain"] == OUTPUTS["SignInDomain"]
    assert config["redirectUri"] == f"http://localhost:{page.rpartition(':')[2]}/"


@pytest.mark.feature("page-on-deployed-stack")
def test_the_api_is_the_deployed_one_and_streams(page: str, site: str) -> None:
    with httpx.stream("POST", f"{page}/chatkit", json={}, timeout=15) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        released.set()

        assert first == f"host: {site.removeprefix('http://')}", "CloudFront selects the site by the host"
        assert list(lines) == ["end"]


@pytest.mark.parametrize("accepted", ["", "http://localhost:5180"])
def test_a_stack_that_does_not_return_here_names_the_parameter(accepted: str) -> None:
    with pytest.raises(DeploymentError, match="LocalCallback=http://localhost:5173"):
        vite_environment("dev", OUTPUTS, {"LocalCallback": accepted}, 5173)


def test_the_parameter_is_enough() -> None:
    settings = vite_environment("dev", OUTPUTS, {"LocalCallback": "http://localhost:5173"}, 5173)

    assert settings["API_URL"] == OUTPUTS["SiteUrl"]
    assert json.loads(settings["SITE_CONFIG"])["authority"].endswith("eu-west-1_ABC")
