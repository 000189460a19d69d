"""A ChatKit endpoint, its bucket and its site on one loopback port, with faults on demand.

with FaultyApi() as api:
    api.faults.add("buffered")      # the answer now arrives at once

It implements the part of the protocol that the doctor uses: threads.create streams, other requests return JSON, and PUT
checks the registered size and type. FAULTS lists the faults.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tools.client.chatkit import Event

FAULTS = frozenset(
    {
        "unhealthy",
        "refuses tokens",
        "lets strangers in",
        "forbids instead of 401",
        "leaks threads",
        "buffered",
        "one piece",
        "assistant fails",
        "takes no upload",
        "takes any upload",
        "no CORS",
        "any origin",
        "html errors",
        "open function url",
        "openai refuses",
    }
)
SITE = "https://chat.example.com"
TOKEN, OTHER_TOKEN = "token-of-ana", "token-of-bob"
PIECES = 8


class FaultyApi:
    """One server; set `faults` to change its behavior."""

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.missing_models: set[str] = set()
        self.shutdown_dates: dict[str, str] = {}
        self.deleted: list[str] = []
        api = self

        class Handler(_Handler):
            owner = api

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def has(self, fault: str) -> bool:
        assert fault in FAULTS
        return fault in self.faults

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: FaultyApi

    def do_GET(self) -> None:
        if self.path == "/chatkit":
            self._answer(500 if self.owner.has("unhealthy") else 200, {"status": "ok"})
        elif self.path == "/chatkit/no-such-route":
            html = self.owner.has("html errors")
            self._answer(200 if html else 404, {"detail": "Not Found"}, "text/html" if html else "application/json")
        elif self.path == "/function-url/chatkit":
            self._answer(200 if self.owner.has("open function url") else 403, {"Message": "Forbidden"})
        elif self.path.startswith("/openai/models/"):
            refused = self.owner.has("openai refuses") or self.headers["authorization"] != "Bearer sk-good"
            name = self.path.rpartition("/")[2]
            missing = name in self.owner.missing_models
            described = {"id": name, "shutdown_date": self.owner.shutdown_dates.get(name)}
            self._answer(401 if refused else 404 if missing else 200, described)
        else:
            self._answer(404, {})

    def do_OPTIONS(self) -> None:
        self._body()
        origin = self.headers["origin"]
        allowed = not self.owner.has("no CORS") and (origin == SITE or self.owner.has("any origin"))
        self._answer(200 if allowed else 403, {}, headers={"access-control-allow-origin": origin} if allowed else {})

    def do_PUT(self) -> None:
        body = self._body()
        registered = int(self.path.partition("?")[0].rpartition("/")[2])
        good = len(body) == registered and self.headers["content-type"] == "application/pdf"
        taken = not self.owner.has("takes no upload") and (good or self.owner.has("takes any upload"))
        self._answer(200 if taken else 403, {})

    def do_POST(self) -> None:
        request = json.loads(self._body())
        token = self.headers["x-auth-token"]
        if token not in (TOKEN, OTHER_TOKEN) and not self.owner.has("lets strangers in"):
            self._answer(403 if self.owner.has("forbids instead of 401") else 401, {"message": "sign in first"})
        elif self.owner.has("refuses tokens"):
            self._answer(401, {"message": "refused"})
        elif request["type"] == "threads.create":
            self._stream()
        elif request["type"] == "threads.get_by_id" and token == OTHER_TOKEN and not self.owner.has("leaks threads"):
            self._answer(404, {"message": "Thread thr_1 not found"})
        else:
            self._answer(200, self._result(request))

    def _result(self, request: Event) -> Event:
        if request["type"] == "threads.delete":
            self.owner.deleted.append(request["params"]["thread_id"])
        if request["type"] == "attachments.create":
            url = f"{self.owner.url}/bucket/{request['params']['size']}?signature=s"
            headers = {"Content-Type": request["params"]["mime_type"]}
            return {"id": "atc_1", "upload_descriptor": {"url": url, "method": "PUT", "headers": headers}}
        return {"data": []}

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        events: list[Any] = [{"type": "thread.created", "thread": {"id": "thr_1"}}]
        if self.owner.has("assistant fails"):
            events.append({"type": "error", "message": "the model refused the key"})
        delta = {"type": "assistant_message.content_part.text_delta", "delta": "word "}
        pieces = 1 if self.owner.has("one piece") else PIECES
        events += [{"type": "thread.item.updated", "update": delta}] * pieces
        lines = [f"data: {json.dumps(each)}\n\n".encode() for each in events]
        if self.owner.has("buffered"):
            threading.Event().wait(0.2)  # like a buffering proxy: collect, then send at once
            self.wfile.write(b"".join(lines))
            return
        for line in lines:
            self.wfile.write(line)
            self.wfile.flush()
            threading.Event().wait(0.02)  # a model's pace

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _answer(
        self, status: int, body: Any, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass
