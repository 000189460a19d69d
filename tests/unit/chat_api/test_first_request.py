"""Imports of a cold start: modules that neither the start nor a request without a model call may import.

The traceback of a failing test names the line of the forbidden import.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools import ROOT
from tools.local.sign_in.user_pool import UserPool
from tools.workspace import members

EVENT = ROOT / "tests" / "events" / "function_url_post.json"
NOT_FOR_A_LIST = ("agents", "openai", "mcp.shared", "mcp_types", "chatkit.server", "chatkit.agents", "coach.agent")
NEVER = ("boto3", "s3transfer", "pydantic.v1", "uvicorn", "requests", "numpy")
"""boto3 adds a tenth of a second to botocore, for features that the functions do not use."""

PROGRAM = """
import json, sys
class Ban:
    def find_spec(self, name, path=None, target=None):
        if name in json.loads(sys.argv[1]):
            raise ImportError(f"{name} is banned; the traceback above shows its import")
sys.meta_path.insert(0, Ban())

class Context:
    aws_request_id = "request-1"
    def get_remaining_time_in_millis(self):
        return 30000

from chat_api.handler import handler
print(json.dumps(handler(json.loads(sys.argv[2]), Context())))
"""


class Table(BaseHTTPRequestHandler):
    """An empty DynamoDB."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"Items": [], "Count": 0, "ScannedCount": 0}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def table() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Table)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(method: str, path: str, body: object, banned: tuple[str, ...], pool: UserPool, table: str) -> tuple[int, str]:
    """Send one request to a new process that cannot import the `banned` modules; return the status and the log."""
    event: dict[str, Any] = json.loads(EVENT.read_text())
    event["requestContext"]["http"] |= {"method": method, "path": path}
    event |= {"rawPath": path, "rawQueryString": ""}
    event["headers"] = {"content-type": "application/json", "x-auth-token": pool.token("ana")}
    event |= {"body": json.dumps(body), "isBase64Encoded": False, "cookies": []}
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(str(member.source) for member in members()),
        "TZ": "UTC",
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        "COGNITO_ISSUER": pool.issuer,
        "COGNITO_JWKS_URL": pool.jwks_url,
        "COGNITO_CLIENT_ID": pool.client_id,
        "ASSISTANT_TABLE": "assistant",
        "OPENAI_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:key",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_ENDPOINT_URL_DYNAMODB": table,
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, json.dumps(banned), json.dumps(event)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = done.stdout.splitlines()[-1] if done.returncode == 0 else '{"statusCode": 0}'
    return json.loads(answer)["statusCode"], done.stdout + done.stderr


PAGE_LOAD = {
    "composer": ("GET", "/chatkit/composer", None),
    "threads.list": ("POST", "/chatkit", {"type": "threads.list", "params": {}}),
    "items.list": ("POST", "/chatkit", {"type": "items.list", "params": {"thread_id": "thr_1"}}),
}


@pytest.mark.parametrize("name", PAGE_LOAD)
def test_what_a_page_loads_needs_no_model(name: str, pool: UserPool, table: str) -> None:
    """The start and the requests of a page load do not import the Agents SDK, OpenAI's client or MCP."""
    status, log = ask(*PAGE_LOAD[name], NOT_FOR_A_LIST + NEVER, pool, table)

    assert status == 200, log


@pytest.mark.promise("H9")
def test_a_request_is_logged_once(pool: UserPool, table: str) -> None:
    """The function's own line; Mangum's access line would repeat it."""
    _, log = ask(*PAGE_LOAD["composer"], (), pool, table)

    assert len([line for line in log.splitlines() if "/chatkit/composer" in line]) == 1, log


def test_the_ban_means_something(pool: UserPool, table: str) -> None:
    """Banning a module that a list needs fails, and the log names the import."""
    status, log = ask(*PAGE_LOAD["threads.list"], ("chatkit.types",), pool, table)

    assert status == 0
    assert "chatkit.types is banned" in log
